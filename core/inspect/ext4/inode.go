package ext4

import (
	"encoding/binary"
	"fmt"
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
	Links uint16
	// Size is the length of the content in bytes.
	Size int64
	// ModTime is in seconds since 1970.
	ModTime int64
	// Major and Minor are a device's numbers.
	Major, Minor uint32
	// Xattrs are extended attributes by name.
	Xattrs map[string]string

	flags  uint32
	extra  int      // the length of what follows the first 128 bytes
	blocks [60]byte // where the content is, or the content itself
	inline []byte   // the rest of that
}

// The types in modes.
const (
	typeMask = 0o170000
	folder   = 0o040000
	symlink  = 0o120000
	char     = 0o020000
	block    = 0o060000
)

// The flags of inodes.
const (
	flagEncrypted = 0x800
	flagExtents   = 0x80000
	flagInline    = 0x10000000
)

// ID returns its number.
func (n *Inode) ID() uint32 { return n.Number }

// IsFolder and IsSymlink say what it is.
func (n *Inode) IsFolder() bool  { return n.Mode&typeMask == folder }
func (n *Inode) IsSymlink() bool { return n.Mode&typeMask == symlink }

// inode reads one with its extended attributes.
func (f *FS) inode(number uint32) (*Inode, error) {
	n, b, err := f.bare(number)
	if err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	if extra := n.extra; len(b) > 128+extra+4 {
		if err := n.ownXattrs(b[128+extra:]); err != nil {
			return nil, err
		}
	}
	if at := int64(le.Uint32(b[0x68:])) | int64(le.Uint16(b[0x76:]))<<32; at != 0 {
		if err := n.blockXattrs(at); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// bare reads one without, and returns all its bytes.
func (f *FS) bare(number uint32) (*Inode, []byte, error) {
	if number == 0 || number > f.inodes {
		return nil, nil, broken("it refers to the inode %d of %d", number, f.inodes)
	}
	group, index := (number-1)/f.perGroup, (number-1)%f.perGroup
	b := make([]byte, f.inodeSize)
	at := f.tables[group] + int64(index)*f.inodeSize
	if at+f.inodeSize > f.size {
		return nil, nil, broken("inode %d is beyond its end", number)
	}
	if _, err := f.r.ReadAt(b, at); err != nil {
		return nil, nil, fmt.Errorf("read inode %d: %w", number, err)
	}
	le := binary.LittleEndian
	n := &Inode{
		fs: f, Number: number, Mode: uint32(le.Uint16(b)), Links: le.Uint16(b[0x1a:]), flags: le.Uint32(b[0x20:]),
		UID:     uint32(le.Uint16(b[2:])) | uint32(le.Uint16(b[0x78:]))<<16,
		GID:     uint32(le.Uint16(b[0x18:])) | uint32(le.Uint16(b[0x7a:]))<<16,
		Size:    int64(le.Uint32(b[4:])) | int64(le.Uint32(b[0x6c:]))<<32,
		ModTime: int64(int32(le.Uint32(b[0x10:]))),
	}
	copy(n.blocks[:], b[0x28:])
	if n.Size < 0 || n.flags&flagEncrypted != 0 {
		return nil, nil, broken("inode %d has %d bytes, or is encrypted", number, n.Size)
	}
	if f.inodeSize > 128 {
		n.extra = int(le.Uint16(b[0x80:]))
	}
	if n.extra >= 0x8c-0x80 {
		n.ModTime += int64(le.Uint32(b[0x88:])&3) << 32
	}
	if kind := n.Mode & typeMask; kind == char || kind == block {
		n.device()
	}
	return n, b, nil
}

// device reads a device's numbers, of the old form or the new.
func (n *Inode) device() {
	if old := binary.LittleEndian.Uint32(n.blocks[:]); old != 0 {
		n.Major, n.Minor = old>>8&0xff, old&0xff
		return
	}
	number := binary.LittleEndian.Uint32(n.blocks[4:])
	n.Major, n.Minor = number>>8&0xfff, number&0xff|number>>12&^0xff
}

// Target returns where a symlink leads.
func (n *Inode) Target() (string, error) {
	const most = 4096
	if n.Size > most {
		return "", broken("the symlink of inode %d has %d bytes", n.Number, n.Size)
	}
	if n.Size < int64(len(n.blocks)) && n.flags&(flagExtents|flagInline) == 0 {
		return string(n.blocks[:n.Size]), nil
	}
	r, err := n.Content()
	if err != nil {
		return "", err
	}
	target, err := io.ReadAll(r)
	return string(target), err
}
