package inspect

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// scanner reads the parts of one artifact, and counts them against its limits.
type scanner struct {
	limits Limits
	// left are the bytes that may still come, and entries and names what was
	// kept.
	left    int64
	entries int
	names   int64
	elf     bool
	// partition is the number of the one to read; 0 for all.
	partition int
	// want is the platform of images; nil for all.
	want *v1.Platform
	// done says why to stop, if so.
	done func() error
	// spool holds one executable at a time; nil before the first.
	spool *os.File
	// buffer is for copying, of many small files too.
	buffer []byte
}

// errTooLarge says that a limit was met.
var errTooLarge = errors.New("it holds more than is read of one artifact")

func (s *scanner) close() {
	if s.spool != nil {
		s.spool.Close()
	}
}

// keep counts an entry and the bytes of its path.
func (s *scanner) keep(length int) error {
	s.entries++
	s.names += int64(length)
	if s.entries > s.limits.Entries {
		return fmt.Errorf("%w: %d entries", errTooLarge, s.limits.Entries)
	}
	if s.names > s.limits.Names {
		return fmt.Errorf("%w: %d bytes of names", errTooLarge, s.limits.Names)
	}
	return nil
}

// keepBytes counts what an entry keeps besides.
func (s *scanner) keepBytes(e *Entry) error {
	s.names += int64(len(e.Target))
	for name, value := range e.Xattrs {
		s.names += int64(len(name) + len(value))
	}
	if s.names > s.limits.Names {
		return fmt.Errorf("%w: %d bytes of names", errTooLarge, s.limits.Names)
	}
	return nil
}

// take counts bytes that were read.
func (s *scanner) take(n int64) error {
	if s.left -= n; s.left < 0 {
		return fmt.Errorf("%w: %d bytes", errTooLarge, s.limits.Bytes)
	}
	return nil
}

// stoppable is a reader that ends when it is told to.
type stoppable struct {
	r    io.Reader
	done func() error
}

func (r *stoppable) Read(p []byte) (int, error) {
	if err := r.done(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// capped is a reader that counts against the scanner's limit.
type capped struct {
	r    io.Reader
	scan *scanner
}

func (c *capped) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if over := c.scan.take(int64(n)); over != nil {
		return n, over
	}
	return n, err
}

// content reads a file's content into its entry: length, digest, and what
// kind of executable it is. A hole in a sparse file counts against the limit,
// for it takes the same time.
func (s *scanner) content(r io.Reader, e *Entry) error {
	head := make([]byte, 4)
	n, err := io.ReadFull(r, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return err
	}
	head = head[:n]
	h := sha256.New()
	h.Write(head)
	var to io.Writer = h
	var copied *spoolWriter
	if s.elf && string(head) == "\x7fELF" {
		if copied, err = s.startSpool(); err != nil {
			return err
		}
		if _, err := copied.Write(head); err != nil {
			return err
		}
		to = io.MultiWriter(h, copied)
	}
	if s.buffer == nil {
		s.buffer = make([]byte, 64<<10)
	}
	rest, err := io.CopyBuffer(to, &stoppable{r, s.done}, s.buffer)
	if err != nil {
		return err
	}
	e.Size = int64(n) + rest
	h.Sum(e.SHA256[:0])
	if copied != nil {
		e.ELF = copied.facts()
	}
	return nil
}

// temporary returns a file that is gone when it is closed.
func temporary() (*os.File, error) {
	f, err := os.CreateTemp("", "mkmini-inspect-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
