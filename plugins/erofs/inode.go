package erofs

import (
	"encoding/binary"

	"github.com/mkmini/mkmini/plugins/layer"
)

// modes are the inodes' bits for types.
var modes = map[layer.Type]uint16{
	layer.Fifo: 0x1000, layer.CharDevice: 0x2000, layer.Directory: 0x4000,
	layer.BlockDevice: 0x6000, layer.File: 0x8000, layer.Symlink: 0xa000,
}

// How content is laid out: in whole blocks, or with its end behind the inode.
const (
	flatPlain  = 0
	flatInline = 2
)

// extended is the version of inodes with 32 bits for owners and a time each.
const extended = 1

// noBlock is where content begins that has no block of its own.
const noBlock = 1<<32 - 1

// spot is the place of an inode and of its content.
type spot struct {
	// at is the inode's place in bytes: from the image's begin on, or for
	// files, as long as it isn't known where they begin, from there on.
	at int64
	// tail is how many bytes of the content are behind the inode, and blocks
	// how many blocks the others take.
	tail, blocks int64
}

func (s spot) nid() uint64 { return uint64(s.at / slotSize) }

// place returns the spot of an inode of isize bytes with size bytes of
// content, of which none that fits into a block crosses one, and where the
// next may be.
func place(at, isize, size int64) (s spot, next int64) {
	s.tail, s.blocks = size%BlockSize, size/BlockSize
	if isize+s.tail > BlockSize {
		if s.tail > 0 {
			s.blocks++
		}
		s.tail = 0
	}
	s.at = at
	if room := BlockSize - at%BlockSize; isize+s.tail > room && isize+s.tail <= BlockSize {
		s.at += room
	}
	return s, align(s.at+isize+s.tail, slotSize)
}

// contentSize is the length of an entry's content that is no folder.
func contentSize(e layer.Entry) int64 {
	switch e.Type {
	case layer.File:
		return e.Size
	case layer.Symlink:
		return int64(len(e.Target))
	}
	return 0
}

// inode returns an inode as it is on the disk, with its extended attributes
// behind it. Block is where the content's whole blocks begin.
func inode(e layer.Entry, s spot, size int64, block, number, links uint32, xattrs []byte) []byte {
	le := binary.LittleEndian
	n := make([]byte, inodeSize, inodeSize+len(xattrs))
	layout := uint16(flatPlain)
	if s.tail > 0 {
		layout = flatInline
	}
	le.PutUint16(n[0:], extended|layout<<1)
	le.PutUint16(n[2:], xattrCount(xattrs))
	le.PutUint16(n[4:], modes[e.Type]|uint16(e.Mode))
	le.PutUint64(n[8:], uint64(size))
	switch {
	case e.Type == layer.CharDevice || e.Type == layer.BlockDevice:
		le.PutUint32(n[16:], e.Minor&0xff|e.Major<<8|e.Minor&^0xff<<12)
	case s.blocks > 0:
		le.PutUint32(n[16:], block)
	case size > 0:
		le.PutUint32(n[16:], noBlock)
	}
	le.PutUint32(n[20:], number)
	le.PutUint32(n[24:], uint32(e.UID))
	le.PutUint32(n[28:], uint32(e.GID))
	le.PutUint64(n[32:], uint64(e.ModTime.Unix()))
	le.PutUint32(n[44:], links)
	return append(n, xattrs...)
}
