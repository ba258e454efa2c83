package crossgcc

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/mkmini/mkmini/core/clone"
)

// merge puts the files of a tree into another one, as hard links where that
// is possible: nobody writes to them. Two trees have no file in common.
func merge(from, to string) error { return mergeSome(from, to, nil) }

// mergeSome is merge for the files whose path below the tree is wanted, and
// the folders that these are in. A nil function wants all.
func mergeSome(from, to string, wanted func(name string) bool) error {
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, name)
		switch {
		case d.IsDir() && wanted == nil:
			return folder(target)
		case d.IsDir() || wanted != nil && !wanted(name):
			return nil
		}
		if err := folder(filepath.Dir(target)); err != nil {
			return err
		}
		return clone.Entry(path, target, d)
	})
	if err != nil {
		return fmt.Errorf("put the parts of a compiler together: %w", err)
	}
	return nil
}

// folder makes a folder whatever the umask.
func folder(path string) error {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return err
	}
	return os.Chmod(path, 0o755)
}

// headers copies the headers below a folder, and nothing else.
func headers(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || !strings.HasSuffix(path, ".h") {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, name)
		if err := folder(filepath.Dir(target)); err != nil {
			return err
		}
		return clone.File(path, target)
	})
}

// plain says whether configure scripts and makefiles take a path as it is.
func plain(path string) bool {
	return strings.IndexFunc(path, func(r rune) bool {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
			return false
		}
		return !strings.ContainsRune("/._-+", r)
	}) < 0
}
