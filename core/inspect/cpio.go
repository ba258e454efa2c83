package inspect

import (
	"bufio"
	"fmt"
	"io"

	"github.com/mkmini/mkmini/core/source"
	"github.com/mkmini/mkmini/plugins/cpio"
)

// maxSegments is how many archives may follow each other in one.
const maxSegments = 64

// cpio adds the entries of a cpio archive, and of those that follow it: the
// kernel unpacks all, each of which may be compressed by itself.
func (s *scanner) cpio(r *bufio.Reader, t *tree) error {
	for range maxSegments {
		if err := s.segment(r, t); err != nil {
			return err
		}
		more, err := skipZeros(r)
		if err != nil || !more {
			return err
		}
		inner, name, err := source.Decompress(r)
		if err != nil {
			return err
		}
		defer inner.Close()
		if name != "" {
			r = bufio.NewReaderSize(&capped{inner, s}, 256<<10)
		}
		head, err := r.Peek(6)
		if err != nil && err != io.EOF {
			return err
		}
		if kind := kindOf(head); kind != "cpio" {
			return fmt.Errorf("what follows the cpio archive is %s", kind)
		}
		t.layer++ // a later archive may replace what is there
	}
	return fmt.Errorf("more than %d cpio archives follow each other", maxSegments)
}

// skipZeros says whether anything but zeros follows.
func skipZeros(r *bufio.Reader) (bool, error) {
	for {
		b, err := r.ReadByte()
		if err == io.EOF {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if b != 0 {
			return true, r.UnreadByte()
		}
	}
}

// inode is what identifies a file that has several names.
type inode struct{ major, minor, ino uint32 }

// segment adds the entries of one archive.
func (s *scanner) segment(r *bufio.Reader, t *tree) error {
	archive := cpio.NewReader(r)
	files := map[inode]*Entry{}
	for {
		h, err := archive.Next()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = s.newcEntry(archive, h, t, files)
		}
		if err != nil && h.Name != "" {
			return fmt.Errorf("entry %s: %w", quoted(h.Name), err)
		}
		if err != nil {
			return err
		}
	}
}

// fileTypes are the types in a mode. Source: inode(7).
var fileTypes = map[uint32]Type{
	0o140000: Socket, 0o120000: Symlink, 0o100000: File, 0o060000: BlockDevice,
	0o040000: Folder, 0o020000: CharDevice, 0o010000: Fifo,
}

func (s *scanner) newcEntry(archive *cpio.Reader, h cpio.Header, t *tree, files map[inode]*Entry) error {
	e := &Entry{
		Type: fileTypes[h.Mode&0o170000], Mode: h.Mode & 0o7777, UID: int(h.UID), GID: int(h.GID), ModTime: int64(h.ModTime),
	}
	switch e.Type {
	case 0:
		t.note("%s has the unknown mode %o, and is left out", quoted(h.Name), h.Mode)
		return nil
	case File:
		// The content of a file with several names is with one of them, mostly
		// the last.
		key := inode{h.DevMajor, h.DevMinor, h.Ino}
		if first := files[key]; first != nil && h.Links > 1 {
			e = first
		} else if h.Links > 1 {
			files[key] = e
		}
		if h.Size > 0 || e.Size == 0 {
			if err := s.content(archive, e); err != nil {
				return err
			}
		}
	case Symlink:
		if h.Size > maxPath {
			return fmt.Errorf("the symlink's target has %d bytes, more than %d", h.Size, maxPath)
		}
		target, err := io.ReadAll(archive)
		if err != nil {
			return err
		}
		e.Target = string(target)
	case CharDevice, BlockDevice:
		e.Major, e.Minor = h.Major, h.Minor
	}
	return t.put(h.Name, e)
}
