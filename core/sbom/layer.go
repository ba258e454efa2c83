package sbom

import (
	"archive/tar"
	"cmp"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/mkmini/mkmini/core/linkage"
	"github.com/mkmini/mkmini/plugins/cancel"
)

// ReadLayer returns the files of a layer, an uncompressed tar archive, in its
// order. A hard link is a file too. Memory grows with the number of files, and
// not with what is in them. The packages are those that databases of dpkg in it
// list as installed.
func ReadLayer(ctx context.Context, layer string) ([]File, []Package, error) {
	in, err := os.Open(layer)
	if err != nil {
		return nil, nil, err
	}
	defer in.Close()
	var files []File
	var packages []Package
	distribution := ""
	seen := map[string]int{}
	archive := tar.NewReader(in)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files, settle(packages, distribution), nil
		}
		if err != nil {
			return nil, nil, fmt.Errorf("read layer: %w", err)
		}
		var f File
		switch header.Typeflag {
		case tar.TypeReg:
			// The reader has read the header and no more, as it needs no
			// buffer.
			start, err := in.Seek(0, io.SeekCurrent)
			if err != nil {
				return nil, nil, err
			}
			content := io.NewSectionReader(in, start, header.Size)
			if f, err = readFile(ctx, content); err != nil {
				return nil, nil, fmt.Errorf("read %q: %w", header.Name, err)
			}
			switch name := strings.TrimPrefix(header.Name, "./"); {
			case isStatus(name):
				packages = append(packages, readStatus(io.NewSectionReader(content, 0, header.Size))...)
			case name == "usr/lib/os-release" || name == "etc/os-release":
				distribution = cmp.Or(readRelease(io.NewSectionReader(content, 0, header.Size)), distribution)
			}
		case tar.TypeLink:
			i, ok := seen[header.Linkname]
			if !ok {
				return nil, nil, fmt.Errorf("read layer: %q is a link to %q, which is not there", header.Name, header.Linkname)
			}
			f = files[i]
		default:
			continue
		}
		f.Path = strings.TrimPrefix(header.Name, "./")
		seen[header.Name] = len(files)
		files = append(files, f)
	}
}

// readFile hashes a file, and looks what it is.
func readFile(ctx context.Context, r *io.SectionReader) (File, error) {
	short, long := sha1.New(), sha256.New()
	n, err := io.Copy(io.MultiWriter(short, long), cancel.Reader(ctx, r))
	if err != nil {
		return File{}, err
	}
	f := File{Size: n, SHA1: hex.EncodeToString(short.Sum(nil)), SHA256: hex.EncodeToString(long.Sum(nil))}
	start := make([]byte, 2)
	if _, err := r.ReadAt(start, 0); err == nil && string(start) == "#!" {
		f.Kind = Script
		return f, nil
	}
	b, err := linkage.Read(r)
	if errors.Is(err, linkage.ErrNotELF) {
		return f, nil
	}
	f.Kind = ELF
	if err == nil { // a damaged one is a file all the same
		f.Needed = b.Needed
		if b.Interpreter != "" {
			f.Needed = append(f.Needed, b.Interpreter)
		}
	}
	return f, nil
}
