package crossgcc

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
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
		switch {
		case d.Type() == fs.ModeSymlink:
			link, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(link, target)
		case !d.Type().IsRegular():
			return fmt.Errorf("%s is no file", path)
		}
		if os.Link(path, target) == nil {
			return nil
		}
		return duplicate(path, target)
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

// duplicate copies a file.
func duplicate(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Chmod(info.Mode().Perm()), out.Close())
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
		return duplicate(path, target)
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
