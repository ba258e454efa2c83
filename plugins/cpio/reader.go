package cpio

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Reader reads one archive.
type Reader struct {
	r io.Reader
	// at is the number of bytes read, and left those of the current content.
	at, left int64
	strict   bool
	// head and name are where headers are read to.
	head [headerSize]byte
	name []byte
}

// NewReader returns a reader of r, which should be buffered. It takes what the
// kernel takes, where that makes sense, and reads no further than the last
// header: another archive may follow.
func NewReader(r io.Reader) *Reader { return &Reader{r: r} }

// NewStrictReader returns a reader of r, which should be buffered. What Writer
// wouldn't write is an error, and so is what follows the archive.
func NewStrictReader(r io.Reader) *Reader { return &Reader{r: r, strict: true} }

// Offset returns how many bytes were read: behind Next, where the content
// begins.
func (r *Reader) Offset() int64 { return r.at }

// Next returns the next header, and io.EOF at the end of the archive. With an
// error it returns the entry's name, if that is known.
func (r *Reader) Next() (Header, error) {
	if _, err := io.Copy(io.Discard, r); err != nil {
		return Header{}, err
	}
	if err := r.pad(); err != nil {
		return Header{}, err
	}
	h, err := r.header()
	if err != nil {
		return h, err
	}
	if h.Name == Trailer {
		return h, r.end(h)
	}
	if r.strict {
		if err := CheckName(h.Name); err != nil {
			return h, err
		}
	}
	r.left = int64(h.Size)
	return h, nil
}

// Read reads content of the current entry.
func (r *Reader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n, err := r.r.Read(p[:min(int64(len(p)), r.left)])
	r.at += int64(n)
	r.left -= int64(n)
	switch {
	case errors.Is(err, io.EOF) && r.left > 0:
		err = io.ErrUnexpectedEOF
	case errors.Is(err, io.EOF):
		err = nil
	}
	return n, err
}

// header reads a header with its name and padding.
func (r *Reader) header() (Header, error) {
	if err := r.full(r.head[:]); err != nil {
		return Header{}, err
	}
	if !IsArchive(r.head[:]) || r.strict && string(r.head[:len(magic)]) != magic {
		return Header{}, fmt.Errorf("at byte %d is no header of a cpio archive in newc format", r.at-headerSize)
	}
	var n [13]uint32
	for i := range n {
		digits := string(r.head[len(magic)+8*i:][:8])
		// ParseUint would take a sign or an underscore in other bases only.
		value, err := strconv.ParseUint(digits, 16, 32)
		if err != nil {
			return Header{}, fmt.Errorf("a header holds %q, which is no number", digits)
		}
		n[i] = uint32(value)
	}
	h := Header{
		Ino: n[0], Mode: n[1], UID: n[2], GID: n[3], Links: n[4], ModTime: n[5], Size: n[6],
		DevMajor: n[7], DevMinor: n[8], Major: n[9], Minor: n[10],
	}
	if r.strict && n[12] != 0 {
		return h, errors.New("a checksum is set")
	}
	var err error
	if h.Name, err = r.readName(n[11]); err != nil {
		return h, err
	}
	return h, r.pad()
}

// readName reads a name of so many bytes with the NUL at its end.
func (r *Reader) readName(size uint32) (string, error) {
	if size == 0 || size > maxName {
		return "", fmt.Errorf("a name has %d bytes, cpio takes 1 to %d", size, maxName)
	}
	r.name = append(r.name[:0], make([]byte, size)...)
	if err := r.full(r.name); err != nil {
		return "", err
	}
	end := bytes.IndexByte(r.name, 0)
	if r.strict && end != len(r.name)-1 {
		return "", errors.New("a name doesn't end in one NUL")
	}
	if end < 0 {
		end = len(r.name)
	}
	return string(r.name[:end]), nil
}

// end checks the last header and what follows it, if the reader is strict, and
// returns io.EOF.
func (r *Reader) end(h Header) error {
	if !r.strict {
		return io.EOF
	}
	if h != (Header{Name: Trailer, Links: 1}) {
		return fmt.Errorf("the last header is %+v", h)
	}
	buffer := make([]byte, blockSize)
	for {
		n, err := r.r.Read(buffer)
		r.at += int64(n)
		if len(bytes.Trim(buffer[:n], "\x00")) > 0 {
			return errors.New("something follows the end of the archive")
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	if r.at%blockSize != 0 {
		return fmt.Errorf("the archive isn't padded to %d bytes", blockSize)
	}
	return io.EOF
}

// pad skips to the next multiple of four bytes.
func (r *Reader) pad() error {
	var some [3]byte
	if err := r.full(some[:-r.at&3]); err != nil {
		return err
	}
	if r.strict && some != [3]byte{} {
		return errors.New("the padding isn't zero")
	}
	return nil
}

// full reads into all of p.
func (r *Reader) full(p []byte) error {
	n, err := io.ReadFull(r.r, p)
	r.at += int64(n)
	if errors.Is(err, io.EOF) && len(p) > 0 {
		return io.ErrUnexpectedEOF
	}
	return err
}
