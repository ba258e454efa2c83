package ext4

import (
	"encoding/binary"
	"io"
	"sort"
	"time"
)

// The features.
const (
	compatible   = 0x8 | 0x200                   // ext_attr, sparse_super2
	incompatible = 0x2 | 0x40 | 0x200            // filetype, extent, flex_bg
	readOnly     = 0x1 | 0x2 | 0x8 | 0x20 | 0x40 // sparse_super, large_file, huge_file, dir_nlink, extra_isize
)

// writeMeta writes the super block, the groups' descriptors and the bitmaps.
func (p *Plan) writeMeta(w io.WriterAt, l layout, uuid [16]byte) error {
	freeInodes := l.groups*l.inodesPerGroup - int64(p.inodes)
	if _, err := w.WriteAt(superBlock(l, freeInodes, uuid, p.epoch), 1024); err != nil {
		return err
	}
	descriptors := make([]byte, l.groups*descriptorSize)
	for g := range l.groups {
		blocks, freeBlocks := bitmap(l.used-g*blocksPerGroup, l.blocks-g*blocksPerGroup, blocksPerGroup)
		inodes, freeInodes := bitmap(int64(p.inodes)-g*l.inodesPerGroup, l.inodesPerGroup, maxInodesPerGroup)
		if _, err := w.WriteAt(blocks, (l.blockBitmaps+g)*BlockSize); err != nil {
			return err
		}
		if _, err := w.WriteAt(inodes, (l.inodeBitmaps+g)*BlockSize); err != nil {
			return err
		}
		d := descriptors[g*descriptorSize:]
		le := binary.LittleEndian
		le.PutUint32(d[0x00:], uint32(l.blockBitmaps+g))
		le.PutUint32(d[0x04:], uint32(l.inodeBitmaps+g))
		le.PutUint32(d[0x08:], uint32(l.inodeTable+g*l.inodesPerGroup/inodesPerBlock))
		le.PutUint16(d[0x0c:], uint16(freeBlocks))
		le.PutUint16(d[0x0e:], uint16(freeInodes))
		le.PutUint16(d[0x10:], uint16(p.foldersBelow((g+1)*l.inodesPerGroup)-p.foldersBelow(g*l.inodesPerGroup)))
	}
	_, err := w.WriteAt(descriptors, BlockSize)
	return err
}

// foldersBelow returns how many folders have an inode up to last.
func (p *Plan) foldersBelow(last int64) int {
	return sort.Search(len(p.folderInodes), func(i int) bool { return int64(p.folderInodes[i]) > last })
}

// bitmap returns a bitmap of capacity bits, of which the first used are set,
// and those that there is nothing for, from total on. It returns how many are
// free, too.
func bitmap(used, total, capacity int64) (bits []byte, free int64) {
	used, total = min(max(used, 0), capacity), min(max(total, 0), capacity)
	bits = make([]byte, BlockSize)
	for i := range used {
		bits[i/8] |= 1 << (i % 8)
	}
	for i := total; i < int64(len(bits))*8; i++ {
		bits[i/8] |= 1 << (i % 8)
	}
	return bits, max(0, total-used)
}

// superBlock returns the super block. Its own times are the epoch, and what a
// running system counts is zero.
func superBlock(l layout, freeInodes int64, uuid [16]byte, epoch time.Time) []byte {
	b := make([]byte, 1024)
	for at, value := range map[int]int64{
		0x00:  l.groups * l.inodesPerGroup,
		0x04:  l.blocks,
		0x0c:  l.blocks - l.used,
		0x10:  freeInodes,
		0x18:  2, // 4096 is 1024<<2
		0x1c:  2,
		0x20:  blocksPerGroup,
		0x24:  blocksPerGroup,
		0x28:  l.inodesPerGroup,
		0x30:  epoch.Unix(), // written
		0x40:  epoch.Unix(), // checked
		0x4c:  1,            // revision
		0x54:  lostFoundInode,
		0x5c:  compatible,
		0x60:  incompatible,
		0x64:  readOnly,
		0x100: 0x000c,       // mounted with user_xattr and acl
		0x108: epoch.Unix(), // made
		0x160: 1,            // hashes of signed characters
	} {
		binary.LittleEndian.PutUint32(b[at:], uint32(value))
	}
	for at, value := range map[int]uint16{
		0x36:  0xffff, // no check after a number of mounts
		0x38:  0xef53, // magic
		0x3a:  1,      // clean
		0x3c:  1,      // goes on after errors
		0x58:  inodeSize,
		0x15c: 32, // inodes' fields go up to 160 bytes
		0x15e: 32,
	} {
		binary.LittleEndian.PutUint16(b[at:], value)
	}
	copy(b[0x68:], uuid[:])
	copy(b[0xec:], uuid[:]) // the seed of names' hashes
	b[0xfc] = 1             // half MD4
	// All groups are one: descriptions of files may be anywhere.
	b[0x174] = 31
	return b
}
