// Package walk goes through the folders of a file system that anybody may have
// made, whichever kind it is of: each folder once, and not too deep.
package walk

import (
	"fmt"
	"path"
	"strings"
)

const (
	// maxDepth is the most folders in each other.
	maxDepth = 2048
	// maxName is the most bytes of a name: what squashfs can hold, one more
	// than Linux takes.
	maxName = 256
)

// Inode is one of a file system.
type Inode interface {
	// ID is its number, which no other has.
	ID() uint32
	// IsFolder says that it is one.
	IsFolder() bool
}

// Tree is a file system to walk through. References are its own way to say
// where an inode is.
type Tree[N Inode] interface {
	// Inode reads the inode that a reference leads to.
	Inode(ref uint64) (N, error)
	// Names calls each for the names in a folder, but for its own and its
	// parent's, in the order they are in. An error of each ends it, and is
	// returned as it is.
	Names(folder N, each func(name string, ref uint64) error) error
	// Broken returns the error that says that the file system makes no sense.
	Broken(format string, args ...any) error
}

// Walk calls visit for the root, whose name is ".", and for each name below
// it, folders before what is in them. An inode with several names comes with
// each. A folder with two names, one in itself among them, is an error.
func Walk[N Inode](t Tree[N], root uint64, visit func(name string, n N) error) error {
	n, err := t.Inode(root)
	if err != nil {
		return err
	}
	if !n.IsFolder() {
		return t.Broken("its root is no folder")
	}
	w := &walk[N]{tree: t, visit: visit, seen: map[uint32]bool{}}
	return w.folder(".", n, 0)
}

// walk is one way through a file system.
type walk[N Inode] struct {
	tree  Tree[N]
	visit func(name string, n N) error
	seen  map[uint32]bool // folders
}

func (w *walk[N]) folder(name string, n N, depth int) error {
	if w.seen[n.ID()] || depth > maxDepth {
		return w.tree.Broken("the folder of inode %d has two names, or is too deep", n.ID())
	}
	w.seen[n.ID()] = true
	if err := w.visit(name, n); err != nil {
		return err
	}
	return w.tree.Names(n, func(base string, ref uint64) error {
		if !isName(base) {
			return fmt.Errorf("folder of inode %d: %w", n.ID(), w.tree.Broken("%.300q is no name", base))
		}
		child, err := w.tree.Inode(ref)
		if err != nil {
			return err
		}
		at := path.Join(name, base)
		if child.IsFolder() {
			return w.folder(at, child, depth+1)
		}
		return w.visit(at, child)
	})
}

func isName(s string) bool {
	return s != "" && s != "." && s != ".." && len(s) <= maxName && !strings.ContainsAny(s, "/\x00")
}
