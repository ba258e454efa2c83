// Package clone makes copies of files that nobody will write to.
package clone

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Entry makes a file or a symlink appear at dst too, which doesn't exist yet: a
// file as a hard link where that is possible, and else as a copy with its
// permissions and time. Errors name src for what is neither.
func Entry(src, dst string, d fs.DirEntry) error {
	switch {
	case d.Type() == fs.ModeSymlink:
		target, err := os.Readlink(src)
		if err != nil {
			return err
		}
		return os.Symlink(target, dst)
	case !d.Type().IsRegular():
		return fmt.Errorf("copy %s: it is neither a file, a folder nor a link", src)
	}
	if os.Link(src, dst) == nil {
		return nil
	}
	info, err := d.Info()
	if err != nil {
		return err
	}
	if err := File(src, dst); err != nil {
		return err
	}
	return os.Chtimes(dst, info.ModTime(), info.ModTime())
}

// File copies a file to dst, which doesn't exist yet, with its permissions
// whatever the umask.
func File(src, dst string) error {
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(dst, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Chmod(info.Mode().Perm()), out.Close())
}
