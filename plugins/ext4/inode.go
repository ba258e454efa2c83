package ext4

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/mkmini/mkmini/plugins/layer"
)

// What an inode can hold.
const (
	maxLinks = 65000
	minTime  = -1 << 31
	maxTime  = 1<<34 - 1<<31 - 1
	// inlineTarget is the length from which a symlink's target needs a block.
	inlineTarget = 60
)

// What extents can hold. An extent is a run of blocks; four are in the inode,
// or four blocks of them.
const (
	extentBlocks   = 1 << 15
	extentSize     = 12
	inodeExtents   = 4
	extentsPerLeaf = BlockSize/extentSize - 1
	extentMagic    = 0xf30a
)

// The flags of inodes.
const extentsFlag = 0x80000

// modes are the inodes' bits for types.
var modes = map[layer.Type]uint16{
	layer.Fifo: 0x1000, layer.CharDevice: 0x2000, layer.Directory: 0x4000,
	layer.BlockDevice: 0x6000, layer.File: 0x8000, layer.Symlink: 0xa000,
}

// leaves returns how many blocks of extents a file of so many blocks needs.
func leaves(blocks int64) int64 {
	extents := divide(blocks, extentBlocks)
	if extents <= inodeExtents {
		return 0
	}
	return divide(extents, extentsPerLeaf)
}

// fileBlocks returns how many blocks a file of size bytes needs, with those of
// its extents.
func fileBlocks(size int64) (int64, error) {
	blocks := divide(size, BlockSize)
	if leaves(blocks) > inodeExtents {
		return 0, fmt.Errorf("ext4 images can't hold a file of %d bytes, only up to %d",
			size, int64(inodeExtents*extentsPerLeaf*extentBlocks*BlockSize))
	}
	return blocks + leaves(blocks), nil
}

// inode is one inode as it is on the disk.
type inode [inodeSize]byte

// newInode returns an inode of an entry without content.
func newInode(e layer.Entry, links uint16) *inode {
	var n inode
	le := binary.LittleEndian
	le.PutUint16(n[0x00:], modes[e.Type]|uint16(e.Mode))
	le.PutUint16(n[0x02:], uint16(e.UID))
	le.PutUint16(n[0x78:], uint16(e.UID>>16))
	le.PutUint16(n[0x18:], uint16(e.GID))
	le.PutUint16(n[0x7a:], uint16(e.GID>>16))
	le.PutUint16(n[0x1a:], links)
	// The inode's own fields end at 160 bytes.
	le.PutUint16(n[0x80:], 32)
	for _, at := range [][2]int{{0x08, 0x8c}, {0x0c, 0x84}, {0x10, 0x88}, {0x90, 0x94}} {
		n.putTime(at[0], at[1], e.ModTime)
	}
	if e.Type == layer.CharDevice || e.Type == layer.BlockDevice {
		n.putDevice(e.Major, e.Minor)
	}
	return &n
}

// putTime sets one time: 32 bits, and two more in another place.
func (n *inode) putTime(low, high int, when time.Time) {
	seconds := when.Unix()
	binary.LittleEndian.PutUint32(n[low:], uint32(seconds))
	binary.LittleEndian.PutUint32(n[high:], uint32((seconds-int64(int32(seconds)))>>32)&3)
}

// putDevice sets a device's numbers: in 16 bits if they fit, as Linux has
// always done, else in the second word.
func (n *inode) putDevice(major, minor uint32) {
	if major < 256 && minor < 256 {
		binary.LittleEndian.PutUint32(n[0x28:], major<<8|minor)
		return
	}
	binary.LittleEndian.PutUint32(n[0x2c:], minor&0xff|major<<8|minor&^0xff<<12)
}

// putSize sets the length in bytes, and counts blocks.
func (n *inode) putSize(size, blocks int64) {
	le := binary.LittleEndian
	le.PutUint32(n[0x04:], uint32(size))
	le.PutUint32(n[0x6c:], uint32(size>>32))
	n.addBlocks(blocks)
}

// addBlocks counts blocks that belong to the file, in units of 512 bytes.
func (n *inode) addBlocks(blocks int64) {
	le := binary.LittleEndian
	sectors := int64(le.Uint32(n[0x1c:])) | int64(le.Uint16(n[0x74:]))<<32
	sectors += blocks * (BlockSize / 512)
	le.PutUint32(n[0x1c:], uint32(sectors))
	le.PutUint16(n[0x74:], uint16(sectors>>32))
}

// putTarget sets a short target of a symlink.
func (n *inode) putTarget(target string) {
	copy(n[0x28:0x28+inlineTarget], target)
	n.putSize(int64(len(target)), 0)
}

// putContent says that the content, of size bytes, begins at a block, and
// returns the blocks of extents that stand there before it.
func (n *inode) putContent(size, first int64) []byte {
	blocks := divide(size, BlockSize)
	count := leaves(blocks)
	n.putSize(size, blocks+count)
	binary.LittleEndian.PutUint32(n[0x20:], extentsFlag)
	root := n[0x28 : 0x28+inlineTarget]
	if count == 0 {
		putExtents(root, 0, blocks, first)
		return nil
	}
	putExtentHead(root, count, 1)
	content := make([]byte, count*BlockSize)
	const step = extentsPerLeaf * extentBlocks
	for i := range count {
		index := root[extentSize*(i+1):]
		binary.LittleEndian.PutUint32(index, uint32(i*step))
		binary.LittleEndian.PutUint32(index[4:], uint32(first+i))
		putExtents(content[i*BlockSize:(i+1)*BlockSize], i*step, min(step, blocks-i*step), first+count+i*step)
	}
	return content
}

// putExtents writes the extents of so many blocks of a file, from its block
// from on, which is the block first of the image.
func putExtents(b []byte, from, blocks, first int64) {
	putExtentHead(b, divide(blocks, extentBlocks), 0)
	for done := int64(0); done < blocks; done += extentBlocks {
		b = b[extentSize:]
		binary.LittleEndian.PutUint32(b, uint32(from+done))
		binary.LittleEndian.PutUint16(b[4:], uint16(min(extentBlocks, blocks-done)))
		binary.LittleEndian.PutUint32(b[8:], uint32(first+done))
	}
}

// putExtentHead writes what stands before extents, or before what points to
// blocks of them with depth 1.
func putExtentHead(b []byte, count int64, depth uint16) {
	le := binary.LittleEndian
	le.PutUint16(b, extentMagic)
	le.PutUint16(b[2:], uint16(count))
	room := len(b)/extentSize - 1
	le.PutUint16(b[4:], uint16(room))
	le.PutUint16(b[6:], depth)
}
