package inspect

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// newcHeader is the header of an entry in a cpio archive in the newc format.
// Source: Documentation/driver-api/early-userspace/buffer-format.rst.
type newcHeader struct {
	name                                    string
	ino, mode, uid, gid, links, mtime, size uint32
	devMajor, devMinor, major, minor        uint32
}

const (
	newcHeaderSize = 110
	newcTrailer    = "TRAILER!!!"
	// maxNewcName is the kernel's PATH_MAX.
	maxNewcName = 4096
)

// newcReader reads one archive. It takes what the kernel takes, whoever wrote
// it, where that makes sense.
type newcReader struct {
	r *bufio.Reader
	// at is the number of bytes read, and left those of the current content.
	at, left int64
}

// next returns the next header, and io.EOF at the end of the archive.
func (r *newcReader) next() (newcHeader, error) {
	if _, err := io.Copy(io.Discard, r); err != nil {
		return newcHeader{}, err
	}
	if err := r.pad(); err != nil {
		return newcHeader{}, err
	}
	var raw [newcHeaderSize]byte
	if err := r.full(raw[:]); err != nil {
		return newcHeader{}, err
	}
	if magic := string(raw[:6]); magic != "070701" && magic != "070702" {
		return newcHeader{}, fmt.Errorf("at byte %d is no header of a cpio archive in newc format", r.at-newcHeaderSize)
	}
	var n [13]uint32
	for i := range n {
		v, err := strconv.ParseUint(string(raw[6+8*i:14+8*i]), 16, 32)
		if err != nil {
			return newcHeader{}, fmt.Errorf("a header holds %q, which is no number", raw[6+8*i:14+8*i])
		}
		n[i] = uint32(v)
	}
	h := newcHeader{
		ino: n[0], mode: n[1], uid: n[2], gid: n[3], links: n[4], mtime: n[5], size: n[6],
		devMajor: n[7], devMinor: n[8], major: n[9], minor: n[10],
	}
	if n[11] == 0 || n[11] > maxNewcName {
		return h, fmt.Errorf("a name has %d bytes, cpio takes 1 to %d", n[11], maxNewcName)
	}
	name := make([]byte, n[11])
	if err := r.full(name); err != nil {
		return h, err
	}
	h.name = cString(name)
	if err := r.pad(); err != nil {
		return h, err
	}
	if h.name == newcTrailer {
		return h, io.EOF
	}
	r.left = int64(h.size)
	return h, nil
}

// full reads into all of p.
func (r *newcReader) full(p []byte) error {
	n, err := io.ReadFull(r.r, p)
	r.at += int64(n)
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// pad skips to the next multiple of four.
func (r *newcReader) pad() error {
	var some [3]byte
	return r.full(some[:-r.at&3])
}

// Read reads the current content.
func (r *newcReader) Read(p []byte) (int, error) {
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
