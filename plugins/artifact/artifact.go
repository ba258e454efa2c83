// Package artifact writes what exporters ship: under a temporary name, read
// back, and renamed only when it is right.
package artifact

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// CheckName refuses a name of an artifact that is no plain file name.
func CheckName(name string) error {
	if name != filepath.Base(name) || !filepath.IsLocal(name) || strings.HasPrefix(name, ".") {
		return fmt.Errorf("the artifact's name %q is no plain file name", name)
	}
	return nil
}

// WriteFile makes the file name in dir with mode 0644. Fill writes it under a
// temporary name, check reads it back from there, and only then it gets its
// name. On an error nothing is left.
func WriteFile(dir, name string, fill func(w io.Writer) error, check func(path string) error) error {
	return MakeFile(dir, name, func(file *os.File) error {
		buffer := bufio.NewWriterSize(file, 256<<10)
		if err := fill(buffer); err != nil {
			return err
		}
		return buffer.Flush()
	}, check)
}

// MakeFile is WriteFile for what is not written from its beginning to its end:
// fill gets the file itself, which is empty, with its temporary name.
func MakeFile(dir, name string, fill func(file *os.File) error, check func(path string) error) (err error) {
	if err := CheckName(name); err != nil {
		return err
	}
	file, err := os.CreateTemp(dir, "."+name+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer func() {
		// Tools that fail may have removed it themselves.
		if err == nil {
			return
		}
		if left := os.Remove(file.Name()); !errors.Is(left, fs.ErrNotExist) {
			err = errors.Join(err, left)
		}
	}()
	if err := fillFile(file, fill); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := check(file.Name()); err != nil {
		return fmt.Errorf("check %s: %w", name, err)
	}
	return os.Rename(file.Name(), filepath.Join(dir, name))
}

// fillFile fills a file, and closes it.
func fillFile(file *os.File, fill func(file *os.File) error) (err error) {
	defer func() {
		// Close has its own errors on network file systems.
		err = errors.Join(err, file.Close())
	}()
	if err := fill(file); err != nil {
		return err
	}
	return file.Chmod(0o644)
}

// WriteFolder makes the folder name in dir, as WriteFile makes a file. Fill
// gets the folder's temporary path, and sets modes and times.
func WriteFolder(dir, name string, fill func(folder string) error) (err error) {
	if err := CheckName(name); err != nil {
		return err
	}
	folder, err := os.MkdirTemp(dir, "."+name+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, remove(folder))
		}
	}()
	if err := fill(folder); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return os.Rename(folder, filepath.Join(dir, name))
}

// remove removes a folder even if folders in it can't be written to.
func remove(folder string) error {
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			return os.Chmod(path, 0o700)
		}
		return err
	})
	return errors.Join(err, os.RemoveAll(folder))
}

// Settle gives everything in a folder that holds nothing but files and
// folders the modes 0644 and 0755 and one time, whatever the umask and the
// clock are.
func Settle(folder string, when time.Time) error {
	var folders []string
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			folders = append(folders, path)
			return os.Chmod(path, 0o755)
		}
		return errors.Join(os.Chmod(path, 0o644), os.Chtimes(path, when, when))
	})
	for _, path := range folders {
		err = errors.Join(err, os.Chtimes(path, when, when))
	}
	return err
}
