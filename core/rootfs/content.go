package rootfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/mkmini/mkmini/plugins/cancel"
)

// Content is what a file holds: bytes in memory, or a file on disk that is
// read only when it is needed.
type Content struct {
	// Data is the content if Path is empty.
	Data string
	// Path is the absolute path of the file on disk.
	Path string
	// File is that file if it is kept open, and perhaps has no path any more:
	// then Path is for people.
	File *os.File
	// Offset is where in that file the content begins, if it is a part of it.
	Offset int64
	// Size is the length in bytes.
	Size int64
}

// part is content that is a part of a file.
type part struct {
	*io.SectionReader
	io.Closer
}

// opened is content that is being read.
type opened interface {
	io.Reader
	io.ReaderAt
	io.Closer
}

// inMemory is content that is in memory.
type inMemory struct{ *strings.Reader }

func (inMemory) Close() error { return nil }

// open returns a reader of the content. A file on disk that is no regular
// file any more, such as a symlink that took its place, is an error.
func (c Content) open() (opened, error) {
	if c.Path == "" {
		return inMemory{strings.NewReader(c.Data)}, nil
	}
	if c.File != nil {
		return part{io.NewSectionReader(c.File, c.Offset, c.Size), io.NopCloser(nil)}, nil
	}
	file, err := os.OpenFile(c.Path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	whole := false
	if err == nil {
		whole, err = c.fits(info.Mode().IsRegular(), info.Size())
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	if !whole {
		return part{io.NewSectionReader(file, c.Offset, c.Size), file}, nil
	}
	return file, nil
}

// load reads content of a file on disk into a buffer that is longer than it,
// with as few system calls as possible: a million files are read so. Its errors
// are those of open and of copyContent.
func (c Content) load(buffer []byte) (int, error) {
	fd, err := retried(func() (int, error) { return unix.Open(c.Path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0) })
	if err != nil {
		return 0, &fs.PathError{Op: "open", Path: c.Path, Err: err}
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return 0, &fs.PathError{Op: "stat", Path: c.Path, Err: err}
	}
	whole, err := c.fits(st.Mode&unix.S_IFMT == unix.S_IFREG, st.Size)
	if err != nil {
		return 0, err
	}
	limit := c.Size
	if whole {
		limit++ // a byte more than there should be
	}
	done := int64(0)
	for done < limit {
		n, err := retried(func() (int, error) { return unix.Pread(fd, buffer[done:limit], c.Offset+done) })
		if err != nil {
			return 0, &fs.PathError{Op: "read", Path: c.Path, Err: err}
		}
		if done += int64(n); n == 0 || done == c.Size {
			break // a regular file gives all it has
		}
	}
	if done != c.Size {
		return 0, &changedError{path: c.Path, was: c.Size, is: done}
	}
	return int(done), nil
}

// retried repeats a system call that a signal interrupted.
func retried(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

// fits says whether content is the whole of a file of that size, or returns an
// error if that file can't be the one.
func (c Content) fits(regular bool, size int64) (whole bool, err error) {
	whole = c.Offset == 0 && size == c.Size
	if !regular || size < c.Offset+c.Size || c.Offset == 0 && !whole {
		return false, &changedError{path: c.Path, was: c.Offset + c.Size, is: size}
	}
	return whole, nil
}

// write writes content to w, from memory if it was loaded. Begin is called
// when the content is known to be there, and before the first byte of it.
func (c Content) write(ctx context.Context, w io.Writer, l *loaded, begin func() error) error {
	if l != nil {
		if l.err != nil {
			return l.err
		}
		if err := begin(); err != nil {
			return err
		}
		_, err := w.Write(l.data)
		return err
	}
	r, err := c.open()
	if err != nil {
		return err
	}
	defer r.Close()
	if err := begin(); err != nil {
		return err
	}
	return copyContent(ctx, w, r, c)
}

// copyContent copies exactly as many bytes as the content is said to have.
func copyContent(ctx context.Context, w io.Writer, r io.Reader, c Content) error {
	n, err := io.Copy(w, io.LimitReader(cancel.Reader(ctx, r), c.Size))
	if err != nil {
		return err
	}
	var one [1]byte
	extra, err := io.ReadFull(r, one[:])
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if n+int64(extra) != c.Size {
		return &changedError{path: c.Path, was: c.Size, is: n + int64(extra)}
	}
	return nil
}

// changedError says that a file isn't any more what it was when the file
// system was put together.
type changedError struct {
	path    string
	was, is int64
	// became says that something else has its name now.
	became bool
}

func (e *changedError) Error() string {
	if e.became {
		return fmt.Sprintf("%s changed while it was read: %v", e.path, errBecame)
	}
	return fmt.Sprintf("%s changed while it was read: it had %d bytes and now has %d", e.path, e.was, e.is)
}
