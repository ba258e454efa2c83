// Package ext4 writes root file systems as ext4: no journal, all that
// describes files in front and the files behind it one after the other, the
// same bytes wherever it runs. It needs no privileges and no tools, and the
// memory of the names only.
//
// Structures are those of the kernel's Documentation/filesystems/ext4; the
// options are what `mke2fs -O ^has_journal,^resize_inode,^dir_index,
// ^metadata_csum,^64bit,sparse_super2 -E packed_meta_blocks=1` makes.
package ext4

// The units of the format.
const (
	// BlockSize is the length of a block in bytes. Images are whole blocks.
	BlockSize = 4096
	// blocksPerGroup is what one block of a bitmap tells about.
	blocksPerGroup = 8 * BlockSize
	inodeSize      = 256
	inodesPerBlock = BlockSize / inodeSize
	// maxInodesPerGroup is what one block of a bitmap tells about.
	maxInodesPerGroup = 8 * BlockSize
	descriptorSize    = 32
	// maxBlocks keeps numbers of blocks in 32 bits.
	maxBlocks = 1<<32 - 1
)

// The inodes with a meaning of their own.
const (
	rootInode      = 2
	lostFoundInode = 11
)

// lostFound is the folder in which e2fsck puts what it finds.
const lostFound = "lost+found"

// divide divides and rounds up.
func divide(n, by int64) int64 { return (n + by - 1) / by }
