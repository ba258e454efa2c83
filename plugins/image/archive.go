package image

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/plugins/artifact"
	"github.com/mkmini/mkmini/plugins/cancel"
)

// file is what a file is known by when it is read back.
type file struct {
	size   int64
	digest string
}

// WriteTar writes a finished layout as the tar archive name in dir, with extra
// files beside its own, and reads it back; check, unless it is nil, reads it
// in another way.
func (l *Layout) WriteTar(ctx context.Context, dir, name string, extra map[string][]byte, check func(path string) error) error {
	written := make(map[string]file)
	return artifact.WriteFile(dir, name, func(w io.Writer) error {
		return l.writeTar(ctx, w, extra, written)
	}, func(path string) error {
		if err := checkTar(ctx, path, written); err != nil || check == nil {
			return err
		}
		return check(path)
	})
}

// writeTar writes the archive sorted by name, and notes its files in written.
func (l *Layout) writeTar(ctx context.Context, w io.Writer, extra map[string][]byte, written map[string]file) error {
	names, err := l.names()
	if err != nil {
		return err
	}
	names = slices.AppendSeq(names, maps.Keys(extra))
	slices.Sort(names)
	archive := tar.NewWriter(w)
	for _, name := range names {
		if err := l.writeEntry(ctx, archive, name, extra, written); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return archive.Close()
}

// names returns the names of a finished layout, folders with a slash.
func (l *Layout) names() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(l.dir, blobs))
	if err != nil {
		return nil, err
	}
	names := []string{"blobs/", blobs + "/", "index.json", "oci-layout"}
	for _, entry := range entries {
		names = append(names, blobs+"/"+entry.Name())
	}
	return names, nil
}

// writeEntry writes one file or folder.
func (l *Layout) writeEntry(ctx context.Context, archive *tar.Writer, name string, extra map[string][]byte, written map[string]file) error {
	header := &tar.Header{Name: name, Mode: 0o644, ModTime: l.epoch, Typeflag: tar.TypeReg}
	if strings.HasSuffix(name, "/") {
		header.Typeflag, header.Mode = tar.TypeDir, 0o755
		return archive.WriteHeader(header)
	}
	var content io.Reader = strings.NewReader(string(extra[name]))
	header.Size = int64(len(extra[name]))
	if _, ok := extra[name]; !ok {
		f, err := os.Open(filepath.Join(l.dir, name))
		if err != nil {
			return err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		content, header.Size = f, info.Size()
	}
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	hash := sha256.New()
	if _, err := io.Copy(io.MultiWriter(archive, hash), cancel.Reader(ctx, content)); err != nil {
		return err
	}
	written[name] = file{size: header.Size, digest: fmt.Sprintf("%x", hash.Sum(nil))}
	return nil
}
