package ext4

import (
	"encoding/binary"

	"github.com/mkmini/mkmini/plugins/layer"
)

// entryHead is the length of what stands before the name in a folder's entry.
const entryHead = 8

// entryTypes are the types in folders' entries.
var entryTypes = map[layer.Type]byte{
	layer.File: 1, layer.Directory: 2, layer.CharDevice: 3, layer.BlockDevice: 4, layer.Fifo: 5, layer.Symlink: 7,
}

// folder holds the content of a folder while it grows.
type folder struct {
	inode   uint32
	content []byte
	// last is where the last entry begins.
	last int
	// folders is the number of folders in it.
	folders uint32
}

// newFolder returns a folder with nothing but itself and the one above.
func newFolder(inode, parent uint32) *folder {
	f := &folder{inode: inode}
	f.add(".", inode, layer.Directory)
	f.add("..", parent, layer.Directory)
	return f
}

// add appends an entry. No entry is in two blocks, so the last of a block
// reaches to its end.
func (f *folder) add(name string, inode uint32, kind layer.Type) {
	length := (entryHead + len(name) + 3) &^ 3
	if used := len(f.content) % BlockSize; used > 0 && used+length > BlockSize {
		f.finish()
	}
	f.last = len(f.content)
	entry := make([]byte, length)
	binary.LittleEndian.PutUint32(entry, inode)
	binary.LittleEndian.PutUint16(entry[4:], uint16(length))
	entry[6], entry[7] = byte(len(name)), entryTypes[kind]
	copy(entry[entryHead:], name)
	f.content = append(f.content, entry...)
}

// find returns the inode of an entry, or 0.
func (f *folder) find(name string) uint32 {
	for at := 0; at < len(f.content); at += int(binary.LittleEndian.Uint16(f.content[at+4:])) {
		entry := f.content[at+entryHead:]
		if length := int(f.content[at+6]); length == len(name) && string(entry[:length]) == name {
			return binary.LittleEndian.Uint32(f.content[at:])
		}
	}
	return 0
}

// finish fills the last block.
func (f *folder) finish() {
	rest := (BlockSize - len(f.content)%BlockSize) % BlockSize
	f.content = append(f.content, make([]byte, rest)...)
	binary.LittleEndian.PutUint16(f.content[f.last+4:], uint16(len(f.content)-f.last))
}

func (f *folder) blocks() int64 { return int64(len(f.content) / BlockSize) }

// linkCount is the number of names of a folder: its own, its "." and the ".."
// of those in it. One stands for too many to count.
func (f *folder) linkCount() uint16 {
	if f.folders+2 > maxLinks {
		return 1
	}
	return uint16(f.folders + 2)
}
