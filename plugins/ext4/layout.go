package ext4

import (
	"errors"
	"fmt"
)

// SizeError says that a root file system doesn't fit into a fixed size.
type SizeError struct {
	// Size is the fixed one, and Need the least that is enough, in bytes.
	Size, Need int64
}

func (e *SizeError) Error() string {
	return fmt.Sprintf("%d bytes are too few for an ext4 file system that needs %d", e.Size, e.Need)
}

// bytesPerInode is how much space of an image of fixed size brings one inode,
// as mke2fs has it.
const bytesPerInode = 16384

// layout says where everything is, in blocks. The super block is in block 0,
// and the groups' descriptors follow it.
type layout struct {
	blocks, groups int64
	inodesPerGroup int64
	// blockBitmaps and inodeBitmaps are one block for each group.
	blockBitmaps, inodeBitmaps int64
	inodeTable                 int64
	// data is where the content begins, and used where it ends.
	data, used int64
}

// newLayout returns the smallest layout with so many groups at least, inodes,
// and blocks of data.
func newLayout(groups, inodes, data int64) layout {
	groups = max(groups, divide(inodes, maxInodesPerGroup), 1)
	for {
		l := layout{groups: groups, inodesPerGroup: divide(divide(inodes, groups), inodesPerBlock) * inodesPerBlock}
		l.blockBitmaps = 1 + divide(groups*descriptorSize, BlockSize)
		l.inodeBitmaps = l.blockBitmaps + groups
		l.inodeTable = l.inodeBitmaps + groups
		l.data = l.inodeTable + groups*l.inodesPerGroup/inodesPerBlock
		l.used = l.data + data
		l.blocks = max(l.used, (groups-1)*blocksPerGroup+1)
		if need := divide(l.blocks, blocksPerGroup); need > groups {
			groups = need
			continue
		}
		return l
	}
}

// fitted returns the smallest layout.
func (p *Plan) fitted() layout { return newLayout(1, int64(p.inodes), p.data) }

// Size returns the length in bytes of the smallest image.
func (p *Plan) Size() int64 { return p.fitted().blocks * BlockSize }

// Fits returns nil, or if an image of size bytes is too small a [*SizeError].
func (p *Plan) Fits(size int64) error {
	_, err := p.layout(size)
	return err
}

// layout returns the layout for an image of size bytes.
func (p *Plan) layout(size int64) (layout, error) {
	least, blocks := p.fitted(), size/BlockSize
	switch {
	case blocks < least.blocks:
		return layout{}, &SizeError{Size: size, Need: least.blocks * BlockSize}
	case blocks > maxBlocks:
		return layout{}, errors.New("ext4 images of 16 TiB and more can't be written")
	}
	groups := divide(blocks, blocksPerGroup)
	if inodes := min(size/bytesPerInode, groups*maxInodesPerGroup); inodes > int64(p.inodes) {
		// Inodes for files to come, unless those that are there need the space.
		if l := newLayout(groups, inodes, p.data); l.blocks <= blocks {
			l.blocks = blocks
			return l, nil
		}
	}
	l := newLayout(groups, int64(p.inodes), p.data)
	if l.blocks > blocks {
		return layout{}, &SizeError{Size: size, Need: l.blocks * BlockSize}
	}
	l.blocks = blocks
	return l, nil
}
