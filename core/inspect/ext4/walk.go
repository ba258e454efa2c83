package ext4

import (
	"encoding/binary"
	"fmt"
	"io"
	"path"
)

const (
	rootInode = 2
	// maxFolder is the most bytes of one folder.
	maxFolder = 1 << 30
	maxDepth  = 2048
)

// Walk calls visit for the root, whose name is ".", and for each name below
// it, folders before what is in them. An inode with several names comes with
// each.
func (f *FS) Walk(visit func(name string, n *Inode) error) error {
	root, err := f.inode(rootInode)
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
	entries, err := w.fs.entries(n)
	if err != nil {
		return fmt.Errorf("folder of inode %d: %w", n.Number, err)
	}
	for _, e := range entries {
		child, err := w.fs.inode(e.inode)
		if err != nil {
			return err
		}
		at := path.Join(name, e.name)
		if child.IsFolder() {
			err = w.folder(at, child, depth+1)
		} else {
			err = w.visit(at, child)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// entry is a name in a folder.
type entry struct {
	name  string
	inode uint32
}

// entries returns the names in a folder, but for its own and its parent's.
func (f *FS) entries(n *Inode) ([]entry, error) {
	if n.flags&flagInline != 0 {
		// The parent's number is before the entries.
		list, err := parse(nil, n.blocks[4:])
		if err == nil && len(n.inline) > 0 {
			list, err = parse(list, n.inline)
		}
		return list, err
	}
	if n.Size > maxFolder || n.Size > f.size {
		return nil, broken("it has %d bytes", n.Size)
	}
	r, err := n.Content()
	if err != nil {
		return nil, err
	}
	// The index of a large folder looks like entries of no inode.
	var list []entry
	b := make([]byte, f.block)
	for {
		if _, err := io.ReadFull(r, b); err == io.EOF {
			return list, nil
		} else if err != nil {
			return nil, broken("it ends within a block")
		}
		if list, err = parse(list, b); err != nil {
			return nil, err
		}
	}
}

// parse adds the entries of one block.
func parse(list []entry, b []byte) ([]entry, error) {
	const head = 8
	for len(b) >= head {
		le := binary.LittleEndian
		inode, length, name := le.Uint32(b), int(le.Uint16(b[4:])), int(b[6])
		if length == 0xffff || length == 0 {
			length = len(b) // of blocks of 64 KiB
		}
		if length < head || length > len(b) || length%4 != 0 || inode != 0 && head+name > length {
			return nil, broken("an entry makes no sense")
		}
		if text := string(b[head : head+min(name, length-head)]); inode != 0 && text != "." && text != ".." {
			if !isName(text) {
				return nil, broken("%q is no name", text)
			}
			list = append(list, entry{text, inode})
		}
		b = b[length:]
	}
	return list, nil
}

func isName(s string) bool {
	for i := range len(s) {
		if s[i] == '/' || s[i] == 0 {
			return false
		}
	}
	return s != ""
}
