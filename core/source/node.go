package source

import (
	"errors"
	"io/fs"
	"path"
	"strings"
	"time"
)

// maxHops is how many links may be followed on the way to one file; Linux
// allows as many.
const maxHops = 40

// errHops is a chain of links without an end.
var errHops = errors.New("it leads through too many links")

// node is a folder, a file or a link that was written.
type node struct {
	parent *node // nil for the root
	name   string
	kind   fs.FileMode // fs.ModeDir, fs.ModeSymlink, or 0 for a file
	// target is where a link leads, and written what the archive says of it.
	target, written string
	// children are those of a folder.
	children map[string]*node
	// time is a folder's, which is set last, as writing in it changes it.
	time time.Time
	// layer is the number of the layer that wrote it.
	layer int
}

func newRoot() *node {
	return &node{kind: fs.ModeDir, children: map[string]*node{}, time: time.Unix(0, 0)}
}

// add puts a new node into a folder.
func (n *node) add(name string, kind fs.FileMode, layer int) *node {
	child := &node{parent: n, name: name, kind: kind, layer: layer}
	if kind.IsDir() {
		child.children, child.time = map[string]*node{}, time.Unix(0, 0)
	}
	n.children[name] = child
	return child
}

// path returns a node's name below the root, which itself is ".".
func (n *node) path() string {
	if n.parent == nil {
		return "."
	}
	return path.Join(n.parent.path(), n.name)
}

// child returns the path of what a folder has, or is to have, by that name.
func (n *node) child(name string) string { return path.Join(n.path(), name) }

// depth is how many folders a folder is below the root.
func (n *node) depth() int {
	depth := 0
	for ; n.parent != nil; n = n.parent {
		depth++
	}
	return depth
}

// leaves says whether a link leads out of the root: whether reading it would
// read what is not in the archive. A link to nothing inside does not.
func (n *node) leaves() bool {
	if strings.HasPrefix(n.target, "/") {
		return true
	}
	at, parts := n.parent, strings.Split(n.target, "/")
	for hops := 0; len(parts) > 0; {
		part := parts[0]
		parts = parts[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			if at.parent == nil {
				return true
			}
			at = at.parent
			continue
		}
		next := at.children[part]
		if next == nil || next.kind.IsRegular() {
			return false
		}
		if next.kind.IsDir() {
			at = next
			continue
		}
		if hops++; hops > maxHops {
			return false
		}
		if strings.HasPrefix(next.target, "/") {
			return true
		}
		parts = append(strings.Split(next.target, "/"), parts...)
	}
	return false
}

// walk calls do for all below a folder, a folder after what is in it.
func (n *node) walk(do func(*node) error) error {
	for _, child := range n.children {
		if child.kind.IsDir() {
			if err := child.walk(do); err != nil {
				return err
			}
		}
		if err := do(child); err != nil {
			return err
		}
	}
	return nil
}
