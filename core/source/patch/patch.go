// Package patch applies the patches of plugins to copies of sources.
package patch

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/bluekeyes/go-gitdiff/gitdiff"
)

// maxFile is the largest file in bytes that can be patched, and maxDiff the
// largest patch.
const (
	maxFile = 64 << 20
	maxDiff = 16 << 20
)

// Apply applies a unified diff to the tree at dir, and returns the names of
// the files that it changed. Names in the diff lose their first folder, as
// with `patch -p1`. Context has to be exactly where the diff says: a patch
// that has to be searched for may end up in the wrong place. Nothing outside
// of dir is read or written, and a file that is linked from elsewhere is
// replaced rather than written to.
func Apply(dir string, diff []byte) ([]string, error) {
	if len(diff) > maxDiff {
		return nil, errors.New("it is too large")
	}
	files, _, err := gitdiff.Parse(bytes.NewReader(diff))
	if err != nil {
		return nil, fmt.Errorf("it is no unified diff: %w", err)
	}
	if len(files) == 0 {
		return nil, errors.New("it changes nothing")
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	git := bytes.HasPrefix(diff, []byte("diff --git ")) || bytes.Contains(diff, []byte("\ndiff --git "))
	var changed []string
	for _, f := range files {
		c := change{root: root, file: f, strip: !git}
		name, err := c.apply()
		if err != nil {
			return nil, err
		}
		changed = append(changed, name)
	}
	return changed, nil
}

// change is what a diff does to one file.
type change struct {
	root *os.Root
	file *gitdiff.File
	// strip says that names still have their first folder.
	strip bool
}

func (c change) apply() (string, error) {
	f := c.file
	name, err := c.name(f.NewName)
	if f.IsDelete {
		name, err = c.name(f.OldName)
	}
	switch {
	case err != nil:
		return "", err
	case f.IsBinary, f.IsCopy, f.IsRename:
		return "", fmt.Errorf("%s: it is binary, a copy or a renaming, and not a text that changes in its place", name)
	case f.IsNew:
		if _, err := c.root.Lstat(name); err == nil {
			return "", fmt.Errorf("%s: it is new in the patch, and is there already", name)
		}
		if err := c.root.MkdirAll(path.Dir(name), 0o755); err != nil {
			return "", err
		}
		return name, c.write(name, nil, mode(f.NewMode, 0o644))
	}
	info, err := c.root.Lstat(name)
	if err != nil {
		return "", fmt.Errorf("%s: there is no such file in the source", name)
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return "", fmt.Errorf("%s: it is no regular file of a common size", name)
	}
	old, err := c.root.ReadFile(name)
	if err != nil {
		return "", err
	}
	if f.IsDelete {
		var left bytes.Buffer
		if err := gitdiff.Apply(&left, bytes.NewReader(old), f); err != nil {
			return "", mismatch(name, err)
		}
		if left.Len() > 0 {
			return "", fmt.Errorf("%s: the patch removes it, and has another content for it", name)
		}
		return name, c.root.Remove(name)
	}
	return name, c.write(name, old, mode(f.NewMode, info.Mode().Perm()))
}

// name returns a name of the diff as one below the root.
func (c change) name(raw string) (string, error) {
	name := raw
	if c.strip {
		_, name, _ = strings.Cut(raw, "/")
	}
	if !filepath.IsLocal(name) || path.Clean(name) != name || name == "." {
		return "", fmt.Errorf("%q is no name below the source's folder", raw)
	}
	return name, nil
}

// write puts what a file becomes in its place.
func (c change) write(name string, old []byte, mode fs.FileMode) error {
	var text bytes.Buffer
	if err := gitdiff.Apply(&text, bytes.NewReader(old), c.file); err != nil {
		return mismatch(name, err)
	}
	if text.Len() > maxFile {
		return fmt.Errorf("%s: it becomes too large", name)
	}
	// The old file may be a hard link of the one in the unpatched source.
	if err := c.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := c.root.WriteFile(name, text.Bytes(), 0o644); err != nil {
		return err
	}
	return c.root.Chmod(name, mode)
}

// mode returns permissions as the source has them: those of executables, or
// others.
func mode(wanted, otherwise fs.FileMode) fs.FileMode {
	switch {
	case wanted == 0:
		return otherwise
	case wanted&0o111 != 0:
		return 0o755
	}
	return 0o644
}

// mismatch says where a patch doesn't fit.
func mismatch(name string, err error) error {
	var at *gitdiff.ApplyError
	if errors.As(err, &at) && at.Line > 0 {
		return fmt.Errorf("%s: line %d is not what the patch expects: %w", name, at.Line, errors.Unwrap(at))
	}
	return fmt.Errorf("%s: it is not what the patch expects: %w", name, err)
}
