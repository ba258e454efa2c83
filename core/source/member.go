package source

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/mholt/archiver/v4"

	"github.com/mkmini/mkmini/plugins/cpio"
)

// Member is one entry of an archive, as the archive has it.
type Member struct {
	// Name is relative and clean, "." for the top folder itself. A slash in
	// front is left away; a name with ".." in it is an error before anybody
	// sees it.
	Name string
	// Type has the type bits only: 0 for a file, fs.ModeDir and so on.
	Type fs.FileMode
	// Link says that it is another name of the file Target.
	Link bool
	// Mode holds the permission bits with setuid, setgid and sticky, as in
	// chmod's octal notation.
	Mode uint32
	// UID and GID are the owner's numbers, 0 if the archive has none.
	UID, GID int64
	// Major and Minor are a device's numbers.
	Major, Minor int64
	// Target is what a symlink points to, as it is written, or for a Link a
	// name as Name is.
	Target string
	// Size is the length of a file's content in bytes.
	Size int64
	// Offset is where in the archive that content is as it is; -1 if it is
	// compressed, or in pieces.
	Offset int64
	// Xattrs are extended attributes by name; nil for none.
	Xattrs map[string]string
}

const (
	// xattrRecord begins the PAX records of extended attributes.
	xattrRecord = "SCHILY.xattr."
	// sparseRecord begins those of a file in pieces.
	sparseRecord = "GNU.sparse."
	// maxTarget is the longest target of a link. Source: linux/limits.h.
	maxTarget = 4095
)

// Members calls visit for each entry of a tar archive or a cpio archive in the
// newc format, compressed with gzip, bzip2, xz or zstd or not, or of a zip
// archive, in their order, with the content of a file. What it holds is read as a stream, and nothing is written
// anywhere.
//
// Errors say what is wrong with the archive and with which entry; those of
// visit are among them.
func Members(ctx context.Context, archive string, limits Limits, visit func(m Member, content io.Reader) error) error {
	in, err := openRegular(archive)
	if err != nil {
		return err
	}
	defer in.Close()
	m := &members{limits: limits.withDefaults(), visit: visit}
	format, kind, err := archiveFormat(in)
	switch {
	case err != nil:
		return err
	case kind == "zip":
		return m.zip(ctx, in)
	case kind == "cpio":
		return m.cpio(ctx, bufio.NewReaderSize(&contextReader{ctx, in}, 256<<10), true)
	case format == nil:
		return m.tar(ctx, in, in)
	}
	r, err := format.OpenReader(bufio.NewReaderSize(&contextReader{ctx, in}, 256<<10))
	if err != nil {
		return fmt.Errorf("read the archive: %w", err)
	}
	defer r.Close()
	plain := bufio.NewReaderSize(r, 256<<10)
	if head, err := plain.Peek(6); err == nil && cpio.IsArchive(head) {
		return m.cpio(ctx, plain, false)
	}
	return m.tar(ctx, plain, nil)
}

// IsArchive returns nil if a file begins like an archive that Members reads.
func IsArchive(file string) error {
	in, err := openRegular(file)
	if err != nil {
		return err
	}
	defer in.Close()
	_, _, err = archiveFormat(in)
	return err
}

// archiveFormat says what an archive is by its first bytes: "zip", "cpio", or
// "" for what is compressed, and for a tar archive that isn't.
func archiveFormat(in *os.File) (format archiver.Decompressor, kind string, err error) {
	head := make([]byte, 262)
	n, err := in.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, "", fmt.Errorf("read the archive: %w", err)
	}
	head = head[:n]
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")):
		return nil, "zip", nil
	case cpio.IsArchive(head):
		return nil, "cpio", nil
	}
	format, err = decompressor(head)
	return format, "", err
}

// members reads archives entry by entry.
type members struct {
	limits Limits
	bytes  int64
	count  int
	visit  func(m Member, content io.Reader) error
}

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

// memberName returns a name below the root that is clean.
func memberName(name string) (string, error) {
	if strings.ContainsRune(name, 0) {
		return "", errors.New("it has a NUL byte in its name")
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == ".." {
			return "", errOutside
		}
	}
	return path.Join(".", strings.TrimLeft(name, "/")), nil
}

// add hands over one entry.
func (m *members) add(ctx context.Context, one Member, content io.Reader) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if m.count++; m.count > m.limits.Entries {
		return errTooMany
	}
	if one.Size > m.limits.Bytes-m.bytes {
		return errTooLarge
	}
	m.bytes += one.Size
	if one.Type == fs.ModeSymlink && (one.Target == "" || len(one.Target) > maxTarget || strings.ContainsRune(one.Target, 0)) {
		return fmt.Errorf("it is a symlink whose target has not 1 to %d bytes without a NUL", maxTarget)
	}
	return m.visit(one, io.LimitReader(&contextReader{ctx, content}, one.Size))
}

// zip reads a zip archive.
func (m *members) zip(ctx context.Context, in *os.File) error {
	info, err := in.Stat()
	if err != nil {
		return fmt.Errorf("read the archive: %w", err)
	}
	archive, err := zip.NewReader(in, info.Size())
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return fmt.Errorf("read the archive: %w", err)
	}
	for _, file := range archive.File {
		if err := m.zipEntry(ctx, file); err != nil {
			return fmt.Errorf("entry %.300q: %w", file.Name, err)
		}
	}
	return nil
}

func (m *members) zipEntry(ctx context.Context, file *zip.File) (err error) {
	one, err := zipMember(file)
	if err != nil {
		return err
	}
	if one.Type != 0 && one.Type != fs.ModeSymlink {
		return m.add(ctx, one, strings.NewReader(""))
	}
	if one.Size > m.limits.Bytes-m.bytes {
		return errTooLarge
	}
	r, err := file.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if one.Type == 0 {
		if err := m.add(ctx, one, r); err != nil {
			return err
		}
		// The checksum is compared at the end.
		extra, err := io.Copy(io.Discard, r)
		if err == nil && extra > 0 {
			err = errors.New("it has more content than its header says")
		}
		return err
	}
	target, err := io.ReadAll(io.LimitReader(r, maxTarget+1))
	if err != nil {
		return err
	}
	one.Target, one.Size = string(target), 0
	return m.add(ctx, one, strings.NewReader(""))
}

// madeOnUnix is the upper byte of "version made by", and encrypted a flag.
// Source: PKWARE, APPNOTE.TXT, 4.4.2 and 4.4.4.
const (
	madeOnUnix = 3
	encrypted  = 1
)

// zipMember converts a header. What wasn't made on Unix has no modes.
func zipMember(file *zip.File) (Member, error) {
	m := Member{Mode: 0o644, Offset: -1, Size: int64(min(file.UncompressedSize64, 1<<62))}
	if file.Flags&encrypted != 0 {
		return m, errors.New("it is encrypted")
	}
	var err error
	if m.Name, err = memberName(file.Name); err != nil {
		return m, err
	}
	if strings.HasSuffix(file.Name, "/") {
		m.Type, m.Mode = fs.ModeDir, 0o755
	}
	if bits := file.ExternalAttrs >> 16; file.CreatorVersion>>8 == madeOnUnix && bits != 0 {
		m.Mode = bits & 0o7777
		switch kind := file.Mode().Type(); kind {
		case 0, fs.ModeDir, fs.ModeSymlink:
			m.Type = kind
		default:
			return m, errKind
		}
	}
	if m.Type == fs.ModeDir {
		m.Size = 0
	}
	m.UID, m.GID = zipOwner(file.Extra)
	return m, nil
}

// zipOwner reads Info-ZIP's field of owner and group, "ux", of four bytes each;
// 0 and 0 if there is none. Source: Info-ZIP, extrafld.txt.
func zipOwner(extra []byte) (uid, gid int64) {
	for len(extra) >= 4 {
		id, size := string(extra[:2]), int(binary.LittleEndian.Uint16(extra[2:]))
		if extra = extra[4:]; size > len(extra) {
			break
		}
		if field := extra[:size]; id == "ux" && size == 11 && field[0] == 1 && field[1] == 4 && field[6] == 4 {
			return int64(binary.LittleEndian.Uint32(field[2:])), int64(binary.LittleEndian.Uint32(field[7:]))
		}
		extra = extra[size:]
	}
	return 0, 0
}
