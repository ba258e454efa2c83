package legal

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/mkmini/mkmini/core/artifact"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/store"
	"github.com/mkmini/mkmini/plugins/cancel"
)

// ending is that of an archive's name, with what compresses it.
type ending struct {
	name   string
	writer func(w io.Writer) (io.WriteCloser, error)
}

var endings = []ending{
	{".tar", func(w io.Writer) (io.WriteCloser, error) { return plain{w}, nil }},
	{".tar.gz", func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriterLevel(w, gzip.BestCompression) }},
	{".tar.zst", func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1)) }},
}

type plain struct{ io.Writer }

func (plain) Close() error { return nil }

// Place writes the folder, or an archive of it if the name of out ends in
// .tar, .tar.gz or .tar.zst. It takes its place in one step, and replaces
// nothing but what was written before.
func Place(ctx context.Context, f Facts, out string) (err error) {
	out = filepath.Clean(out)
	if err := replaceable(out); err != nil {
		return err
	}
	temp, err := os.MkdirTemp(filepath.Dir(out), ".mkmini-*")
	if err != nil {
		return fmt.Errorf("make a folder to work in: %w", err)
	}
	defer func() { err = errors.Join(err, store.RemoveAll(temp)) }()
	top := f.Name + "-legal"
	dir := filepath.Join(temp, top)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	if err := Write(ctx, f, dir); err != nil {
		return err
	}
	for _, e := range endings {
		if strings.HasSuffix(out, e.name) {
			made := filepath.Join(temp, "archive")
			if err := archive(ctx, temp, top, made, e.writer); err != nil {
				return fmt.Errorf("write %s: %w", out, err)
			}
			return os.Rename(made, out)
		}
	}
	return artifact.Place(ctx, dir, out, nil)
}

// replaceable refuses to replace what wasn't written by Place.
func replaceable(out string) error {
	info, err := os.Lstat(out)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	isArchive := slices.ContainsFunc(endings, func(e ending) bool { return strings.HasSuffix(out, e.name) })
	if isArchive && info.Mode().IsRegular() {
		return nil
	}
	var m manifest
	if text, err := os.ReadFile(filepath.Join(out, ManifestName)); err == nil && info.IsDir() && json.Unmarshal(text, &m) == nil && m.Files != nil {
		return nil
	}
	if entries, err := os.ReadDir(out); err == nil && info.IsDir() && len(entries) == 0 {
		return nil
	}
	return &fault.Error{
		Step: "legal", Summary: "The folder holds something else", Detail: fmt.Sprintf("%s would be replaced, and mkmini legal didn't write it.", out),
		Remedy: "Name another folder, or remove this one.", Usage: true,
	}
}

// archive writes the folder top of root as an archive.
func archive(ctx context.Context, root, top, out string, writer func(io.Writer) (io.WriteCloser, error)) error {
	file, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	compressed, err := writer(file)
	if err != nil {
		return errors.Join(err, file.Close())
	}
	w := tar.NewWriter(compressed)
	err = filepath.WalkDir(filepath.Join(root, top), func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		header := &tar.Header{Name: filepath.ToSlash(rel), Mode: int64(info.Mode().Perm()), ModTime: info.ModTime(), Typeflag: tar.TypeReg, Size: info.Size()}
		if d.IsDir() {
			header.Name, header.Typeflag, header.Size = header.Name+"/", tar.TypeDir, 0
			return w.WriteHeader(header)
		}
		if err := w.WriteHeader(header); err != nil {
			return err
		}
		in, err := os.Open(name)
		if err != nil {
			return err
		}
		defer in.Close()
		_, err = io.Copy(w, cancel.Reader(ctx, in))
		return err
	})
	return errors.Join(err, w.Close(), compressed.Close(), file.Close())
}
