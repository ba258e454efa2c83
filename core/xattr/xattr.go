// Package xattr knows which extended attributes go into a root file system, and
// reads them from files.
package xattr

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/mkmini/mkmini/core/capability"
)

// Limits of Linux. Source: linux/limits.h.
const (
	maxName  = 255
	maxValue = 64 << 10
)

// spaces are the namespaces whose attributes are kept as they are. Those of
// "system" belong to the file system: access control lists look different in
// each.
var spaces = []string{"user", "security", "trusted"}

// Check returns an error if an attribute can't go into a root file system.
func Check(name, value string) error {
	space, rest, _ := strings.Cut(name, ".")
	switch {
	case !slices.Contains(spaces, space) || rest == "":
		return fmt.Errorf("the name %.300q is not in one of the namespaces %s: write \"user.NAME\"", name, strings.Join(spaces, ", "))
	case len(name) > maxName:
		return fmt.Errorf("the name %.40q… is longer than %d bytes", name, maxName)
	case strings.ContainsAny(name, "=%\x00"):
		return fmt.Errorf("the name %q holds \"=\", \"%%\" or a NUL, which tar archives have no notation for", name)
	case len(value) > maxValue:
		return fmt.Errorf("%s has %d bytes, more than the %d that Linux takes", name, len(value), maxValue)
	case name == capability.Attribute:
		if _, err := capability.Decode([]byte(value)); err != nil {
			return fmt.Errorf("the value of %s is wrong: %w", name, err)
		}
	}
	return nil
}

// Portable says whether an attribute of a file on disk goes into a root file
// system: those of users do, and file capabilities. All else is the machine's,
// and differs from one to the next.
func Portable(name string) bool {
	return name == capability.Attribute || strings.HasPrefix(name, "user.")
}

// Own says whether an attribute of a file that was made here is the file's own,
// and not what a security module of this machine gave it.
func Own(name string) bool {
	space, rest, _ := strings.Cut(name, ".")
	if space == "security" {
		for _, module := range []string{"selinux", "SMACK64", "apparmor", "ima", "evm"} {
			if strings.HasPrefix(rest, module) {
				return false
			}
		}
	}
	return slices.Contains(spaces, space)
}

// Read returns those attributes of a file on disk that take wants. Of a symlink
// it is its own. It is nil if there are none, or the file system has none.
func Read(path string, take func(name string) bool) (map[string]string, error) {
	// Most have none: the first call asks for the length only.
	n, err := unix.Llistxattr(path, nil)
	if n == 0 && err == nil || errors.Is(err, unix.ENOTSUP) {
		return nil, nil
	}
	return read(path, n, take,
		func(buffer []byte) (int, error) { return unix.Llistxattr(path, buffer) },
		func(name string, buffer []byte) (int, error) { return unix.Lgetxattr(path, name, buffer) })
}

// ReadOpen is Read of a file that is open, with a path for people.
func ReadOpen(fd int, path string, take func(name string) bool) (map[string]string, error) {
	n, err := unix.Flistxattr(fd, nil)
	if n == 0 && err == nil || errors.Is(err, unix.ENOTSUP) {
		return nil, nil
	}
	return read(path, n, take,
		func(buffer []byte) (int, error) { return unix.Flistxattr(fd, buffer) },
		func(name string, buffer []byte) (int, error) { return unix.Fgetxattr(fd, name, buffer) })
}

// moreNames is how many bytes of names may have come since they were counted.
const moreNames = 1 << 10

// read reads attributes, whose names had a length, by the system calls to list
// and to get them.
func read(path string, length int, take func(name string) bool, list func([]byte) (int, error), get func(string, []byte) (int, error)) (map[string]string, error) {
	names := make([]byte, length+moreNames)
	n, err := list(names)
	if err != nil {
		return nil, fmt.Errorf("%s: read extended attributes: %w", path, err)
	}
	var found map[string]string
	var buffer []byte
	for name := range strings.SplitSeq(strings.TrimSuffix(string(names[:n]), "\x00"), "\x00") {
		if !take(name) {
			continue
		}
		if buffer == nil {
			buffer = make([]byte, maxValue)
		}
		n, err := get(name, buffer)
		if err != nil {
			return nil, fmt.Errorf("%s: read the extended attribute %s: %w", path, name, err)
		}
		if found == nil {
			found = make(map[string]string)
		}
		found[name] = string(buffer[:n])
	}
	return found, nil
}

// Set gives a file on disk attributes. Of a symlink it is its own.
func Set(path string, attributes map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		if err := unix.Lsetxattr(path, name, []byte(attributes[name]), 0); err != nil {
			return fmt.Errorf("%s: set the extended attribute %s: %w", path, name, err)
		}
	}
	return nil
}
