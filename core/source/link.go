package source

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/klauspost/compress/zip"
	"github.com/mholt/archiver/v4"
)

func (t *tree) symlink(name string, f archiver.FileInfo) error {
	target, err := linkTarget(f)
	if err != nil {
		return err
	}
	if target == "" || strings.ContainsRune(target, 0) || t.single && !inside(name, target) {
		return errLinkTarget
	}
	return t.link(name, target)
}

// link makes a symbolic link, with a target that fits the tree's own place.
func (t *tree) link(name, target string) error {
	parent, err := t.vacate(name)
	if err != nil {
		return err
	}
	name = parent.child(path.Base(name))
	fitting := target
	if t.layers {
		fitting = rooted(parent.depth(), target)
	} else if strings.HasPrefix(target, "/") {
		t.left.note(&t.left.Links, name)
		return nil
	}
	if err := t.root.Symlink(fitting, name); err != nil {
		return writeError(err)
	}
	n := t.note(parent, name, fs.ModeSymlink)
	n.target, n.written = fitting, target
	return nil
}

// linkTarget returns what a symbolic link points to. Zip has it as the
// content of a file.
func linkTarget(f archiver.FileInfo) (string, error) {
	if _, ok := f.Header.(zip.FileHeader); !ok {
		return f.LinkTarget, nil
	}
	in, err := f.Open()
	if err != nil {
		return "", fmt.Errorf("read: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(in, 4096))
	if err = errors.Join(err, in.Close()); err != nil {
		return "", fmt.Errorf("read: %w", err)
	}
	return string(text), nil
}

// inside says whether a link at name leads to somewhere inside for certain.
// It may go up only at its start, where the folders passed are known to be
// no links: after a link, ".." may lead anywhere.
func inside(name, target string) bool {
	if strings.HasPrefix(target, "/") {
		return false
	}
	depth := strings.Count(name, "/")
	down := false
	for p := range strings.SplitSeq(target, "/") {
		switch p {
		case "", ".":
		case "..":
			if depth--; down || depth < 0 {
				return false
			}
		default:
			down = true
		}
	}
	return true
}

// rooted returns a link's target, as seen in a system whose root the tree is,
// for the tree's own place: relative, and without going above the root. The
// link is depth folders below the root.
func rooted(depth int, target string) string {
	if strings.HasPrefix(target, "/") {
		target = strings.TrimLeft(target, "/")
		for strings.HasPrefix(target, "../") {
			target = strings.TrimLeft(target[3:], "/")
		}
		if target == "" || target == ".." {
			target = "."
		}
		return strings.Repeat("../", depth) + target
	}
	parts := strings.Split(target, "/")
	up := 0
	for i, p := range parts {
		if p != ".." && p != "." && p != "" {
			break
		}
		if p != ".." {
			continue
		}
		if up++; up > depth {
			parts[i] = "."
		}
	}
	return strings.Join(parts, "/")
}

func (t *tree) hardLink(name, target string) error {
	old, err := t.linked(target)
	if err != nil {
		return err
	}
	parent, err := t.folder(path.Dir(name))
	if err != nil {
		return err
	}
	if parent.children[path.Base(name)] == old {
		return nil
	}
	if old.kind == fs.ModeSymlink { // one link under two names
		return t.link(name, old.written)
	}
	if parent, err = t.vacate(name); err != nil {
		return err
	}
	name = parent.child(path.Base(name))
	if err := t.root.Link(old.path(), name); err != nil {
		return writeError(err)
	}
	t.note(parent, name, 0)
	return nil
}

// linked returns the file that a hard link names.
func (t *tree) linked(target string) (*node, error) {
	name, ok, err := t.place(target, false)
	if err != nil {
		return nil, errLinkTarget
	}
	missing := fmt.Errorf("it is a hard link to %q, which is no file before it", target)
	if !ok || name == "." {
		return nil, missing
	}
	dir := t.nodes
	if up := path.Dir(name); up != "." {
		if dir, err = t.folder(up); err != nil {
			return nil, missing
		}
	}
	old := dir.children[path.Base(name)]
	if old == nil || old.kind.IsDir() || old.kind == fs.ModeSymlink && t.single {
		return nil, missing
	}
	return old, nil
}

// checkLinks refuses links that lead out of the tree. In an image there are
// none but through others, and these are left out.
func (t *tree) checkLinks() error {
	if t.single {
		return nil // they were refused one by one
	}
	return t.nodes.walk(func(n *node) error {
		if n.kind != fs.ModeSymlink || !n.leaves() {
			return nil
		}
		if !t.layers {
			return fmt.Errorf("%s: %w", n.path(), errLinkTarget)
		}
		t.left.note(&t.left.Links, n.path())
		return t.remove(n)
	})
}
