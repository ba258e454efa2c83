// Package squashfs writes root file systems as squashfs 4.0, a compressed file
// system that is only read: the same bytes wherever it runs, with any number of
// threads. It needs no privileges and no tools. The memory it takes is that of
// the names in folders that aren't complete yet, and a digest of each file.
//
// Structures are those of the kernel's fs/squashfs/squashfs_fs.h. The super
// block comes first, then the files' blocks, in which the ends of files share
// blocks called fragments, then the tables: inodes, folders, fragments, owners
// and extended attributes. Files with the same content share it.
package squashfs

import (
	"errors"
	"fmt"
	"path"

	"github.com/mkmini/mkmini/plugins/layer"
)

// The units of the format.
const (
	// BlockSize is the length in bytes of what is compressed at once.
	BlockSize = 1 << blockLog
	blockLog  = 17
	// metadataSize is the same for tables.
	metadataSize = 8192
	// padding is what the length of images is a multiple of.
	padding = 4096
)

// What the format or Linux can hold.
const (
	maxName   = 255
	maxTarget = 4095
	maxOwners = 1<<16 - 1
	maxTime   = 1<<32 - 1
)

// none stands for a fragment or extended attributes that aren't there, and
// nowhere for a table.
const (
	none    = 1<<32 - 1
	nowhere = 1<<64 - 1
)

var errChanged = errors.New("the root file system changed while it was read")

// check refuses what can't be held.
func check(e layer.Entry) error {
	if base := path.Base(e.Name); len(base) > maxName {
		return fmt.Errorf("squashfs can't hold a name of %d bytes, only up to %d", len(base), maxName)
	}
	if len(e.Target) > maxTarget && e.Type == layer.Symlink {
		return fmt.Errorf("squashfs can't hold a symlink's target of %d bytes, only up to %d", len(e.Target), maxTarget)
	}
	if seconds := e.ModTime.Unix(); seconds < 0 || seconds > maxTime {
		return errors.New("squashfs can't hold a time before 1970 or after 2106")
	}
	return nil
}
