package rootfs

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

const (
	// windowLength is how many bytes of a file with many contents are read at a
	// time.
	windowLength = 256 << 10
	// maxWindows is how many such files are kept open.
	maxWindows = 16
)

// windows read small contents that are in files with others.
type windows struct {
	of map[windowKey]*window
	// last is what was read last.
	last loaded
}

// windowKey is a file that is open, or else the path of one.
type windowKey struct {
	file *os.File
	path string
}

// window is a piece of a file. Contents mostly come in the order in which they
// are in the file.
type window struct {
	file *os.File
	// own says that the file is to be closed.
	own bool
	// piece is what was read, from the offset start. The last content ended at
	// the offset end.
	buffer, piece []byte
	start, end    int64
}

func newWindows() *windows { return &windows{of: make(map[windowKey]*window)} }

// close closes the files.
func (w *windows) close() {
	for _, one := range w.of {
		if one.own {
			_ = one.file.Close() // it was read only
		}
	}
	clear(w.of)
}

// load returns content, which the next call overwrites.
func (w *windows) load(c Content) *loaded {
	one, err := w.window(c)
	w.last.data, w.last.err = nil, err
	if err == nil {
		w.last.data, w.last.err = one.read(c)
	}
	return &w.last
}

// window returns that of the file with a content.
func (w *windows) window(c Content) (*window, error) {
	key := windowKey{file: c.File}
	if c.File == nil {
		key.path = c.Path
	}
	if one := w.of[key]; one != nil {
		return one, nil
	}
	one := &window{file: c.File, buffer: make([]byte, windowLength)}
	if c.File == nil {
		file, err := os.OpenFile(c.Path, os.O_RDONLY|unix.O_NONBLOCK, 0)
		if err != nil {
			return nil, err
		}
		info, err := file.Stat()
		if err == nil {
			_, err = c.fits(info.Mode().IsRegular(), info.Size())
		}
		if err != nil {
			return nil, errors.Join(err, file.Close())
		}
		one.file, one.own = file, true
	}
	if len(w.of) == maxWindows {
		w.close()
	}
	w.of[key] = one
	return one, nil
}

// read returns a content of the file.
func (w *window) read(c Content) ([]byte, error) {
	if c.Offset < w.start || c.Offset+c.Size > w.start+int64(len(w.piece)) {
		length := c.Size
		if skip := c.Offset - w.end; skip >= 0 && skip <= smallContent {
			length = windowLength // others are going to follow
		}
		n, err := w.file.ReadAt(w.buffer[:length], c.Offset)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, &fs.PathError{Op: "read", Path: c.Path, Err: err}
		}
		if w.piece, w.start = w.buffer[:n], c.Offset; int64(n) < c.Size {
			return nil, &changedError{path: c.Path, was: c.Offset + c.Size, is: c.Offset + int64(n)}
		}
	}
	w.end = c.Offset + c.Size
	from := c.Offset - w.start
	return w.piece[from : from+c.Size], nil
}
