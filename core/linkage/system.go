package linkage

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	securejoin "github.com/cyphar/filepath-securejoin"
)

// File is an open file.
type File interface {
	io.ReaderAt
	io.Closer
}

// System is a root file system as programs in it see it. Paths are absolute,
// and symlinks lead to where they do from within.
type System interface {
	// Open opens a regular file. The error is fs.ErrNotExist if there is
	// none.
	Open(path string) (File, error)
	// List returns the names in a folder, none if there is no folder.
	List(path string) []string
}

// Dir is the System in a folder on disk: a sysroot, or "/".
type Dir string

var _ System = Dir("")

// Open opens a file of the folder.
func (d Dir) Open(path string) (File, error) {
	path, err := d.Path(path)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fs.ErrNotExist
	}
	return os.Open(path)
}

// List returns the names in a folder of the folder.
func (d Dir) List(path string) []string {
	path, err := d.Path(path)
	if err != nil {
		return nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names
}

// Path returns where on disk a path of the system is, with its symlinks
// followed.
func (d Dir) Path(path string) (string, error) {
	real, err := securejoin.SecureJoin(string(d), filepath.FromSlash(path))
	if errors.Is(err, fs.ErrNotExist) {
		return "", fs.ErrNotExist
	}
	return real, err
}
