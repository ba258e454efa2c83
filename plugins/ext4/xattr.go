package ext4

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/plugins/layer"
)

// Extended attributes stand behind an inode's own fields, or in a block of
// their own. In both, entries grow from the front and values from the end.
// Source: Documentation/filesystems/ext4/attributes.rst.
const (
	xattrMagic = 0xea020000
	// inodeXattrs is where they begin in an inode, behind the magic number.
	inodeXattrs = 128 + 32 + 4
	// blockXattrs is where they begin in a block.
	blockXattrs = 32
	// xattrEntry is the length of an entry before its name.
	xattrEntry = 16
)

// xattrSpaces are the namespaces with a number.
var xattrSpaces = map[string]byte{"user": 1, "trusted": 4, "security": 6}

// attribute is one as it is on the disk.
type attribute struct {
	space       byte
	name, value string
}

// size is the room that it needs.
func (a attribute) size() int { return xattrEntry + align(len(a.name)) + align(len(a.value)) }

// align rounds up to whole words.
func align(n int) int { return (n + 3) &^ 3 }

// attributes are those of an entry: in the inode what finds room, and in a
// block the rest.
type attributes struct{ inode, block []attribute }

// placeXattrs says where an entry's attributes go.
func placeXattrs(e layer.Entry) (attributes, error) {
	var placed attributes
	// Four bytes of zeros end the entries.
	inode, block := inodeSize-inodeXattrs-4, BlockSize-blockXattrs-4
	all := make([]attribute, 0, len(e.Xattrs))
	for _, x := range e.Xattrs {
		space, name, _ := strings.Cut(x.Name, ".")
		if xattrSpaces[space] == 0 {
			return placed, fmt.Errorf("ext4 can't hold the extended attribute %q: it has user, security and trusted ones", x.Name)
		}
		all = append(all, attribute{xattrSpaces[space], name, x.Value})
	}
	// The kernel looks for names in this order.
	slices.SortFunc(all, func(a, b attribute) int {
		return cmp.Or(cmp.Compare(a.space, b.space), cmp.Compare(len(a.name), len(b.name)), cmp.Compare(a.name, b.name))
	})
	for _, a := range all {
		switch {
		case a.size() <= inode:
			inode -= a.size()
			placed.inode = append(placed.inode, a)
		case a.size() <= block:
			block -= a.size()
			placed.block = append(placed.block, a)
		default:
			return placed, fmt.Errorf("ext4 can't hold the extended attribute of %d bytes %q: there is room for some %d of a file's",
				len(a.value), a.name, BlockSize)
		}
	}
	return placed, nil
}

// xattrBlocks returns how many blocks an entry's attributes need.
func xattrBlocks(e layer.Entry) (int64, error) {
	placed, err := placeXattrs(e)
	if err != nil || len(placed.block) == 0 {
		return 0, err
	}
	return 1, nil
}

// putXattrs sets the attributes of an inode, and returns the block with the
// others, which is that of the image; nil if there is none.
func (n *inode) putXattrs(placed attributes, block int64) []byte {
	le := binary.LittleEndian
	if len(placed.inode) > 0 {
		le.PutUint32(n[inodeXattrs-4:], xattrMagic)
		// Sums are for blocks only.
		putAttributes(n[inodeXattrs:], n[inodeXattrs:], placed.inode, func(attribute) uint32 { return 0 })
	}
	if len(placed.block) == 0 {
		return nil
	}
	le.PutUint32(n[0x68:], uint32(block))
	le.PutUint16(n[0x76:], uint16(block>>32))
	n.addBlocks(1)
	return xattrBlock(placed.block)
}

// xattrBlock returns a block of attributes.
func xattrBlock(list []attribute) []byte {
	b := make([]byte, BlockSize)
	le := binary.LittleEndian
	le.PutUint32(b, xattrMagic)
	le.PutUint32(b[4:], 1) // one inode has it
	le.PutUint32(b[8:], 1) // it is one block
	var sum uint32
	for _, a := range list {
		sum = sum<<16 ^ sum>>16 ^ a.hash()
	}
	le.PutUint32(b[12:], sum)
	putAttributes(b[blockXattrs:], b, list, attribute.hash)
	return b
}

// putAttributes writes entries to the front of area, and values to its end.
// Places of values count from the start of base, which ends where area does.
func putAttributes(area, base []byte, list []attribute, hash func(attribute) uint32) {
	le := binary.LittleEndian
	end := len(base)
	for _, a := range list {
		area[0], area[1] = byte(len(a.name)), a.space
		if a.value != "" {
			end -= align(len(a.value))
			copy(base[end:], a.value)
			le.PutUint16(area[2:], uint16(end))
		}
		le.PutUint32(area[8:], uint32(len(a.value)))
		le.PutUint32(area[12:], hash(a))
		copy(area[xattrEntry:], a.name)
		area = area[xattrEntry+align(len(a.name)):]
	}
}

// hash is the sum of an attribute's name and value.
func (a attribute) hash() uint32 {
	var h uint32
	for i := range len(a.name) {
		h = h<<5 ^ h>>27 ^ uint32(a.name[i])
	}
	words := make([]byte, align(len(a.value)))
	copy(words, a.value)
	for ; len(words) > 0; words = words[4:] {
		h = h<<16 ^ h>>16 ^ binary.LittleEndian.Uint32(words)
	}
	return h
}
