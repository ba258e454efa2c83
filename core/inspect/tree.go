package inspect

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// How a layer says that it removes something of those below it.
// Source: OCI image specification, "Whiteouts".
const (
	whiteoutPrefix = ".wh."
	opaque         = ".wh..wh..opq"
)

const (
	// maxPath is the longest path, as in Linux.
	maxPath = 4096
	// maxHops is how many symlinks a path may lead through, as in Linux.
	maxHops = 40
	// maxNotes is how many notes are kept.
	maxNotes = 100
)

// node is a name. Hard links are nodes of one entry; that of an implied
// folder is nil.
type node struct {
	children map[string]*node
	entry    *Entry
	layer    int
}

func (n *node) isFolder() bool { return n.entry == nil || n.entry.Type == Folder }

// tree is a file system in the making.
type tree struct {
	scan  *scanner
	root  *node
	layer int
	notes []string
}

func newTree(s *scanner) *tree { return &tree{scan: s, root: &node{}} }

func (t *tree) note(format string, args ...any) {
	if len(t.notes) == maxNotes {
		t.notes = append(t.notes, "and more of that kind")
	}
	if len(t.notes) < maxNotes {
		t.notes = append(t.notes, fmt.Sprintf(format, args...))
	}
}

// split returns the parts of a path, without those that lead nowhere.
func split(name string) []string {
	return slices.DeleteFunc(strings.Split(name, "/"), func(p string) bool { return p == "" || p == "." })
}

// step is a folder on the way, and the length of its path.
type step struct {
	node   *node
	length int
}

// folder finds the folder of a path. It goes through symlinks, and not above
// the root, as a program does whose root it is. With create, what is missing
// is made; else nil is returned for it.
func (t *tree) folder(parts []string, create bool) (step, error) {
	way := []step{{t.root, 0}}
	hops := 0
	for len(parts) > 0 {
		part := parts[0]
		parts = parts[1:]
		at := way[len(way)-1]
		if part == ".." {
			way = way[:max(len(way)-1, 1)]
			continue
		}
		child := at.node.children[part]
		if child != nil && child.entry != nil && child.entry.Type == Symlink {
			if hops++; hops > maxHops {
				return step{}, errors.New("symlinks lead to each other")
			}
			if strings.HasPrefix(child.entry.Target, "/") {
				way = way[:1]
			}
			parts = append(split(child.entry.Target), parts...)
			continue
		}
		next := step{child, at.length + 1 + len(part)}
		if child == nil || !child.isFolder() {
			if !create {
				return step{}, nil
			}
			if child != nil {
				t.note("%s is a file and a folder", quoted(part))
			}
			next.node = &node{layer: t.layer}
			if err := t.attach(at.node, part, next); err != nil {
				return step{}, err
			}
		}
		way = append(way, next)
	}
	return way[len(way)-1], nil
}

// attach gives a folder a child.
func (t *tree) attach(dir *node, name string, child step) error {
	if child.length > maxPath {
		return fmt.Errorf("its path has more than %d bytes", maxPath)
	}
	if err := t.scan.keep(child.length); err != nil {
		return err
	}
	if dir.children == nil {
		dir.children = map[string]*node{}
	}
	dir.children[name] = child.node
	return nil
}

// place splits a name into the parts of its folder and the last.
func (t *tree) place(name string) (parent []string, base string, err error) {
	if len(name) > maxPath {
		return nil, "", fmt.Errorf("its name has %d bytes, more than %d", len(name), maxPath)
	}
	parts := split(name)
	if slices.Contains(parts, "..") {
		t.note("%s leads out of its folder", quoted(name))
		// Above the root is the root again.
		parts = split(path.Clean("/" + name))
	}
	if len(parts) == 0 {
		return nil, "", nil
	}
	return parts[:len(parts)-1], parts[len(parts)-1], nil
}

// put adds an entry. It takes the place of what was there; a folder keeps what
// is in it.
func (t *tree) put(name string, e *Entry) error {
	parent, base, err := t.place(name)
	if err != nil {
		return err
	}
	if base == "" {
		if e.Type != Folder {
			t.note("%s is named %s, and is no folder", e.Type, quoted(name))
			return nil
		}
		t.root.entry, t.root.layer = e, t.layer
		return nil
	}
	if err := t.scan.keepBytes(e); err != nil {
		return err
	}
	dir, err := t.folder(parent, true)
	if err != nil {
		return err
	}
	n := &node{entry: e, layer: t.layer}
	if old := dir.node.children[base]; old != nil {
		if old.isFolder() && e.Type == Folder {
			n.children = old.children
		}
		if old.entry != nil && old.layer == t.layer {
			t.note("%s is there twice; the later counts", quoted(name))
		}
	}
	return t.attach(dir.node, base, step{n, dir.length + 1 + len(base)})
}

// find returns the entry of a name, nil if there is none.
func (t *tree) find(name string) (*Entry, error) {
	parent, base, err := t.place(name)
	if err != nil || base == "" {
		return nil, err
	}
	dir, err := t.folder(parent, false)
	if err != nil || dir.node == nil || dir.node.children[base] == nil {
		return nil, err
	}
	return dir.node.children[base].entry, nil
}

// link adds one more name of a file.
func (t *tree) link(name, target string, broken *Entry) error {
	e, err := t.find(target)
	if err != nil {
		return err
	}
	if e == nil || e.Type == Folder {
		t.note("%s is a hard link to %s, which isn't there", quoted(name), quoted(target))
		broken.Type, broken.Target = Broken, target
		e = broken
	}
	return t.put(name, e)
}

// whiteout removes what an entry of a layer says, if it is a whiteout.
func (t *tree) whiteout(name string) (bool, error) {
	base := path.Base(name)
	gone, ok := strings.CutPrefix(base, whiteoutPrefix)
	if !ok {
		return false, nil
	}
	dir, err := t.folder(split(path.Dir(name)), false)
	switch {
	case err != nil:
		return true, err
	case dir.node == nil:
	case base == opaque:
		t.prune(dir.node)
	case strings.HasPrefix(gone, whiteoutPrefix): // what aufs kept for itself
	default:
		if n := dir.node.children[gone]; n != nil {
			t.bury(dir.node, gone, n)
		}
	}
	return true, nil
}

// prune removes what lower layers put into a folder.
func (t *tree) prune(dir *node) {
	for name, child := range dir.children {
		t.bury(dir, name, child)
	}
}

// bury removes what is from lower layers, but for what this one put in it: the
// order of a layer's entries has no meaning.
func (t *tree) bury(dir *node, name string, n *node) {
	t.prune(n)
	if len(n.children) == 0 && n.layer != t.layer {
		delete(dir.children, name)
	}
}

// looksLikeImage says that the files are there that an image in an archive
// begins with.
func (t *tree) looksLikeImage() bool {
	has := func(name string) bool {
		n := t.root.children[name]
		return n != nil && !n.isFolder()
	}
	return has("oci-layout") && has("index.json") || has("manifest.json")
}

// finish returns the entries, sorted.
func (t *tree) finish() *Tree {
	done := &Tree{Notes: t.notes}
	t.list("/", t.root, done)
	return done
}

// list adds a node and what is below it. An entry that has a path already is a
// file with several, and the further ones are links.
func (t *tree) list(name string, n *node, done *Tree) {
	e := n.entry
	switch {
	case e == nil:
		e = &Entry{Path: name, Type: Folder, Implied: true, Mode: 0o755}
	case e.Path != "":
		again := *e
		again.Path, again.Link = name, e.Path
		e = &again
	default:
		e.Path = name
	}
	done.Entries = append(done.Entries, e)
	done.Totals.add(e)
	for _, base := range slices.Sorted(maps.Keys(n.children)) {
		t.list(strings.TrimSuffix(name, "/")+"/"+base, n.children[base], done)
	}
	n.children = nil // a large tree needs not be there twice
}
