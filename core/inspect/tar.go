package inspect

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"
	"strings"
)

// xattrRecord begins the PAX records of extended attributes.
const xattrRecord = "SCHILY.xattr."

// tarBlock says whether 512 bytes are the header of a tar archive, or the end
// of an empty one.
// Source: POSIX.1-2017, pax, "ustar Interchange Format".
func tarBlock(head []byte) bool {
	if bytes.Count(head, []byte{0}) == len(head) {
		return true
	}
	field := strings.Trim(string(head[148:156]), " \x00")
	want, err := strconv.ParseInt(field, 8, 32)
	if err != nil {
		return false
	}
	var sum int64 = 8 * ' '
	for i, b := range head {
		if i < 148 || i >= 156 {
			sum += int64(b)
		}
	}
	return sum == want
}

// tar adds the entries of a tar archive; with layer, those that remove what is
// below do so.
func (s *scanner) tar(r io.Reader, t *tree, layer bool) error {
	archive := tar.NewReader(r)
	for {
		h, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			return err
		}
		if err := s.tarEntry(archive, h, t, layer); err != nil {
			return fmt.Errorf("entry %s: %w", quoted(h.Name), err)
		}
	}
	// What it is compressed with has its checksum at the end.
	_, err := io.Copy(io.Discard, r)
	return err
}

func (s *scanner) tarEntry(archive *tar.Reader, h *tar.Header, t *tree, layer bool) error {
	if layer {
		if done, err := t.whiteout(h.Name); done || err != nil {
			return err
		}
	}
	e := &Entry{
		Mode: uint32(h.Mode & 0o7777), UID: h.Uid, GID: h.Gid, ModTime: h.ModTime.Unix(), Target: h.Linkname,
	}
	for key, value := range h.PAXRecords {
		if name, ok := strings.CutPrefix(key, xattrRecord); ok {
			if e.Xattrs == nil {
				e.Xattrs = map[string]string{}
			}
			e.Xattrs[name] = value
		}
	}
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeGNUSparse, tar.TypeCont:
		e.Type, e.Target = File, ""
		var content io.Reader = archive
		if isSparse(h) {
			content = &capped{archive, s} // holes take time as well
		}
		if err := s.content(content, e); err != nil {
			return err
		}
	case tar.TypeDir:
		e.Type, e.Target = Folder, ""
	case tar.TypeSymlink:
		e.Type = Symlink
	case tar.TypeLink:
		e.Target = ""
		return t.link(h.Name, h.Linkname, e)
	case tar.TypeChar, tar.TypeBlock:
		e.Type, e.Target = CharDevice, ""
		if h.Typeflag == tar.TypeBlock {
			e.Type = BlockDevice
		}
		e.Major, e.Minor = uint32(h.Devmajor), uint32(h.Devminor)
	case tar.TypeFifo:
		e.Type, e.Target = Fifo, ""
	case tar.TypeXGlobalHeader:
		return nil
	default:
		t.note("%s is of the unknown type %q, and left out", quoted(h.Name), h.Typeflag)
		return nil
	}
	return t.put(h.Name, e)
}

// isSparse says that a file is longer than what the archive holds of it.
func isSparse(h *tar.Header) bool {
	if h.Typeflag == tar.TypeGNUSparse {
		return true
	}
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// maxParts is the most files of an archive that holds an image.
const maxParts = 100_000

// tarParts are the files of an uncompressed tar archive.
type tarParts struct {
	file  io.ReaderAt
	files map[string]span
	// links are symbolic and hard links by name, with what they lead to:
	// older versions of docker save write a layer once only.
	links map[string]string
}

// span is where a file is.
type span struct{ offset, size int64 }

// indexTar finds the files of a tar archive, and reads no contents.
func indexTar(f *os.File) (*tarParts, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	p := &tarParts{file: f, files: map[string]span{}, links: map[string]string{}}
	archive := tar.NewReader(f)
	for {
		h, err := archive.Next()
		if err == io.EOF {
			return p, nil
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			return nil, err
		}
		if len(p.files)+len(p.links) == maxParts {
			return nil, errors.New("too many files for an image")
		}
		name := path.Clean(h.Name)
		switch h.Typeflag {
		case tar.TypeReg:
			if isSparse(h) {
				continue
			}
			at, err := f.Seek(0, io.SeekCurrent)
			if err != nil {
				return nil, err
			}
			p.files[name] = span{at, h.Size}
		case tar.TypeSymlink:
			p.links[name] = path.Join(path.Dir(name), h.Linkname)
		case tar.TypeLink:
			p.links[name] = path.Clean(h.Linkname)
		}
	}
}

func (p *tarParts) open(name string) (io.ReadCloser, int64, error) {
	name = path.Clean(name)
	for range 8 {
		if at, ok := p.files[name]; ok {
			return io.NopCloser(io.NewSectionReader(p.file, at.offset, at.size)), at.size, nil
		}
		next, ok := p.links[name]
		if !ok {
			break
		}
		name = next
	}
	return nil, 0, os.ErrNotExist
}
