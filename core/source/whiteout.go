package source

import (
	"path"
	"strings"
)

// How a layer says that it removes something of those below it.
// Source: OCI image specification, "Whiteouts".
const (
	whiteoutPrefix = ".wh."
	opaque         = ".wh..wh..opq"
)

// whiteout removes what an entry's name says, if it is a whiteout.
func (t *tree) whiteout(name string) (done bool, err error) {
	base := path.Base(name)
	gone, ok := strings.CutPrefix(base, whiteoutPrefix)
	if !ok {
		return false, nil
	}
	parent, err := t.folder(path.Dir(name))
	if err != nil {
		return true, err
	}
	switch {
	case base == opaque:
		return true, t.prune(parent)
	case strings.HasPrefix(gone, whiteoutPrefix): // what aufs kept for itself
		return true, nil
	case gone == "" || gone == "." || gone == "..":
		return true, errOutside
	}
	n := parent.children[gone]
	if n == nil {
		return true, nil // it need not be there
	}
	return true, t.bury(n)
}

// prune removes what lower layers put into a folder.
func (t *tree) prune(dir *node) error {
	for _, child := range dir.children {
		if err := t.bury(child); err != nil {
			return err
		}
	}
	return nil
}

// bury removes a file or folder of lower layers, but for what this layer put
// in it: the order of a layer's entries has no meaning.
func (t *tree) bury(n *node) error {
	if n.kind.IsDir() {
		if err := t.prune(n); err != nil {
			return err
		}
		if len(n.children) > 0 {
			return nil
		}
	}
	if n.layer == t.layer {
		return nil
	}
	return t.remove(n)
}
