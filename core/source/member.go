package source

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/mholt/archiver/v4"

	"github.com/mkmini/mkmini/plugins/cancel"
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
		return m.cpio(ctx, bufio.NewReaderSize(cancel.Reader(ctx, in), 256<<10), true)
	case format == nil:
		return m.tar(ctx, in, in)
	}
	r, err := format.OpenReader(bufio.NewReaderSize(cancel.Reader(ctx, in), 256<<10))
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
	return m.visit(one, io.LimitReader(cancel.Reader(ctx, content), one.Size))
}
