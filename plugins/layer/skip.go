package layer

import (
	"bufio"
	"context"
	"io"
	"os"
)

// skipper reads a file through a buffer, and leaves out what nobody reads:
// archive/tar seeks over contents.
type skipper struct {
	ctx    context.Context
	file   *os.File
	buffer *bufio.Reader
	at     int64
}

func newSkipper(ctx context.Context, file *os.File) *skipper {
	return &skipper{ctx: ctx, file: file, buffer: bufio.NewReaderSize(file, 64<<10)}
}

func (s *skipper) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := s.buffer.Read(p)
	s.at += int64(n)
	return n, err
}

// Seek implements io.Seeker.
func (s *skipper) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekCurrent && offset >= 0 && offset <= int64(s.buffer.Buffered()) {
		n, err := s.buffer.Discard(int(offset))
		s.at += int64(n)
		return s.at, err
	}
	if whence == io.SeekCurrent {
		offset, whence = s.at+offset, io.SeekStart
	}
	at, err := s.file.Seek(offset, whence)
	if err != nil {
		return s.at, err
	}
	s.buffer.Reset(s.file)
	s.at = at
	return at, nil
}
