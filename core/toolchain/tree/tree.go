// Package tree writes a folder as a tar archive, and digests it so: the same
// bytes for the same files, whatever their times and owners, which don't
// survive the way to another machine.
package tree

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// epoch is the time of all entries, 1980-01-01.
var epoch = time.Unix(315532800, 0).UTC()

// Write writes what is in a folder. Files are 0755 if somebody may execute
// them, else 0644, as compilers in the store are. Devices and links to absolute
// paths are refused.
func Write(ctx context.Context, w io.Writer, dir string) error {
	t := &writer{tw: tar.NewWriter(w), dir: dir, first: map[[2]uint64]string{}}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return t.add(path, d)
	})
	if err != nil {
		return err
	}
	return t.tw.Close()
}

// Digest returns the "sha256:…" of what Write writes.
func Digest(ctx context.Context, dir string) (string, error) {
	h := sha256.New()
	if err := Write(ctx, h, dir); err != nil {
		return "", fmt.Errorf("digest %s: %w", dir, err)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}

// writer writes one folder.
type writer struct {
	tw  *tar.Writer
	dir string
	// first is the name that a file with several links was written by.
	first map[[2]uint64]string
}

// add writes one entry.
func (t *writer) add(path string, d fs.DirEntry) error {
	name, err := filepath.Rel(t.dir, path)
	if err != nil {
		return err
	}
	info, err := d.Info()
	if err != nil {
		return err
	}
	h := &tar.Header{Name: filepath.ToSlash(name), Mode: 0o755, ModTime: epoch}
	switch mode := info.Mode(); {
	case mode.IsDir():
		h.Typeflag, h.Name = tar.TypeDir, h.Name+"/"
		return t.tw.WriteHeader(h)
	case mode.Type() == fs.ModeSymlink:
		return t.link(h, path)
	case mode.IsRegular():
		if mode&0o111 == 0 {
			h.Mode = 0o644
		}
		return t.file(h, path, info.Size())
	}
	return fmt.Errorf("%s is neither a file, a folder nor a link", path)
}

func (t *writer) link(h *tar.Header, path string) error {
	target, err := os.Readlink(path)
	if err != nil {
		return err
	}
	if filepath.IsAbs(target) {
		return fmt.Errorf("%s is a link to %s, which belongs to this machine", path, target)
	}
	h.Typeflag, h.Mode, h.Linkname = tar.TypeSymlink, 0o777, target
	return t.tw.WriteHeader(h)
}

func (t *writer) file(h *tar.Header, path string, size int64) error {
	h.Typeflag = tar.TypeReg
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return &os.PathError{Op: "stat", Path: path, Err: err}
	}
	if st.Nlink > 1 {
		id := [2]uint64{uint64(st.Dev), st.Ino}
		if first, ok := t.first[id]; ok {
			h.Typeflag, h.Linkname = tar.TypeLink, first
			return t.tw.WriteHeader(h)
		}
		t.first[id] = h.Name
	}
	h.Size = size
	if err := t.tw.WriteHeader(h); err != nil {
		return err
	}
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(t.tw, in)
	return errors.Join(err, in.Close())
}
