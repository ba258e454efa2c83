package rootfs

import (
	"fmt"
	"iter"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/symlink"
)

// Limits of Linux: source limits.h.
const (
	maxPath = 4095
	maxName = 255
)

// origin is where a node comes from.
type origin struct {
	// what is for people: "busybox", `file "/etc/motd"`.
	what string
	// block is the configuration's; nil for all else.
	block *fault.Range
	// overlay says that block is an overlay, which names no path itself.
	overlay bool
	// stated says that block is the directory's own, and states what it is.
	stated bool
	// library is the absolute path of the file on disk, if it is there
	// because a program needs it.
	library string
	// dir is the absolute path of the folder that nodes come from, and at
	// where it went; "" for the root. See contentAt.
	dir, at string
	// file is the absolute path of the file that has the contents of an
	// archive's files: the archive itself, or where they wait. Open is that of
	// a snapshot, which has no path: then file is for people.
	file string
	open *os.File
}

// tree is a file system in the making. Paths have no leading slash, and the
// root itself has no name.
type tree struct {
	root node
	// layer is the number of the layer that is being put in, and layers those
	// of names that share a node: hard links of one file may be in several.
	layer  uint16
	layers map[string]uint16
}

func newTree() *tree {
	return &tree{root: node{kind: Directory, more: &extra{names: make(map[string]*node)}}, layers: make(map[string]uint16)}
}

// get returns what is at a path, nil if nothing is. It follows no symlinks.
func (t *tree) get(at string) *node {
	folder, base := t.folder(at)
	if folder == nil {
		return nil
	}
	return folder.names()[base]
}

// folder returns the folder that a path is in, nil if there is none, and the
// last part of the path.
func (t *tree) folder(at string) (*node, string) {
	n := &t.root
	for {
		part, rest, more := strings.Cut(at, "/")
		if !more {
			return n, part
		}
		if n = n.names()[part]; n == nil {
			return nil, ""
		}
		at = rest
	}
}

// set gives a name to a node. The folder that it is in is there. A folder in
// the place of another one keeps what that one holds.
func (t *tree) set(at string, n *node) {
	folder, base := t.folder(at)
	if old := folder.names()[base]; n.kind == Directory && old != nil {
		n.own().names = old.names()
	}
	if n.kind == Directory && n.names() == nil {
		n.own().names = make(map[string]*node)
	}
	folder.names()[strings.Clone(base)] = n // without the memory of the whole path
	delete(t.layers, at)
	if n.named {
		n.shared = true
		t.layers[at] = t.layer
		return
	}
	n.named, n.layer = true, t.layer
}

// layerOf returns the number of the layer of a name, 0 for one that isn't
// there.
func (t *tree) layerOf(at string) uint16 {
	if layer, shared := t.layers[at]; shared {
		return layer
	}
	if n := t.get(at); n != nil {
		return n.layer
	}
	return 0
}

// each calls visit for every name until visit returns false. The names in a
// folder are sorted, and what it holds follows it at once: GNU tar sets a
// folder's time and mode when it comes to a name that isn't in it, and what
// came into the folder after that would change the time again.
func (t *tree) each(visit func(at string, n *node) bool) { t.root.each("", visit) }

func (n *node) each(prefix string, visit func(at string, n *node) bool) bool {
	for _, name := range slices.Sorted(maps.Keys(n.names())) {
		inner := n.names()[name]
		if !visit(prefix+name, inner) || !inner.each(prefix+name+"/", visit) {
			return false
		}
	}
	return true
}

// visit calls visit for every name in a folder and below, in any order, with
// the path of the folder that it is in, which is empty or ends with a slash.
func (n *node) visit(folder string, visit func(folder, base string, n *node)) {
	for base, inner := range n.names() {
		visit(folder, base, inner)
		if len(inner.names()) > 0 {
			inner.visit(folder+base+"/", visit)
		}
	}
}

// resolve returns where path leads to when the symlinks in it are followed,
// the last part excepted unless whole is set, as from within the file system:
// "/" is its root and ".." doesn't leave it. Names that don't exist are taken
// for folders to be made. The path has no leading slash; "" is the root.
func (t *tree) resolve(path string, whole bool) (string, error) {
	if t.isPlain(path, whole) {
		return path, nil
	}
	at, err := symlink.Resolve(path, whole, func(at string, _ bool) (symlink.Name, error) {
		n := t.get(at)
		if n == nil || n.kind != Symlink {
			return symlink.Name{}, nil
		}
		return symlink.Name{Link: true, Target: n.target()}, nil
	})
	if err != nil {
		return "", fmt.Errorf("the symlinks on the way of %q go in a circle", "/"+path)
	}
	return at, nil
}

// isPlain says that a path is clean and goes through no symlink, as almost all
// do.
func (t *tree) isPlain(path string, whole bool) bool {
	n := &t.root
	for more := true; more; {
		var part string
		part, path, more = strings.Cut(path, "/")
		if part == "" || part == "." || part == ".." {
			return false
		}
		if n != nil {
			n = n.names()[part]
		}
		if n != nil && n.kind == Symlink && (more || whole) {
			return false
		}
	}
	return true
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
	if old := t.get(at); old != nil && old.kind == Directory && n.kind != Directory {
		if child := t.child(at); child != "" {
			return "", fmt.Errorf("%s puts a %s at %q, but that is a folder of %s and holds %q",
				n.from.what, n.kind, "/"+at, old.from.what, "/"+child)
		}
	}
	t.set(at, n)
	return at, nil
}

// makeParents makes the folders above a path.
func (t *tree) makeParents(at string, from *origin) error {
	folder, start := &t.root, 0
	for i := range len(at) {
		if at[i] != '/' {
			continue
		}
		parent := folder.names()[at[start:i]]
		switch {
		case parent == nil:
			parent = &node{kind: Directory, mode: 0o755, from: from}
			t.set(at[:i], parent)
		case parent.kind != Directory:
			return fmt.Errorf("%s needs %q to be a folder, but it is a %s of %s",
				from.what, "/"+at[:i], parent.kind, parent.from.what)
		}
		folder, start = parent, i+1
	}
	return nil
}

// child returns the first name in a folder, or "".
func (t *tree) child(folder string) string {
	names := slices.Sorted(maps.Keys(t.get(folder).names()))
	if len(names) == 0 {
		return ""
	}
	return folder + "/" + names[0]
}

// checkName refuses what no Linux could hold.
func checkName(path string) error {
	if path == "" {
		return fmt.Errorf("the root folder itself can't be replaced")
	}
	if len(path) > maxPath {
		return fmt.Errorf("the path %.40q… is longer than %d bytes", path, maxPath)
	}
	return checkParts(path)
}

// checkParts is checkName for the parts of a path, wherever that begins.
func checkParts(path string) error {
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

// records yields the tree in the order of each, a folder before what it
// holds. Of the names of one file the first one is the file, the others are
// hard links to it.
func (t *tree) records() iter.Seq[Record] {
	return func(yield func(Record) bool) {
		first := make(map[*node]string)
		t.each(func(at string, n *node) bool {
			r := Record{
				Path: at, Type: n.kind, Mode: uint32(n.mode), UID: int(n.uid), GID: int(n.gid),
				Target: n.target(), Content: n.contentAt(at), Xattrs: n.xattrs(), Layer: int(n.layer),
			}
			r.Major, r.Minor = n.device()
			if n.shared {
				r.Layer = int(t.layerOf(at))
				if name, seen := first[n]; seen {
					r.Type, r.Target, r.Content, r.Xattrs = Hardlink, name, Content{}, nil
				} else {
					first[n] = at
				}
			}
			return yield(r)
		})
	}
}
