package build

import (
	"errors"
	"io"
	"os"
)

// window reads a file in pieces. Archive/tar seeks over contents, which costs
// no system call here.
type window struct {
	file *os.File
	// at is where the next byte is read.
	at int64
	// piece is what was read last, from the offset start.
	piece []byte
	start int64
}

// windowSize is the length of a piece in bytes.
const windowSize = 64 << 10

func (w *window) Read(p []byte) (int, error) {
	if w.at < w.start || w.at >= w.start+int64(len(w.piece)) {
		if w.piece == nil {
			w.piece = make([]byte, windowSize)
		}
		n, err := w.file.ReadAt(w.piece[:windowSize], w.at)
		w.piece, w.start = w.piece[:n], w.at
		if n == 0 {
			return 0, err
		}
	}
	n := copy(p, w.piece[w.at-w.start:])
	w.at += int64(n)
	return n, nil
}

// Seek implements io.Seeker, but for the end of the file.
func (w *window) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += w.at
	default:
		return w.at, errors.ErrUnsupported
	}
	w.at = offset
	return w.at, nil
}
