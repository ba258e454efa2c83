package ext4

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/mkmini/mkmini/core/inspect/walk"
)

const (
	rootInode = 2
	// maxFolder is the most bytes of one folder.
	maxFolder = 1 << 30
)

// Walk calls visit for the root, whose name is ".", and for each name below
// it, folders before what is in them. An inode with several names comes with
// each.
func (f *FS) Walk(visit func(name string, n *Inode) error) error {
	return walk.Walk(tree{f}, rootInode, visit)
}

// tree is a file system as it is walked through: its references are the
// inodes' numbers.
type tree struct{ fs *FS }

func (t tree) Inode(ref uint64) (*Inode, error) { return t.fs.inode(uint32(ref)) }

func (t tree) Broken(format string, args ...any) error { return broken(format, args...) }

func (t tree) Names(folder *Inode, each func(name string, ref uint64) error) error {
	entries, err := t.fs.entries(folder)
	if err != nil {
		return fmt.Errorf("folder of inode %d: %w", folder.Number, err)
	}
	for _, e := range entries {
		if err := each(e.name, uint64(e.inode)); err != nil {
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
			list = append(list, entry{text, inode})
		}
		b = b[length:]
	}
	return list, nil
}
