package referrer

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mkmini/mkmini/core/store"
)

// folder changes a layout that is a folder. index.json comes last: until then
// the layout is what it was. All that is touched gets the time that index.json
// had.
func (c *change) folder(dir string) error {
	info, err := os.Stat(filepath.Join(dir, indexName))
	if err != nil {
		return err
	}
	names := slices.Sorted(maps.Keys(c.add)) // blobs/… come before index.json
	for _, name := range names {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := store.WriteFile(file, c.add[name]); err != nil {
			return err
		}
		if err := os.Chtimes(file, info.ModTime(), info.ModTime()); err != nil {
			return err
		}
	}
	for name := range c.remove {
		if err := os.Remove(filepath.Join(dir, filepath.FromSlash(name))); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	for _, name := range []string{blobsName, filepath.Dir(blobsName), "."} {
		if err := os.Chtimes(filepath.Join(dir, name), info.ModTime(), info.ModTime()); err != nil {
			return err
		}
	}
	return nil
}

// archive changes a layout that is a tar archive: a new one is written beside
// it, and takes its place.
func (c *change) archive(ctx context.Context, path string) (err error) {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(out.Name()))
		}
	}()
	err = c.copyArchive(ctx, out, in)
	if err = errors.Join(err, out.Chmod(info.Mode().Perm()), out.Close()); err != nil {
		return err
	}
	if err := os.Chtimes(out.Name(), info.ModTime(), info.ModTime()); err != nil {
		return err
	}
	return os.Rename(out.Name(), path)
}

// copyArchive writes the entries of an archive with the changes: in the order
// of names if the archive is in that order.
func (c *change) copyArchive(ctx context.Context, out io.Writer, in io.ReadSeeker) error {
	when, err := timeOf(in, indexName)
	if err != nil {
		return err
	}
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return err
	}
	r, w := tar.NewReader(in), tar.NewWriter(out)
	left := slices.Sorted(maps.Keys(c.add))
	upTo := func(name string) error {
		for len(left) > 0 && (name == "" || left[0] < name) {
			if err := writeEntry(w, left[0], c.add[left[0]], when); err != nil {
				return err
			}
			left = left[1:]
		}
		return nil
	}
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("read the archive: %w", err)
		}
		if _, replaced := c.add[h.Name]; replaced || c.remove[h.Name] {
			continue
		}
		if !strings.HasSuffix(h.Name, "/") {
			if err := upTo(h.Name); err != nil {
				return err
			}
		}
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		if _, err := io.Copy(w, r); err != nil {
			return err
		}
	}
	return errors.Join(upTo(""), w.Close())
}

func writeEntry(w *tar.Writer, name string, content []byte, when time.Time) error {
	h := &tar.Header{Name: name, Mode: 0o644, ModTime: when, Typeflag: tar.TypeReg, Size: int64(len(content))}
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	_, err := w.Write(content)
	return err
}

// timeOf returns the time of an entry.
func timeOf(in io.Reader, name string) (time.Time, error) {
	r := tar.NewReader(in)
	for {
		h, err := r.Next()
		if err != nil {
			return time.Time{}, fmt.Errorf("look for %s: %w", name, err)
		}
		if h.Name == name {
			return h.ModTime, nil
		}
	}
}
