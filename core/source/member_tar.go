package source

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// tar reads a tar archive; file is where it is if it isn't compressed.
func (m *members) tar(ctx context.Context, r io.Reader, file *os.File) error {
	if file == nil {
		// Headers count as well, and padding.
		r = &cappedReader{r: r, left: m.limits.Bytes + int64(m.limits.Entries)*4096 + 1<<20}
	}
	archive := tar.NewReader(r) // which seeks over content in a file
	for {
		h, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			return fmt.Errorf("read the archive: %w", err)
		}
		if h.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		one, err := tarMember(h)
		if err == nil && file != nil && one.Offset == 0 {
			one.Offset, err = file.Seek(0, io.SeekCurrent)
		} else {
			one.Offset = -1
		}
		if err == nil {
			err = m.add(ctx, one, archive)
		}
		if err != nil {
			return fmt.Errorf("entry %.300q: %w", h.Name, err)
		}
	}
	if file != nil {
		return nil
	}
	// The checksum of the compressed stream is at its end.
	if _, err := io.Copy(io.Discard, r); err != nil {
		return fmt.Errorf("read the archive: %w", err)
	}
	return nil
}

// tarMember converts a header. Offset is -1 for a file in pieces.
func tarMember(h *tar.Header) (Member, error) {
	m := Member{Mode: uint32(h.Mode & 0o7777), UID: int64(h.Uid), GID: int64(h.Gid), Major: h.Devmajor, Minor: h.Devminor}
	var err error
	if m.Name, err = memberName(h.Name); err != nil {
		return m, err
	}
	for key, value := range h.PAXRecords {
		if name, ok := strings.CutPrefix(key, xattrRecord); ok {
			if m.Xattrs == nil {
				m.Xattrs = make(map[string]string)
			}
			m.Xattrs[name] = value
		}
		if strings.HasPrefix(key, sparseRecord) {
			m.Offset = -1
		}
	}
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeCont:
		m.Size = h.Size
	case tar.TypeGNUSparse:
		m.Size, m.Offset = h.Size, -1
	case tar.TypeDir:
		m.Type = fs.ModeDir
	case tar.TypeSymlink:
		m.Type, m.Target = fs.ModeSymlink, h.Linkname
	case tar.TypeLink:
		m.Link = true
		if m.Target, err = memberName(h.Linkname); err != nil {
			return m, fmt.Errorf("it is a link to %.300q: %w", h.Linkname, err)
		}
	case tar.TypeChar:
		m.Type = fs.ModeDevice | fs.ModeCharDevice
	case tar.TypeBlock:
		m.Type = fs.ModeDevice
	case tar.TypeFifo:
		m.Type = fs.ModeNamedPipe
	default:
		return m, fmt.Errorf("it is of the unknown type %q", h.Typeflag)
	}
	return m, nil
}
