package rootfs

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/core/fault"
)

// Limits of Linux: source limits.h.
const (
	maxPath  = 4095
	maxName  = 255
	maxLinks = 40
)

// origin is where a node comes from.
type origin struct {
	// what is for people: "busybox", `file "/etc/motd"`.
	what string
	// block is the configuration's; nil for all else.
	block *fault.Range
	// overlay says that block is an overlay, which names no path itself.
	overlay bool
	// library is the absolute path of the file on disk, if it is there
	// because a program needs it.
	library string
}

// node is one file, folder, link or device. Names that share a node are hard
// links of each other.
type node struct {
	kind         Type
	mode         uint32
	uid, gid     int
	major, minor uint32
	target       string
	content      Content
	xattrs       map[string]string
	from         origin
}

// tree is a file system in the making, by path without a leading slash. The
// root itself has no name.
type tree struct {
	names map[string]*node
	// layer is the number of the layer that is being put in, and layers those
	// of names, but for 0. A name has one, and not a node: hard links of one
	// file may be in several.
	layer  int
	layers map[string]int
}

// set gives a name to a node.
func (t *tree) set(at string, n *node) {
	t.names[at] = n
	if t.layer != 0 || t.layers[at] != 0 {
		t.layers[at] = t.layer
	}
}

// resolve returns where path leads to when the symlinks in it are followed,
// the last part excepted unless whole is set, as from within the file system:
// "/" is its root and ".." doesn't leave it. Names that don't exist are taken
// for folders to be made. The path has no leading slash; "" is the root.
func (t *tree) resolve(path string, whole bool) (string, error) {
	var done []string
	left := strings.Split(path, "/")
	for links := 0; len(left) > 0; {
		part := left[0]
		left = left[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			done = done[:max(0, len(done)-1)]
			continue
		}
		at := strings.Join(append(slices.Clip(done), part), "/")
		n := t.names[at]
		if n == nil || n.kind != Symlink || (len(left) == 0 && !whole) {
			done = append(done, part)
			continue
		}
		if links++; links > maxLinks {
			return "", fmt.Errorf("the symlinks on the way of %q go in a circle", "/"+path)
		}
		left = append(strings.Split(n.target, "/"), left...)
		if strings.HasPrefix(n.target, "/") {
			done = nil
		}
	}
	return strings.Join(done, "/"), nil
}

// put places a node at path, makes the folders it needs, and returns the path
// at which it landed: "lib/x" lands in "usr/lib/x" when lib is a symlink.
func (t *tree) put(path string, n *node) (string, error) {
	at, err := t.resolve(path, false)
	if err != nil {
		return "", err
	}
	if err := checkName(at); err != nil {
		return "", err
	}
	if err := t.makeParents(at, n.from); err != nil {
		return "", err
	}
	if old := t.names[at]; old != nil && old.kind == Directory && n.kind != Directory {
		if child := t.child(at); child != "" {
			return "", fmt.Errorf("%s puts a %s at %q, but that is a folder of %s and holds %q",
				n.from.what, n.kind, "/"+at, old.from.what, "/"+child)
		}
	}
	t.set(at, n)
	return at, nil
}

// makeParents makes the folders above a path.
func (t *tree) makeParents(at string, from origin) error {
	for i := range len(at) {
		if at[i] != '/' {
			continue
		}
		switch parent := t.names[at[:i]]; {
		case parent == nil:
			t.set(at[:i], &node{kind: Directory, mode: 0o755, from: from})
		case parent.kind != Directory:
			return fmt.Errorf("%s needs %q to be a folder, but it is a %s of %s",
				from.what, "/"+at[:i], parent.kind, parent.from.what)
		}
	}
	return nil
}

// child returns the first name in a folder, or "".
func (t *tree) child(folder string) string {
	first := ""
	for path := range t.names {
		if strings.HasPrefix(path, folder+"/") && (first == "" || path < first) {
			first = path
		}
	}
	return first
}

// checkName refuses what no Linux could hold.
func checkName(path string) error {
	if path == "" {
		return fmt.Errorf("the root folder itself can't be replaced")
	}
	if len(path) > maxPath {
		return fmt.Errorf("the path %.40q… is longer than %d bytes", path, maxPath)
	}
	for part := range strings.SplitSeq(path, "/") {
		if len(part) > maxName {
			return fmt.Errorf("the name %.40q… is longer than %d bytes", part, maxName)
		}
	}
	if strings.ContainsRune(path, 0) {
		return fmt.Errorf("the path %q holds a NUL byte", path)
	}
	return nil
}

// records returns the tree as a sorted list, so that a folder comes before
// what it holds. Of the names of one file the first one is the file, the
// others are hard links to it.
func (t *tree) records() []Record {
	paths := t.sorted()
	first := make(map[*node]string)
	list := make([]Record, 0, len(paths))
	for _, path := range paths {
		n := t.names[path]
		r := Record{
			Path: path, Type: n.kind, Mode: n.mode, UID: n.uid, GID: n.gid,
			Major: n.major, Minor: n.minor, Target: n.target, Content: n.content, Xattrs: n.xattrs, Layer: t.layers[path],
		}
		if name, seen := first[n]; seen {
			r.Type, r.Target, r.Content, r.Xattrs = Hardlink, name, Content{}, nil
		}
		if _, seen := first[n]; !seen {
			first[n] = path
		}
		list = append(list, r)
	}
	return list
}

// sorted returns all paths in order.
func (t *tree) sorted() []string {
	paths := make([]string, 0, len(t.names))
	for path := range t.names {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return paths
}
