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
	end  int64
}

// page is the least that is left out of a spool: what file systems allocate.
const page = 4096

// keep copies content of size bytes, with holes for what is zero.
func (s *spool) keep(content io.Reader, size int64) (Content, error) {
	if s.file == nil {
		if s.dir == "" {
			return Content{}, errors.New("there is no folder for the content of archives")
		}
		file, err := os.CreateTemp(s.dir, "content-*")
		if err != nil {
			return Content{}, plain(err)
		}
		s.file = file
	}
	// An offset of 0 would stand for the whole file.
	s.end = max(s.end, page)
	kept := Content{Path: s.file.Name(), Offset: s.end, Size: size}
	var buffer [32 * page]byte
	for left := size; left > 0; {
		part := buffer[:min(left, int64(len(buffer)))]
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
	// The next one begins where a hole can.
	s.end = (s.end + page - 1) / page * page
	return kept, nil
}

// write writes what isn't zero.
func (s *spool) write(part []byte) error {
	for len(part) > 0 {
		one := part[:min(page, len(part))]
		if !bytes.Equal(one, zeros[:len(one)]) {
			if _, err := s.file.WriteAt(one, s.end); err != nil {
				return err
			}
		}
		s.end += int64(len(one))
		part = part[len(one):]
	}
	return nil
}

var zeros [page]byte

// close ends the writing. The file stays; closing it again does nothing.
func (s *spool) close() error {
	if s.file == nil {
		return nil
	}
	err := errors.Join(s.file.Truncate(s.end), s.file.Close())
	s.file = nil
	return err
}
