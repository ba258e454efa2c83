package cpio

import (
	"errors"
	"fmt"
	"io"
)

// Writer writes an archive. After an error all calls return that error.
type Writer struct {
	w io.Writer
	// at is the length of the archive so far, left what the current entry
	// still lacks.
	at   int64
	left uint32
	name string
	err  error
}

// NewWriter returns a writer to w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// WriteHeader begins an entry. Its content follows with Write.
func (w *Writer) WriteHeader(h Header) error {
	if err := w.finish(); err != nil {
		return err
	}
	if err := CheckName(h.Name); err != nil {
		return w.fail(err)
	}
	return w.header(h)
}

// header writes any header, the one at the end included.
func (w *Writer) header(h Header) error {
	w.name, w.left = h.Name, h.Size
	// Checksums are for another format.
	text := fmt.Sprintf("%s%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00", magic,
		h.Ino, h.Mode, h.UID, h.GID, h.Links, h.ModTime, h.Size, h.DevMajor, h.DevMinor, h.Major, h.Minor, len(h.Name)+1, 0, h.Name)
	w.write([]byte(text))
	return w.pad(4)
}

// Write writes content of the current entry.
func (w *Writer) Write(p []byte) (int, error) {
	if w.err == nil && int64(len(p)) > int64(w.left) {
		w.fail(fmt.Errorf("%s: more content than its header says", w.name))
	}
	if w.err != nil {
		return 0, w.err
	}
	w.left -= uint32(len(p))
	return w.write(p), w.err
}

// Close ends the archive, and pads it to 512 bytes. It leaves the underlying
// writer open.
func (w *Writer) Close() error {
	if err := w.finish(); err != nil {
		return err
	}
	w.header(Header{Name: Trailer, Links: 1})
	w.pad(blockSize)
	if w.err != nil {
		return w.err
	}
	w.err = errors.New("the archive is closed")
	return nil
}

// finish ends the current entry.
func (w *Writer) finish() error {
	if w.err == nil && w.left > 0 {
		return w.fail(fmt.Errorf("%s: %d bytes of content are missing", w.name, w.left))
	}
	return w.pad(4)
}

// pad writes zeros up to a multiple of n.
func (w *Writer) pad(n int64) error {
	w.write(make([]byte, (n-w.at%n)%n))
	return w.err
}

// write writes all of p, or sets the error.
func (w *Writer) write(p []byte) int {
	if w.err != nil || len(p) == 0 {
		return 0
	}
	n, err := w.w.Write(p)
	w.at += int64(n)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if err != nil {
		w.fail(err)
	}
	return n
}

func (w *Writer) fail(err error) error {
	if w.err == nil {
		w.err = fmt.Errorf("write cpio: %w", err)
	}
	return w.err
}
