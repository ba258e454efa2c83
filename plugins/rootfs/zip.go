package rootfs

import (
	"archive/zip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/klauspost/compress/flate"

	"github.com/mkmini/mkmini/plugins/artifact"
	"github.com/mkmini/mkmini/plugins/layer"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// zipper writes a layer as a zip archive.
type zipper struct {
	archive *zipWriter
	// spool holds the content of files that have more names than one, since
	// a zip archive has a copy for each; copies says where.
	spool  *os.File
	copies map[string]*io.SectionReader
	// linked are the names that hard links refer to.
	linked map[string]bool
	// left names what has no place in the archive, and xattrs what has
	// extended attributes, which have none either.
	left, xattrs []string
	// raw names what has a name that is no UTF-8.
	raw []string
}

// exportZip writes the layer as a zip archive, with what Unix adds to it:
// modes, owners, times and symlinks. There are no devices in it.
func exportZip(ctx context.Context, req sdk.ExportRequest, name string, _ options) (sdk.Diagnostics, error) {
	img := req.Images[0]
	z := &zipper{copies: make(map[string]*io.SectionReader), linked: make(map[string]bool)}
	err := layer.Walk(ctx, img.Layer, "", func(e layer.Entry, _ io.Reader) error {
		if e.Type == layer.Hardlink {
			z.linked[e.Target] = true
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = artifact.WriteFile(req.OutDir, name, func(w io.Writer) error {
		return z.write(ctx, w, img, req.WorkDir)
	}, func(path string) error {
		return checkZip(ctx, path, img, z.linked)
	})
	if err != nil {
		return nil, err
	}
	warnings := withoutXattrs(name, "zip", z.xattrs)
	if len(z.raw) > 0 {
		warnings = append(warnings, sdk.Diagnostic{
			Severity: sdk.Warning, Summary: "Names that are no UTF-8",
			Detail: fmt.Sprintf("Names in zip archives are UTF-8, or what programs take them for; they may see others in %s than these: %s.", name, shorten(z.raw)),
			Remedy: "Rename them, or use another format, which holds any bytes.",
			Path:   []string{"attributes", "format"},
		})
	}
	if len(z.left) == 0 {
		return warnings, nil
	}
	return append(warnings, sdk.Diagnostic{
		Severity: sdk.Warning, Summary: "Devices left out",
		Detail: fmt.Sprintf("%s lacks devices and FIFOs, for which zip archives have no place: %s.", name, shorten(z.left)),
		Remedy: "Use another format, which holds them.",
		Path:   []string{"attributes", "format"},
	}), nil
}

// write writes the archive.
func (z *zipper) write(ctx context.Context, w io.Writer, img sdk.Image, dir string) (err error) {
	if z.spool, err = os.Create(filepath.Join(dir, "spool")); err != nil {
		return err
	}
	directory, err := os.Create(filepath.Join(dir, "directory"))
	defer func() {
		for _, file := range []*os.File{z.spool, directory} {
			if file != nil {
				err = errors.Join(err, file.Close(), os.Remove(file.Name()))
			}
		}
	}()
	if err != nil {
		return err
	}
	// Not the standard library's, which may change with each Go; and one for
	// all files, since it is large.
	compressor, err := flate.NewWriter(io.Discard, 6)
	if err != nil {
		return err
	}
	z.archive = newZipWriter(w, directory, func(part *zip.Writer) {
		part.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
			compressor.Reset(w)
			return compressor, nil
		})
	})
	err = layer.Walk(ctx, img.Layer, img.Digest, func(e layer.Entry, content io.Reader) error {
		if err := z.add(e, content); err != nil {
			return fmt.Errorf("%s: %w", e.Name, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return z.archive.Close()
}

// add writes one entry.
func (z *zipper) add(e layer.Entry, content io.Reader) error {
	if !inZip(e) {
		z.left = append(z.left, "/"+e.Name)
		return nil
	}
	if !utf8.ValidString(e.Name) {
		z.raw = append(z.raw, strconv.Quote("/"+e.Name))
	}
	if len(e.Xattrs) > 0 {
		z.xattrs = append(z.xattrs, "/"+e.Name)
	}
	header, err := zipHeader(e)
	if err != nil {
		return layer.Unfit(e, err)
	}
	w, err := z.archive.CreateHeader(header)
	if err != nil {
		return err
	}
	switch e.Type {
	case layer.Directory:
		return nil
	case layer.Symlink:
		content = strings.NewReader(e.Target)
	case layer.Hardlink:
		kept := z.copies[e.Target]
		content = io.NewSectionReader(kept, 0, kept.Size())
	case layer.File:
		if z.linked[e.Name] {
			if content, err = z.keep(e, content); err != nil {
				return err
			}
		}
	}
	_, err = io.Copy(w, content)
	return err
}

// keep copies content that is needed again, and returns the copy.
func (z *zipper) keep(e layer.Entry, content io.Reader) (io.Reader, error) {
	start, err := z.spool.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(z.spool, content); err != nil {
		return nil, err
	}
	z.copies[e.Name] = io.NewSectionReader(z.spool, start, e.Size)
	return io.NewSectionReader(z.spool, start, e.Size), nil
}

// inZip says whether zip archives have a place for an entry.
func inZip(e layer.Entry) bool {
	return e.Type == layer.Directory || e.Type == layer.File || e.Type == layer.Hardlink || e.Type == layer.Symlink
}

// zipHeader returns the header of an entry.
func zipHeader(e layer.Entry) (*zip.FileHeader, error) {
	if seconds := e.ModTime.Unix(); e.ModTime.Year() < 1980 || seconds > math.MaxInt32 {
		return nil, errors.New("zip can't hold a time before 1980 or after 2038")
	}
	if len(e.Name) >= math.MaxUint16 {
		return nil, fmt.Errorf("zip can't hold a name of %d bytes", len(e.Name))
	}
	h := &zip.FileHeader{
		Name: e.Name, Method: zip.Deflate, Modified: e.ModTime.In(time.UTC), Extra: zipOwner(e),
		CreatorVersion: 3 << 8, // Unix
		ExternalAttrs:  (types[e.Type] | e.Mode) << 16,
	}
	switch e.Type {
	case layer.Directory:
		h.Name += "/"
		h.Method = zip.Store
		h.ExternalAttrs |= 0x10 // a folder to DOS
	case layer.Symlink:
		h.Method = zip.Store
	}
	return h, nil
}

// zipOwner returns Info-ZIP's field of owner and group, "ux".
func zipOwner(e layer.Entry) []byte {
	field := []byte{'u', 'x', 11, 0, 1, 4}
	field = binary.LittleEndian.AppendUint32(field, uint32(e.UID))
	return binary.LittleEndian.AppendUint32(append(field, 4), uint32(e.GID))
}

// checkZip reads an archive back, and compares it with the layer. Linked are
// the names that hard links refer to.
func checkZip(ctx context.Context, path string, img sdk.Image, linked map[string]bool) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	archive, err := newZipReader(file)
	if err != nil {
		return err
	}
	sums := make(map[string]uint32)
	err = layer.Walk(ctx, img.Layer, img.Digest, func(e layer.Entry, content io.Reader) error {
		if !inZip(e) {
			return nil
		}
		file, err := archive.Next()
		if err != nil {
			return fmt.Errorf("look for %s: %w", e.Name, err)
		}
		if err := checkZipEntry(file, e, content, sums); err != nil {
			return err
		}
		if linked[e.Name] {
			sums[e.Name] = file.CRC32
		}
		return nil
	})
	if err != nil {
		return err
	}
	switch file, err := archive.Next(); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return err
	default:
		return fmt.Errorf("%s is too much", file.Name)
	}
}

// checkZipEntry compares one entry. Sums holds the checksums of files, which
// those of their links must equal.
func checkZipEntry(file *zip.File, e layer.Entry, content io.Reader, sums map[string]uint32) error {
	want, err := zipHeader(e)
	if err != nil {
		return err
	}
	if file.Name != want.Name || file.ExternalAttrs != want.ExternalAttrs || !file.Modified.Equal(want.Modified) ||
		!strings.HasPrefix(string(file.Extra), string(want.Extra)) {
		return fmt.Errorf("%s came out as %s with the mode %s and the time %s", want.Name, file.Name, file.Mode(), file.Modified)
	}
	r, err := file.Open()
	if err != nil {
		return fmt.Errorf("%s: %w", file.Name, err)
	}
	defer r.Close()
	switch e.Type {
	case layer.Hardlink:
		if _, err := io.Copy(io.Discard, r); err != nil {
			return fmt.Errorf("%s: %w", file.Name, err)
		}
		if file.CRC32 != sums[e.Target] {
			return fmt.Errorf("%s has another content than %s", e.Name, e.Target)
		}
		return nil
	case layer.Symlink:
		content = strings.NewReader(e.Target)
	case layer.Directory:
		content = strings.NewReader("")
	}
	return sameBytes(e.Name, r, content)
}
