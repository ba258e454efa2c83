package cpio

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Reader reads an archive, and is strict: what Writer wouldn't write is an
// error.
type Reader struct {
	r    io.Reader
	at   int64
	left int64
}

// NewReader returns a reader of r, which should be buffered.
func NewReader(r io.Reader) *Reader { return &Reader{r: r} }

// Next returns the next header. At the end of the archive it makes sure that
// nothing but zeros follows, and returns io.EOF.
func (r *Reader) Next() (Header, error) {
	if _, err := io.Copy(io.Discard, r); err != nil {
		return Header{}, err
	}
	if err := r.pad(); err != nil {
		return Header{}, err
	}
	h, err := r.header()
	if err != nil {
		return Header{}, err
	}
	if h.Name == trailer {
		return Header{}, r.end(h)
	}
	if err := CheckName(h.Name); err != nil {
		return Header{}, fmt.Errorf("%w: %w", ErrFormat, err)
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
	if errors.Is(err, io.EOF) && r.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// header reads a header with its name and padding.
func (r *Reader) header() (Header, error) {
	raw, err := r.take(headerSize)
	if err != nil {
		return Header{}, err
	}
	if string(raw[:len(magic)]) != magic {
		return Header{}, fmt.Errorf("%w: the magic number is %q", ErrFormat, raw[:len(magic)])
	}
	var field [13]uint32
	for i := range field {
		digits := string(raw[len(magic)+8*i:][:8])
		value, err := strconv.ParseUint(digits, 16, 32)
		// ParseUint would take a sign or an underscore in other bases only,
		// and a header has eight digits always.
		if err != nil {
			return Header{}, fmt.Errorf("%w: %q is no number", ErrFormat, digits)
		}
		field[i] = uint32(value)
	}
	if field[11] == 0 || field[11] > maxName {
		return Header{}, fmt.Errorf("%w: a name of %d bytes", ErrFormat, field[11])
	}
	name, err := r.take(int(field[11]))
	if err != nil {
		return Header{}, err
	}
	if bytes.IndexByte(name, 0) != len(name)-1 {
		return Header{}, fmt.Errorf("%w: a name that doesn't end in one NUL", ErrFormat)
	}
	if field[7] != 0 || field[8] != 0 || field[12] != 0 {
		return Header{}, fmt.Errorf("%w: a device of the archive or a checksum is set", ErrFormat)
	}
	return Header{
		Ino: field[0], Mode: field[1], UID: field[2], GID: field[3], Links: field[4], ModTime: field[5],
		Size: field[6], Major: field[9], Minor: field[10], Name: string(name[:len(name)-1]),
	}, r.pad()
}

// end checks the last header and what follows it.
func (r *Reader) end(h Header) error {
	if h != (Header{Name: trailer, Links: 1}) {
		return fmt.Errorf("%w: the last header is %+v", ErrFormat, h)
	}
	buffer := make([]byte, blockSize)
	for {
		n, err := r.r.Read(buffer)
		r.at += int64(n)
		if len(bytes.Trim(buffer[:n], "\x00")) > 0 {
			return fmt.Errorf("%w: something follows its end", ErrFormat)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	if r.at%blockSize != 0 {
		return fmt.Errorf("%w: it isn't padded to %d bytes", ErrFormat, blockSize)
	}
	return io.EOF
}

// pad reads zeros up to a multiple of four bytes.
func (r *Reader) pad() error {
	zeros, err := r.take(int((4 - r.at%4) % 4))
	if err == nil && len(bytes.Trim(zeros, "\x00")) > 0 {
		err = fmt.Errorf("%w: the padding isn't zero", ErrFormat)
	}
	return err
}

// take reads n bytes.
func (r *Reader) take(n int) ([]byte, error) {
	raw := make([]byte, n)
	got, err := io.ReadFull(r.r, raw)
	r.at += int64(got)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return raw, err
}
