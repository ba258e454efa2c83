// Package cpio writes and reads cpio archives in the "newc" format, which is
// what the Linux kernel unpacks as an initramfs. It is a library, and no plugin:
// the core reads with it what anybody wrote, and the exporter what it wrote
// itself.
// Source: Documentation/driver-api/early-userspace/buffer-format.rst.
package cpio

import (
	"bytes"
	"errors"
	"fmt"
)

const (
	magic = "070701"
	// magicSum is that of the same format with sums of the content.
	magicSum   = "070702"
	headerSize = 110
	// Trailer is the name of the entry that ends an archive.
	Trailer = "TRAILER!!!"
	// maxName is the kernel's PATH_MAX, with the NUL at the end.
	maxName = 4096
	// blockSize is what cpio archives are padded to.
	blockSize = 512
)

// The types of files in Header.Mode. Source: inode(7).
const (
	TypeMask    = 0o170000
	Directory   = 0o040000
	File        = 0o100000
	Symlink     = 0o120000
	CharDevice  = 0o020000
	BlockDevice = 0o060000
	Fifo        = 0o010000
)

// Header is the header of an entry.
type Header struct {
	// Name is relative, with slashes, where Writer wrote it.
	Name string
	// Ino identifies the file together with DevMajor and DevMinor: entries
	// that have the same, and a Links of more than one, are names of one file.
	Ino, DevMajor, DevMinor uint32
	// Mode holds type and permissions as in inode(7).
	Mode uint32
	// UID and GID are the numbers of owner and group.
	UID, GID uint32
	// Links is the number of names that the file has.
	Links uint32
	// ModTime is in seconds since 1970.
	ModTime uint32
	// Size is the length in bytes of a file, or of a symlink's target, which
	// is its content.
	Size uint32
	// Major and Minor are a device's numbers.
	Major, Minor uint32
}

// IsArchive says whether an archive begins like this.
func IsArchive(head []byte) bool {
	return bytes.HasPrefix(head, []byte(magic)) || bytes.HasPrefix(head, []byte(magicSum))
}

// CheckName refuses names that the kernel can't take from an archive.
func CheckName(name string) error {
	if name == "" || len(name) >= maxName {
		return fmt.Errorf("the name has %d bytes, cpio takes 1 to %d", len(name), maxName-1)
	}
	for i := range len(name) {
		if name[i] == 0 {
			return errors.New("the name holds a NUL byte")
		}
	}
	if name == Trailer {
		return errors.New("the name marks the end of a cpio archive")
	}
	return nil
}
