package rootfs

import (
	"archive/tar"
	"bufio"
	"context"
	"fmt"
	"io"
	"iter"
	"time"
	"unicode/utf8"
)

// xattrRecord begins the PAX records of extended attributes, as GNU tar,
// libarchive and container engines have them.
const xattrRecord = "SCHILY.xattr."

// WriteTar writes the records as a tar archive in their order: USTAR, and PAX
// only for what USTAR can't hold. Names have no leading "./", folders have a
// trailing slash, owners are numbers, and every time is the epoch in whole
// seconds. Names that are no UTF-8 have GNU's headers. The same records and contents give the same bytes.
func WriteTar(ctx context.Context, w io.Writer, records iter.Seq[Record], epoch time.Time) error {
	buffer := bufio.NewWriterSize(w, 1<<20)
	archive := tar.NewWriter(buffer)
	for r, content := range ahead(ctx, records, func(r Record) Content { return r.Content }) {
		if err := writeRecord(ctx, archive, &r, content, epoch); err != nil {
			return fmt.Errorf("write /%s: %w", r.Path, err)
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := archive.Close(); err != nil {
		return fmt.Errorf("end the archive: %w", err)
	}
	if err := buffer.Flush(); err != nil {
		return fmt.Errorf("end the archive: %w", err)
	}
	return nil
}

// writeRecord writes one record with its content, which may be loaded already.
func writeRecord(ctx context.Context, archive *tar.Writer, r *Record, content *loaded, epoch time.Time) error {
	header := &tar.Header{
		Name:    r.Path,
		Mode:    int64(r.Mode),
		Uid:     r.UID,
		Gid:     r.GID,
		ModTime: time.Unix(epoch.Unix(), 0).UTC(),
	}
	// archive/tar sorts them.
	for name, value := range r.Xattrs {
		if header.PAXRecords == nil {
			header.PAXRecords = make(map[string]string, len(r.Xattrs))
		}
		header.PAXRecords[xattrRecord+name] = value
	}
	switch r.Type {
	case Directory:
		header.Typeflag, header.Name = tar.TypeDir, r.Path+"/"
	case File:
		header.Typeflag, header.Size = tar.TypeReg, r.Content.Size
	case Symlink:
		header.Typeflag, header.Linkname = tar.TypeSymlink, r.Target
	case Hardlink:
		header.Typeflag, header.Linkname = tar.TypeLink, r.Target
	case CharDevice:
		header.Typeflag, header.Devmajor, header.Devminor = tar.TypeChar, int64(r.Major), int64(r.Minor)
	case BlockDevice:
		header.Typeflag, header.Devmajor, header.Devminor = tar.TypeBlock, int64(r.Major), int64(r.Minor)
	case Fifo:
		header.Typeflag = tar.TypeFifo
	default:
		return fmt.Errorf("there is no record of type %q", r.Type)
	}
	setCharset(header)
	if r.Type != File {
		return archive.WriteHeader(header)
	}
	// A file that is gone leaves no header behind.
	return r.Content.write(ctx, archive, content, func() error { return archive.WriteHeader(header) })
}

// setCharset sees to names that are no text in UTF-8, as PAX wants it: GNU's
// headers hold any bytes. Where there must be PAX records, one says that they
// are bytes, of which GNU tar says that it ignores it.
// Source: POSIX.1-2017, pax, "hdrcharset".
func setCharset(header *tar.Header) {
	switch {
	case utf8.ValidString(header.Name) && utf8.ValidString(header.Linkname):
	case header.PAXRecords == nil:
		header.Format = tar.FormatGNU
	default:
		header.PAXRecords["hdrcharset"] = "BINARY"
	}
}
