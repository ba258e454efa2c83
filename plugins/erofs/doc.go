// Package erofs writes root file systems as EROFS, a file system that is only
// read: without compression, the same bytes wherever it runs. It needs no
// privileges and no tools, and the memory of the names only.
//
// Structures are those of the kernel's fs/erofs/erofs_fs.h and
// Documentation/filesystems/erofs.rst. The super block is in block 0, and what
// describes folders follows it, with the ends of their content; then come the
// inodes of all else with the ends of theirs, then whole blocks of content.
package erofs

import (
	"errors"
	"fmt"

	"github.com/mkmini/mkmini/plugins/layer"
)

// The units of the format.
const (
	// BlockSize is the length of a block in bytes. Images are whole blocks.
	BlockSize = 4096
	// slotSize is the unit of an inode's number, which says where it is.
	slotSize  = 32
	inodeSize = 64
	// maxBlocks keeps numbers of blocks in 32 bits.
	maxBlocks = 1<<32 - 1
)

// What the format or Linux can hold.
const (
	maxName   = 255
	maxTarget = 4095
	maxMajor  = 1 << 12
	maxMinor  = 1 << 20
)

// divide divides and rounds up.
func divide(n, by int64) int64 { return (n + by - 1) / by }

// align rounds up.
func align(n, to int64) int64 { return divide(n, to) * to }

// check refuses what can't be held.
func check(e layer.Entry, base string) error {
	if len(base) > maxName {
		return fmt.Errorf("erofs can't hold a name of %d bytes, only up to %d", len(base), maxName)
	}
	switch e.Type {
	case layer.Symlink:
		if len(e.Target) > maxTarget {
			return fmt.Errorf("erofs can't hold a symlink's target of %d bytes, only up to %d", len(e.Target), maxTarget)
		}
	case layer.CharDevice, layer.BlockDevice:
		if e.Major >= maxMajor || e.Minor >= maxMinor {
			return fmt.Errorf("linux has no device %d:%d; numbers go up to 4095:1048575", e.Major, e.Minor)
		}
	}
	return nil
}

var errTooLarge = errors.New("erofs images of 16 TiB and more can't be written")
