package registry

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// files are the files of an image layout: those of a folder, or of a tar
// archive, which is not unpacked.
type files interface {
	// open opens a regular file and returns its size in bytes; without it, an
	// error that is os.ErrNotExist.
	open(name string) (io.ReadCloser, int64, error)
	Close() error
}

// openFiles opens a folder or an archive. Errors are one clause.
func openFiles(ctx context.Context, path string) (files, error) {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("there is no %s: %w", path, os.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return openArchive(ctx, path)
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	return folder{root}, nil
}

// folder keeps to what is below it, whatever links there are.
type folder struct{ *os.Root }

func (f folder) open(name string) (io.ReadCloser, int64, error) {
	file, err := f.Open(name)
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file", name)
	}
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, info.Size(), nil
}

// archive knows where in a tar archive its files are.
type archive struct {
	*os.File
	places map[string]place
}

// place is a piece of a file, in bytes.
type place struct{ start, size int64 }

// maxFiles is how many files an archive may hold: several for each layer.
const maxFiles = 100_000

func openArchive(ctx context.Context, path string) (_ files, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close())
		}
	}()
	a := archive{file, map[string]place{}}
	r := tar.NewReader(file)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return a, nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, fmt.Errorf("%s is no tar archive, or a damaged one: %w", path, err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		// The reader takes whole headers and nothing more.
		start, err := file.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, err
		}
		if len(a.places) == maxFiles {
			return nil, fmt.Errorf("%s holds more than %d files", path, maxFiles)
		}
		a.places[h.Name] = place{start, h.Size}
	}
}

func (a archive) open(name string) (io.ReadCloser, int64, error) {
	p, ok := a.places[name]
	if !ok {
		return nil, 0, fmt.Errorf("open %s: %w", name, os.ErrNotExist)
	}
	return io.NopCloser(io.NewSectionReader(a.File, p.start, p.size)), p.size, nil
}
