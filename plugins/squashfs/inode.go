package squashfs

import (
	"encoding/binary"

	"github.com/mkmini/mkmini/plugins/layer"
)

// The types of inodes. Each has a second form, which holds more.
const (
	typeFolder = iota + 1
	typeFile
	typeSymlink
	typeBlock
	typeChar
	typeFifo
	typeSocket
	extended = typeSocket
)

// kinds are the types of what has an inode.
var kinds = map[layer.Type]uint16{
	layer.Directory: typeFolder, layer.File: typeFile, layer.Symlink: typeSymlink,
	layer.BlockDevice: typeBlock, layer.CharDevice: typeChar, layer.Fifo: typeFifo,
}

// stored is where a file's blocks are.
type stored struct {
	start int64
	// sizes are those of the compressed blocks, as they stand in inodes.
	sizes []uint32
	// holes is how many bytes of the file are in blocks of zeros.
	holes int64
}

// spot is where the end of a file is: in a fragment, none if it has no end.
type spot struct{ fragment, offset uint32 }

// header begins an inode.
func (w *writer) header(e layer.Entry, kind uint16, number uint32) []byte {
	b := make([]byte, 0, 64)
	b = binary.LittleEndian.AppendUint16(b, kind)
	b = binary.LittleEndian.AppendUint16(b, uint16(e.Mode))
	b = binary.LittleEndian.AppendUint16(b, w.plan.owners[uint32(e.UID)])
	b = binary.LittleEndian.AppendUint16(b, w.plan.owners[uint32(e.GID)])
	b = binary.LittleEndian.AppendUint32(b, uint32(e.ModTime.Unix()))
	return binary.LittleEndian.AppendUint32(b, number)
}

// file returns the inode of a file.
func (w *writer) file(e layer.Entry, number, names uint32, s stored, end spot, xattrs uint32) []byte {
	var b []byte
	if s.start > none || e.Size > none || s.holes > 0 || names > 1 || xattrs != none {
		b = w.header(e, typeFile+extended, number)
		b = binary.LittleEndian.AppendUint64(b, uint64(s.start))
		b = binary.LittleEndian.AppendUint64(b, uint64(e.Size))
		b = binary.LittleEndian.AppendUint64(b, uint64(s.holes))
		b = appendNumbers(b, names, end.fragment, end.offset, xattrs)
	} else {
		b = w.header(e, typeFile, number)
		b = appendNumbers(b, uint32(s.start), end.fragment, end.offset, uint32(e.Size))
	}
	return appendNumbers(b, s.sizes...)
}

// special returns the inode of a symlink, a device or a fifo.
func (w *writer) special(e layer.Entry, number, xattrs uint32) []byte {
	kind := kinds[e.Type]
	if xattrs != none {
		kind += extended
	}
	b := appendNumbers(w.header(e, kind, number), 1)
	switch e.Type {
	case layer.Symlink:
		b = appendNumbers(b, uint32(len(e.Target)))
		b = append(b, e.Target...)
	case layer.BlockDevice, layer.CharDevice:
		// Source: kdev_t.h, new_encode_dev.
		b = appendNumbers(b, e.Minor&0xff|e.Major<<8|e.Minor&^0xff<<12)
	}
	if xattrs != none {
		b = appendNumbers(b, xattrs)
	}
	return b
}

// folder returns the inode of a folder with a list of names.
func (w *writer) folder(f *folder, at place, l listing, parent, xattrs uint32) []byte {
	size := uint32(len(l.names)) + 3 // for "." and "..", which aren't in it
	if size < 1<<16 && xattrs == none {
		b := appendNumbers(w.header(f.entry, typeFolder, f.number), at.block, 2+f.subfolders)
		b = binary.LittleEndian.AppendUint16(b, uint16(size))
		b = binary.LittleEndian.AppendUint16(b, at.offset)
		return appendNumbers(b, parent)
	}
	b := w.header(f.entry, typeFolder+extended, f.number)
	b = appendNumbers(b, 2+f.subfolders, size, at.block, parent)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(l.index)))
	b = binary.LittleEndian.AppendUint16(b, at.offset)
	return appendNumbers(b, xattrs)
}

func appendNumbers(b []byte, numbers ...uint32) []byte {
	for _, n := range numbers {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	return b
}
