// Package symlink follows symlinks as from within a root, wherever the names
// are: on disk, in an archive, or in memory.
package symlink

import (
	"errors"
	"path"
	"strings"
)

// maxLinks is how many symlinks Linux follows in a path.
// Source: include/linux/namei.h, MAXSYMLINKS.
const maxLinks = 40

// ErrLoop is the error, as it is, of a path on whose way are too many symlinks.
var ErrLoop = errors.New("its symlinks go in a circle")

// Name is what is at a name with no symlink above it.
type Name struct {
	// Link says that it is a symlink, and Target where it points to.
	Link   bool
	Target string
}

// Resolve returns where a path leads to when the symlinks in it are followed,
// the last part excepted unless whole is set: "/" is the root, and ".." doesn't
// leave it. What it returns is clean and has no slash in front; "" is the root.
//
// It calls look for each name on the way, the end among them; more says that
// something of the path has to be below it. With an error of look it returns
// that, as it is, and the name; with [ErrLoop] the symlink that was too much.
func Resolve(name string, whole bool, look func(at string, more bool) (Name, error)) (string, error) {
	done := ""
	left := strings.Split(name, "/")
	for links := 0; len(left) > 0; {
		part := left[0]
		left = left[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			done = Parent(done)
			continue
		}
		at := path.Join(done, part)
		more := remains(left)
		there, err := look(at, more)
		if err != nil {
			return at, err
		}
		if !there.Link || !whole && !more {
			done = at
			continue
		}
		if links++; links > maxLinks {
			return at, ErrLoop
		}
		left = append(strings.Split(there.Target, "/"), left...)
		if strings.HasPrefix(there.Target, "/") {
			done = ""
		}
	}
	return done, nil
}

// Parent returns the folder that a clean name is in, "" for the root.
func Parent(name string) string {
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		return name[:i]
	}
	return ""
}

// remains says whether anything of a path is left to follow.
func remains(parts []string) bool {
	for _, part := range parts {
		if part != "" && part != "." {
			return true
		}
	}
	return false
}
