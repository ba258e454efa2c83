package squashfs

import (
	"encoding/binary"
	"path"
	"strings"
)

// maxDepth is the most folders in each other.
const maxDepth = 2048

// Walk calls visit for the root, whose name is ".", and for each name below
// it, folders before what is in them. An inode with several names comes with
// each.
func (f *FS) Walk(visit func(name string, n *Inode) error) error {
	root, err := f.inode(f.root)
	if err != nil {
		return err
	}
	if !root.IsFolder() {
		return broken("its root is no folder")
	}
	w := &walk{fs: f, visit: visit, seen: map[uint32]bool{}}
	return w.folder(".", root, 0)
}

// walk is one way through a file system.
type walk struct {
	fs    *FS
	visit func(name string, n *Inode) error
	seen  map[uint32]bool // folders
}

func (w *walk) folder(name string, n *Inode, depth int) error {
	if w.seen[n.Number] || depth > maxDepth {
		return broken("the folder of inode %d has two names, or is too deep", n.Number)
	}
	w.seen[n.Number] = true
	if err := w.visit(name, n); err != nil {
		return err
	}
	// The length counts three bytes for the folder itself and its parent.
	c := w.fs.reference(w.fs.folders, uint64(n.at)<<16|uint64(n.offset))
	for left := n.names - 3; left > 0; {
		taken, err := w.group(name, c, depth)
		if err != nil {
			return err
		}
		left -= taken
	}
	return nil
}

// group reads entries that have a head in common, and returns its length.
func (w *walk) group(name string, c *cursor, depth int) (int64, error) {
	const maxGroup = 256
	le := binary.LittleEndian
	head, err := c.take(12)
	if err != nil {
		return 0, err
	}
	count, at := int64(le.Uint32(head))+1, le.Uint32(head[4:])
	if count > maxGroup {
		return 0, broken("a folder has %d entries with one head", count)
	}
	taken := int64(len(head))
	for range count {
		e, err := c.take(8)
		if err != nil {
			return 0, err
		}
		text, err := c.take(int(le.Uint16(e[6:])) + 1)
		if err != nil {
			return 0, err
		}
		taken += int64(len(e) + len(text))
		if err := w.entry(path.Join(name, string(text)), string(text), uint64(at)<<16|uint64(le.Uint16(e)), depth); err != nil {
			return 0, err
		}
	}
	return taken, nil
}

func (w *walk) entry(at, base string, ref uint64, depth int) error {
	if len(base) > 256 || strings.ContainsAny(base, "/\x00") || base == "." || base == ".." {
		return broken("%.300q is no name", base)
	}
	n, err := w.fs.inode(ref)
	if err != nil {
		return err
	}
	if n.IsFolder() {
		return w.folder(at, n, depth+1)
	}
	return w.visit(at, n)
}
