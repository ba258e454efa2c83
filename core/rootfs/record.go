// Package rootfs makes root file systems. A file system is a value, a sorted
// list of records, put together from the base layout, busybox's install tree
// and the configuration's entries, and written once as a tar archive. Nothing
// needs root: nothing is mounted, made or owned on the machine itself.
package rootfs

import "fmt"

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
