package ext4

import (
	"encoding/binary"
	"fmt"
	"io"
)

// prefixes are what the numbers in attributes' names stand for.
var prefixes = map[byte]string{
	0: "", 1: "user.", 2: "system.posix_acl_access", 3: "system.posix_acl_default", 4: "trusted.", 6: "security.", 7: "system.", 8: "system.richacl",
}

const (
	xattrMagic = 0xea020000
	// inlineData is the attribute that has content in it.
	inlineData = "system.data"
	maxXattr   = 64 << 10
)

// ownXattrs reads the attributes behind an inode.
func (n *Inode) ownXattrs(b []byte) error {
	if binary.LittleEndian.Uint32(b) != xattrMagic {
		return nil
	}
	return n.xattrs(b[4:], b[4:])
}

// blockXattrs reads the attributes in a block of their own, which files share
// whose attributes are the same.
func (n *Inode) blockXattrs(at int64) error {
	b := make([]byte, n.fs.block)
	n.fs.budget++ // what is shared is read often
	if err := n.fs.readBlock(b, at); err != nil {
		return err
	}
	const head = 32
	if binary.LittleEndian.Uint32(b) != xattrMagic {
		return broken("the extended attributes of inode %d make no sense", n.Number)
	}
	return n.xattrs(b[head:], b)
}

// xattrs reads attributes whose values are in a second slice.
func (n *Inode) xattrs(b, values []byte) error {
	const size = 16
	for len(b) >= 4 && binary.LittleEndian.Uint32(b) != 0 {
		if len(b) < size || len(b) < size+int(b[0]) {
			return broken("an extended attribute of inode %d is cut off", n.Number)
		}
		le := binary.LittleEndian
		name := prefixes[b[1]] + string(b[size:size+int(b[0])])
		at, inode, length := int(le.Uint16(b[2:])), le.Uint32(b[4:]), int64(le.Uint32(b[8:]))
		value, err := n.value(values, at, inode, length)
		if err != nil {
			return err
		}
		switch {
		case name == inlineData:
			n.inline = value
		case b[1] == 2 || b[1] == 3:
			n.set(name, acl(value))
		default:
			n.set(name, value)
		}
		b = b[min(len(b), size+(int(b[0])+3)&^3):]
	}
	return nil
}

func (n *Inode) set(name string, value []byte) {
	if n.Xattrs == nil {
		n.Xattrs = map[string]string{}
	}
	n.Xattrs[name] = string(value)
}

// value returns an attribute's value, which may be an inode's content.
func (n *Inode) value(values []byte, at int, inode uint32, length int64) ([]byte, error) {
	if length > maxXattr || inode == 0 && int64(at)+length > int64(len(values)) {
		return nil, broken("an extended attribute of inode %d has %d bytes", n.Number, length)
	}
	if inode == 0 {
		return values[at : int64(at)+length], nil
	}
	of, _, err := n.fs.bare(inode)
	if err != nil {
		return nil, fmt.Errorf("extended attribute of inode %d: %w", n.Number, err)
	}
	r, err := of.Content()
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(r, length))
}

// acl turns an access control list as it is on the disk into the attribute
// that programs see, which has a number in each entry.
// Source: the kernel's fs/ext4/acl.c and include/uapi/linux/posix_acl_xattr.h.
func acl(b []byte) []byte {
	le := binary.LittleEndian
	if len(b) < 4 || le.Uint32(b) != 1 {
		return b
	}
	out := le.AppendUint32(nil, 2)
	for b = b[4:]; len(b) >= 4; {
		tag := le.Uint16(b)
		out = append(out, b[:4]...)
		b = b[4:]
		if named := tag == 0x02 || tag == 0x08; named && len(b) >= 4 {
			out = append(out, b[:4]...)
			b = b[4:]
			continue
		}
		out = le.AppendUint32(out, 1<<32-1)
	}
	return out
}
