package rootfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// spool is a file in which the content of compressed archives waits until the
// layer is written, in another order than it was read in.
type spool struct {
	dir  string
	file *os.File
	// end is its length, of which the last bytes are still in pending.
	end     int64
	pending []byte
	// chunk is what is read at a time.
	chunk []byte
}

const (
	// page is the least that is left out of a spool: what file systems
	// allocate.
	page = 4096
	// large is the length from which content begins where a hole can. Small
	// files stand close together: there may be a million.
	large      = 16 * page
	spoolChunk = 64 * page
)

var zeros [page]byte

// keep copies content of size bytes, with holes for what is zero.
func (s *spool) keep(content io.Reader, size int64) (Content, error) {
	if err := s.open(); err != nil {
		return Content{}, err
	}
	if size >= large {
		if err := s.hole(-s.end & (page - 1)); err != nil {
			return Content{}, plain(err)
		}
	}
	kept := Content{Path: s.file.Name(), Offset: s.end, Size: size}
	for left := size; left > 0; {
		part := s.chunk[:min(left, int64(len(s.chunk)))]
		if _, err := io.ReadFull(content, part); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				err = fmt.Errorf("it lacks %d of %d bytes: %w", left, size, io.ErrUnexpectedEOF)
			}
			return Content{}, err
		}
		if err := s.write(part); err != nil {
			return Content{}, plain(err)
		}
		left -= int64(len(part))
	}
	return kept, nil
}

// open makes the file when something is to be kept.
func (s *spool) open() error {
	if s.file != nil {
		return nil
	}
	if s.dir == "" {
		return errors.New("there is no folder for the content of archives")
	}
	file, err := os.CreateTemp(s.dir, "content-*")
	if err != nil {
		return plain(err)
	}
	s.file, s.chunk, s.pending = file, make([]byte, spoolChunk), make([]byte, 0, spoolChunk+page)
	// An offset of 0 would stand for the whole file.
	s.end = page
	return nil
}

// write appends, in holes where there is a page of zeros.
func (s *spool) write(part []byte) error {
	for len(part) > 0 {
		one := part[:min(page-s.end%page, int64(len(part)))]
		part = part[len(one):]
		if bytes.Equal(one, zeros[:]) {
			if err := s.hole(page); err != nil {
				return err
			}
			continue
		}
		s.pending = append(s.pending, one...)
		s.end += int64(len(one))
		if len(s.pending) >= spoolChunk {
			if err := s.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// hole leaves bytes out.
func (s *spool) hole(n int64) error {
	err := s.flush()
	s.end += n
	return err
}

// flush writes what is pending.
func (s *spool) flush() error {
	_, err := s.file.WriteAt(s.pending, s.end-int64(len(s.pending)))
	s.pending = s.pending[:0]
	return err
}

// close ends the writing. The file stays; closing it again does nothing.
func (s *spool) close() error {
	if s.file == nil {
		return nil
	}
	err := errors.Join(s.flush(), s.file.Truncate(s.end), s.file.Close())
	s.file = nil
	return err
}
