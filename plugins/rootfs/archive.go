package rootfs

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/mholt/archiver/v4"

	"github.com/mkmini/mkmini/plugins/artifact"
	"github.com/mkmini/mkmini/plugins/cancel"
	"github.com/mkmini/mkmini/plugins/compression"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// exportTar writes the layer as it is, compressed.
func exportTar(ctx context.Context, req sdk.ExportRequest, name string, format compression.Format) error {
	img := req.Images[0]
	if format == compression.None {
		return exportPlain(ctx, req, name)
	}
	return artifact.WriteFile(req.OutDir, name, func(w io.Writer) error {
		return compress(w, format, req.Jobs, func(w io.Writer) error {
			return copyLayer(ctx, w, img)
		})
	}, func(path string) error {
		return decompress(ctx, path, format, func(r io.Reader) error {
			return checkDigest(r, img.Digest)
		})
	})
}

// exportPlain writes the layer as it is. The kernel copies it, without another
// copy in memory or on some file systems at all, and what was written is what is
// checked.
func exportPlain(ctx context.Context, req sdk.ExportRequest, name string) error {
	img := req.Images[0]
	return artifact.MakeFile(req.OutDir, name, func(file *os.File) error {
		layer, err := os.Open(img.Layer)
		if err != nil {
			return err
		}
		defer layer.Close()
		for {
			if err := ctx.Err(); err != nil {
				return err
			}
			switch _, err := io.CopyN(file, layer, copyPiece); {
			case errors.Is(err, io.EOF):
				return nil
			case err != nil:
				return err
			}
		}
	}, func(path string) error {
		return decompress(ctx, path, compression.None, func(r io.Reader) error {
			return checkDigest(r, img.Digest)
		})
	})
}

// copyPiece is how many bytes the kernel copies at a time: it can't be
// interrupted in between.
const copyPiece = 64 << 20

// copyLayer copies the layer, and makes sure that it is the one it should be.
func copyLayer(ctx context.Context, w io.Writer, img sdk.Image) error {
	layer, err := os.Open(img.Layer)
	if err != nil {
		return err
	}
	defer layer.Close()
	hash := sha256.New()
	if _, err := io.Copy(io.MultiWriter(w, hash), cancel.Reader(ctx, layer)); err != nil {
		return err
	}
	return compareDigest(img.Layer, fmt.Sprintf("sha256:%x", hash.Sum(nil)), img.Digest)
}

// checkDigest reads to the end, and compares the digest of what it read.
func checkDigest(r io.Reader, want string) error {
	hash := sha256.New()
	if _, err := io.Copy(hash, r); err != nil {
		return err
	}
	return compareDigest("what was written", fmt.Sprintf("sha256:%x", hash.Sum(nil)), want)
}

func compareDigest(what, got, want string) error {
	if got != want {
		return fmt.Errorf("%s has the digest %s, not %s", what, got, want)
	}
	return nil
}

// compress runs fill with a writer that compresses to w.
func compress(w io.Writer, format compression.Format, jobs int, fill func(w io.Writer) error) error {
	z, err := compression.NewWriter(w, format, jobs)
	if err != nil {
		return err
	}
	// Closed after an error as well: some writers have threads.
	err = fill(z)
	return errors.Join(err, z.Close())
}

// decompress runs read with what a file holds. The decoders are not those of
// the packages that compressed it, except for gzip and zstd, which check sums
// of their own.
func decompress(ctx context.Context, path string, format compression.Format, read func(r io.Reader) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	plain := bufio.NewReaderSize(cancel.Reader(ctx, file), 256<<10)
	var decoder archiver.Decompressor
	switch format {
	case compression.None:
		return read(plain)
	case compression.Gzip:
		decoder = archiver.Gz{}
	case compression.XZ:
		decoder = archiver.Xz{}
	case compression.Zstd:
		decoder = archiver.Zstd{}
	default:
		return fmt.Errorf("there is no compression %q", format)
	}
	r, err := decoder.OpenReader(plain)
	if err != nil {
		return err
	}
	defer r.Close()
	return read(r)
}
