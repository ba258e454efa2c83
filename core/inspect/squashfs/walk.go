package squashfs

import (
	"encoding/binary"

	"github.com/mkmini/mkmini/core/inspect/walk"
)

// Walk calls visit for the root, whose name is ".", and for each name below
// it, folders before what is in them. An inode with several names comes with
// each.
func (f *FS) Walk(visit func(name string, n *Inode) error) error {
	return walk.Walk(tree{f}, f.root, visit)
}

// tree is a file system as it is walked through: its references say in which
// block of inodes one is, and where.
type tree struct{ fs *FS }

func (t tree) Inode(ref uint64) (*Inode, error) { return t.fs.inode(ref) }

func (t tree) Broken(format string, args ...any) error { return broken(format, args...) }

func (t tree) Names(folder *Inode, each func(name string, ref uint64) error) error {
	// The length counts three bytes for the folder itself and its parent.
	c := t.fs.reference(t.fs.folders, uint64(folder.at)<<16|uint64(folder.offset))
	for left := folder.names - 3; left > 0; {
		taken, err := group(c, each)
		if err != nil {
			return err
		}
		left -= taken
	}
	return nil
}

// group reads entries that have a head in common, and returns its length.
func group(c *cursor, each func(name string, ref uint64) error) (int64, error) {
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
		name, err := c.take(int(le.Uint16(e[6:])) + 1)
		if err != nil {
			return 0, err
		}
		taken += int64(len(e) + len(name))
		if err := each(string(name), uint64(at)<<16|uint64(le.Uint16(e))); err != nil {
			return 0, err
		}
	}
	return taken, nil
}
