package build

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/mkmini/mkmini/core/linkage"
	"github.com/mkmini/mkmini/core/symlink"
)

// layerTree is a root file system in its archive, as programs in it see it. Of
// a million files it knows those that programs are started with.
type layerTree struct {
	file  *os.File
	names map[string]member
}

// member is a name in an archive: a symlink, or a file at an offset.
type member struct {
	kind         byte
	target       string
	offset, size int64
}

var _ linkage.System = (*layerTree)(nil)

// openTree opens an archive that isn't compressed.
func openTree(name string) (*layerTree, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	t := &layerTree{file: f, names: make(map[string]member)}
	if err := t.read(); err != nil {
		return nil, errors.Join(fmt.Errorf("read %s: %w", name, err), f.Close())
	}
	return t, nil
}

// Close closes the archive.
func (t *layerTree) Close() error { return t.file.Close() }

// maxLevel is how deep the folders lie that libraries are looked for in.
const maxLevel = 3

func (t *layerTree) read() error {
	in := &window{file: t.file}
	for archive := tar.NewReader(in); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := strings.TrimSuffix(h.Name, "/")
		m := member{kind: h.Typeflag, target: h.Linkname, size: h.Size}
		switch {
		case h.Typeflag == tar.TypeReg && (h.Mode&0o111 != 0 || strings.Contains(name, ".so") || strings.HasPrefix(name, "etc/ld")):
			m.offset = in.at
		case h.Typeflag == tar.TypeLink:
			there, ok := t.names[h.Linkname]
			if !ok {
				continue
			}
			m = there
		case h.Typeflag == tar.TypeDir && strings.Count(name, "/") < maxLevel, h.Typeflag == tar.TypeSymlink:
		default:
			continue
		}
		t.names[name] = m
	}
}

// resolve follows the symlinks of a path, and returns where it leads; "" if
// they go in a circle.
func (t *layerTree) resolve(name string) string {
	at, err := symlink.Resolve(name, true, func(at string, _ bool) (symlink.Name, error) {
		m := t.names[at]
		return symlink.Name{Link: m.kind == tar.TypeSymlink, Target: m.target}, nil
	})
	if err != nil {
		return ""
	}
	return at
}

// section is a file within the archive.
type section struct{ *io.SectionReader }

func (section) Close() error { return nil }

// Open opens a regular file.
func (t *layerTree) Open(name string) (linkage.File, error) {
	m := t.names[t.resolve(name)]
	if m.kind != tar.TypeReg {
		return nil, fs.ErrNotExist
	}
	return section{io.NewSectionReader(t.file, m.offset, m.size)}, nil
}

// List returns the names in a folder.
func (t *layerTree) List(name string) []string {
	var names []string
	folder := t.resolve(name) + "/"
	for at := range t.names {
		if rest, ok := strings.CutPrefix(at, folder); ok && rest != "" && !strings.Contains(rest, "/") {
			names = append(names, rest)
		}
	}
	return names
}

// extract writes a file to where its path leads below a folder.
func (t *layerTree) extract(name, dir string) error {
	in, err := t.Open(name)
	if err != nil {
		return err
	}
	to := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in.(section))
	return errors.Join(err, out.Close())
}
