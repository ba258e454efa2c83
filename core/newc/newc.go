// Package newc reads cpio archives in the newc format, whoever wrote them: what
// the kernel takes as an initramfs.
// Source: Documentation/driver-api/early-userspace/buffer-format.rst.
package newc

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Header is the header of an entry.
type Header struct {
	Name string
	// Ino identifies the file together with DevMajor and DevMinor: entries that
	// have the same, and a Links of more than one, are names of one file.
	Ino, DevMajor, DevMinor uint32
	// Mode holds type and permissions as in inode(7).
	Mode uint32
	// UID and GID are the numbers of owner and group.
	UID, GID uint32
	// Links is the number of names that the file has.
	Links uint32
	// ModTime is in seconds since 1970.
	ModTime uint32
	// Size is the length in bytes of a file, or of a symlink's target, which is
	// its content.
	Size uint32
	// Major and Minor are a device's numbers.
	Major, Minor uint32
}

const (
	headerSize = 110
	// Trailer is the name of the entry that ends an archive.
	Trailer = "TRAILER!!!"
	// maxName is the kernel's PATH_MAX.
	maxName = 4096
)

// IsArchive says whether an archive begins like this.
func IsArchive(head []byte) bool {
	return bytes.HasPrefix(head, []byte("070701")) || bytes.HasPrefix(head, []byte("070702"))
}

// Reader reads one archive. It takes what the kernel takes, where that makes
// sense.
type Reader struct {
	r *bufio.Reader
	// at is the number of bytes read, and left those of the current content.
	at, left int64
}

// NewReader returns a reader of the archive that begins at r.
func NewReader(r *bufio.Reader) *Reader { return &Reader{r: r} }

// Offset returns how many bytes were read: behind Next, where the content
// begins.
func (r *Reader) Offset() int64 { return r.at }

// Next returns the next header, and io.EOF at the end of the archive.
func (r *Reader) Next() (Header, error) {
	if _, err := io.Copy(io.Discard, r); err != nil {
		return Header{}, err
	}
	if err := r.pad(); err != nil {
		return Header{}, err
	}
	var raw [headerSize]byte
	if err := r.full(raw[:]); err != nil {
		return Header{}, err
	}
	if !IsArchive(raw[:]) {
		return Header{}, fmt.Errorf("at byte %d is no header of a cpio archive in newc format", r.at-headerSize)
	}
	var n [13]uint32
	for i := range n {
		v, err := strconv.ParseUint(string(raw[6+8*i:14+8*i]), 16, 32)
		if err != nil {
			return Header{}, fmt.Errorf("a header holds %q, which is no number", raw[6+8*i:14+8*i])
		}
		n[i] = uint32(v)
	}
	h := Header{
		Ino: n[0], Mode: n[1], UID: n[2], GID: n[3], Links: n[4], ModTime: n[5], Size: n[6],
		DevMajor: n[7], DevMinor: n[8], Major: n[9], Minor: n[10],
	}
	if n[11] == 0 || n[11] > maxName {
		return h, fmt.Errorf("a name has %d bytes, cpio takes 1 to %d", n[11], maxName)
	}
	name := make([]byte, n[11])
	if err := r.full(name); err != nil {
		return h, err
	}
	h.Name = cString(name)
	if err := r.pad(); err != nil {
		return h, err
	}
	if h.Name == Trailer {
		return h, io.EOF
	}
	r.left = int64(h.Size)
	return h, nil
}

// full reads into all of p.
func (r *Reader) full(p []byte) error {
	n, err := io.ReadFull(r.r, p)
	r.at += int64(n)
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// pad skips to the next multiple of four.
func (r *Reader) pad() error {
	var some [3]byte
	return r.full(some[:-r.at&3])
}

// Read reads the current content.
func (r *Reader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n, err := r.r.Read(p[:min(int64(len(p)), r.left)])
	r.at += int64(n)
	r.left -= int64(n)
	if errors.Is(err, io.EOF) && r.left > 0 {
		err = io.ErrUnexpectedEOF
	} else if r.left == 0 && err == io.EOF {
		err = nil
	}
	return n, err
}

func cString(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}
