// Package rootfs makes root file systems. A file system is a value, a sorted
// list of records, put together from the base layout, busybox's install tree
// and the configuration's entries, and written once as a tar archive. Nothing
// needs root: nothing is mounted, made or owned on the machine itself.
package rootfs

import (
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// Type is the type of a record.
type Type uint8

// The types of records.
const (
	Directory Type = iota + 1
	File
	Symlink
	Hardlink
	CharDevice
	BlockDevice
	Fifo
)

// String returns the type's name: "directory", "file", "symlink" and so on.
func (t Type) String() string {
	names := [...]string{"", "directory", "file", "symlink", "hardlink", "char", "block", "fifo"}
	if int(t) < len(names) {
		return names[t]
	}
	return fmt.Sprintf("type %d", uint8(t))
}

// Record is one name in a file system.
type Record struct {
	// Path is relative to the root and clean: "usr/bin/env".
	Path string
	Type Type
	// Mode holds the permission bits with setuid (04000), setgid (02000) and
	// sticky (01000), as chmod(1) has them; 0777 for a symlink.
	Mode uint32
	// UID and GID are the numbers of owner and group.
	UID, GID int
	// Major and Minor are a device's numbers, 0 for all else.
	Major, Minor uint32
	// Target is what a symlink points to, or the Path of the earlier record
	// that a hard link is another name of.
	Target string
	// Content is what a file holds, empty for all else.
	Content Content
	// Layer is the number of the layer block that put it there, counted from
	// 1; 0 for what comes from anywhere else. See Split.
	Layer int
	// Xattrs are extended attributes by name, with their namespaces; nil for
	// almost all, and for hard links. It is not to be changed.
	Xattrs map[string]string
}

// Content is what a file holds: bytes in memory, or a file on disk that is
// read only when it is needed.
type Content struct {
	// Data is the content if Path is empty.
	Data string
	// Path is the absolute path of the file on disk.
	Path string
	// Offset is where in that file the content begins, if it is a part of it.
	Offset int64
	// Size is the length in bytes.
	Size int64
}

// part is content that is a part of a file.
type part struct {
	*io.SectionReader
	io.Closer
}

// opened is content that is being read.
type opened interface {
	io.Reader
	io.ReaderAt
	io.Closer
}

// inMemory is content that is in memory.
type inMemory struct{ *strings.Reader }

func (inMemory) Close() error { return nil }

// open returns a reader of the content. A file on disk that is no regular
// file any more, such as a symlink that took its place, is an error.
func (c Content) open() (opened, error) {
	if c.Path == "" {
		return inMemory{strings.NewReader(c.Data)}, nil
	}
	file, err := os.OpenFile(c.Path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	whole := c.Offset == 0 && err == nil && info.Size() == c.Size
	if err == nil && (!info.Mode().IsRegular() || info.Size() < c.Offset+c.Size || c.Offset == 0 && !whole) {
		err = &changedError{path: c.Path, was: c.Offset + c.Size, is: info.Size()}
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	if !whole {
		return part{io.NewSectionReader(file, c.Offset, c.Size), file}, nil
	}
	return file, nil
}

// changedError says that a file isn't any more what it was when the file
// system was put together.
type changedError struct {
	path    string
	was, is int64
}

func (e *changedError) Error() string {
	return fmt.Sprintf("%s changed while it was read: it had %d bytes and now has %d", e.path, e.was, e.is)
}
