package squashfs

import (
	"encoding/binary"
	"io"
)

// Inode is a file, a folder or whatever else has a number.
type Inode struct {
	fs *FS
	// Number is the inode's.
	Number uint32
	// Mode has the type and the permissions, as in inode(7).
	Mode     uint32
	UID, GID uint32
	// Links is how many names it has.
	Links uint32
	// Size is the length of a file in bytes.
	Size int64
	// ModTime is in seconds since 1970.
	ModTime int64
	// Target is where a symlink leads.
	Target string
	// Major and Minor are a device's numbers.
	Major, Minor uint32
	// Xattrs are extended attributes by name.
	Xattrs map[string]string

	// at is where the content begins, or a folder's names, and in which byte
	// of the last block of that it ends or begins.
	at       int64
	offset   uint32
	fragment uint32
	// blocks is where the lengths of the blocks are.
	blocks cursor
	names  int64 // bytes of names
}

// The types of inodes; those with more in them are seven further.
const (
	folder = iota + 1
	file
	symlink
	block
	char
	fifo
	socket
	long = 7
)

// modes are the types in inode(7).
var modes = map[uint16]uint32{
	folder: 0o040000, file: 0o100000, symlink: 0o120000, block: 0o060000, char: 0o020000, fifo: 0o010000, socket: 0o140000,
}

// ID returns its number.
func (n *Inode) ID() uint32 { return n.Number }

// IsFolder says what it is.
func (n *Inode) IsFolder() bool { return n.Mode&0o170000 == modes[folder] }

// inode reads one.
func (f *FS) inode(ref uint64) (*Inode, error) {
	c := f.reference(f.inodes, ref)
	b, err := c.take(16)
	if err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	kind := le.Uint16(b)
	extended := kind > long
	if extended {
		kind -= long
	}
	n := &Inode{fs: f, Mode: modes[kind] | uint32(le.Uint16(b[2:]))&0o7777, ModTime: int64(le.Uint32(b[8:])), Number: le.Uint32(b[12:]), fragment: noFragment}
	if modes[kind] == 0 {
		return nil, broken("inode %d has the unknown type %d", n.Number, kind)
	}
	for i, id := range []*uint32{&n.UID, &n.GID} {
		entry, err := f.ids.get(int64(le.Uint16(b[4+2*i:])))
		if err != nil {
			return nil, err
		}
		*id = le.Uint32(entry)
	}
	attributes := uint32(noFragment)
	switch kind {
	case folder:
		err = n.folder(c, extended, &attributes)
	case file:
		err = n.file(c, extended, &attributes)
	case symlink:
		err = n.symlink(c, extended, &attributes)
	default:
		err = n.special(c, kind, extended, &attributes)
	}
	if err == nil && attributes != noFragment && f.attributes != nil {
		err = n.xattrs(attributes)
	}
	return n, err
}

func (n *Inode) folder(c *cursor, extended bool, attributes *uint32) error {
	le := binary.LittleEndian
	if !extended {
		b, err := c.take(16)
		if err != nil {
			return err
		}
		n.at, n.Links, n.names, n.offset = int64(le.Uint32(b)), le.Uint32(b[4:]), int64(le.Uint16(b[8:])), uint32(le.Uint16(b[10:]))
		return nil
	}
	b, err := c.take(24)
	if err != nil {
		return err
	}
	n.Links, n.names, n.at, n.offset = le.Uint32(b), int64(le.Uint32(b[4:])), int64(le.Uint32(b[8:])), uint32(le.Uint16(b[18:]))
	*attributes = le.Uint32(b[20:])
	return nil
}

func (n *Inode) file(c *cursor, extended bool, attributes *uint32) error {
	le := binary.LittleEndian
	if !extended {
		b, err := c.take(16)
		if err != nil {
			return err
		}
		n.at, n.fragment, n.offset, n.Size, n.Links = int64(le.Uint32(b)), le.Uint32(b[4:]), le.Uint32(b[8:]), int64(le.Uint32(b[12:])), 1
		n.blocks = *c
		return nil
	}
	b, err := c.take(40)
	if err != nil {
		return err
	}
	n.at, n.Size, n.Links = int64(le.Uint64(b)), int64(le.Uint64(b[8:])), le.Uint32(b[24:])
	n.fragment, n.offset, *attributes = le.Uint32(b[28:]), le.Uint32(b[32:]), le.Uint32(b[36:])
	n.blocks = *c
	if n.Size < 0 || n.at < 0 {
		return broken("inode %d has %d bytes", n.Number, n.Size)
	}
	return nil
}

func (n *Inode) symlink(c *cursor, extended bool, attributes *uint32) error {
	const most = 65536
	le := binary.LittleEndian
	b, err := c.take(8)
	if err != nil {
		return err
	}
	n.Links = le.Uint32(b)
	length := le.Uint32(b[4:])
	if length > most {
		return broken("the symlink of inode %d has %d bytes", n.Number, length)
	}
	target, err := c.take(int(length))
	if err != nil {
		return err
	}
	n.Target = string(target)
	return n.tail(c, extended, attributes)
}

// special reads devices, FIFOs and sockets.
func (n *Inode) special(c *cursor, kind uint16, extended bool, attributes *uint32) error {
	b, err := c.take(4)
	if err != nil {
		return err
	}
	n.Links = binary.LittleEndian.Uint32(b)
	if kind == block || kind == char {
		if b, err = c.take(4); err != nil {
			return err
		}
		device := binary.LittleEndian.Uint32(b)
		n.Major, n.Minor = device>>8&0xfff, device&0xff|device>>12&^0xff
	}
	return n.tail(c, extended, attributes)
}

// tail reads the number of attributes at the end of longer inodes.
func (n *Inode) tail(c *cursor, extended bool, attributes *uint32) error {
	if !extended {
		return nil
	}
	b, err := c.take(4)
	if err == nil {
		*attributes = binary.LittleEndian.Uint32(b)
	}
	return err
}

// xattrs reads extended attributes.
func (n *Inode) xattrs(index uint32) error {
	const maxCount, maxValue, elsewhere = 1 << 12, 64 << 10, 0x100
	le := binary.LittleEndian
	e, err := n.fs.attributes.get(int64(index))
	if err != nil {
		return err
	}
	count := le.Uint32(e[8:])
	if count > maxCount {
		return broken("inode %d has %d extended attributes", n.Number, count)
	}
	n.Xattrs = map[string]string{}
	c := n.fs.reference(n.fs.values, le.Uint64(e))
	for range count {
		b, err := c.take(4)
		if err != nil {
			return err
		}
		kind := le.Uint16(b)
		prefix, ok := map[uint16]string{0: "user.", 1: "trusted.", 2: "security."}[kind&0xff]
		if !ok {
			return broken("an extended attribute has the unknown type %d", kind)
		}
		name, err := c.take(int(le.Uint16(b[2:])))
		if err != nil {
			return err
		}
		value, err := take(c, maxValue)
		if err == nil && kind&elsewhere != 0 {
			if len(value) != 8 {
				return broken("an extended attribute leads nowhere")
			}
			value, err = take(n.fs.reference(n.fs.values, le.Uint64(value)), maxValue)
		}
		if err != nil {
			return err
		}
		n.Xattrs[prefix+string(name)] = string(value)
	}
	return nil
}

// take reads a value whose length is before it.
func take(c *cursor, most uint32) ([]byte, error) {
	b, err := c.take(4)
	if err != nil {
		return nil, err
	}
	length := binary.LittleEndian.Uint32(b)
	if length > most {
		return nil, broken("an extended attribute has %d bytes", length)
	}
	return c.take(int(length))
}

// Content returns a reader of a file's content.
func (n *Inode) Content() io.Reader { return &reader{n: n, blocks: n.blocks, at: n.at, left: n.Size} }
