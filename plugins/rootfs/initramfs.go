package rootfs

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/mkmini/mkmini/plugins/artifact"
	"github.com/mkmini/mkmini/plugins/compression"
	"github.com/mkmini/mkmini/plugins/cpio"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// exportCpio writes the layer as an initramfs.
func exportCpio(ctx context.Context, req sdk.ExportRequest, name string, format compression.Format) (sdk.Diagnostics, error) {
	img := req.Images[0]
	var xattrs []string
	err := artifact.WriteFile(req.OutDir, name, func(w io.Writer) error {
		return compress(w, format, req.Jobs, func(w io.Writer) error {
			var err error
			xattrs, err = writeCpio(ctx, w, img, req.Epoch)
			return err
		})
	}, func(path string) error {
		return decompress(ctx, path, format, func(r io.Reader) error {
			return checkCpio(ctx, r, img, req.Epoch)
		})
	})
	return withoutXattrs(name, "cpio", xattrs), err
}

// writeCpio writes the archive, and names what has extended attributes, which
// have no place in it.
func writeCpio(ctx context.Context, w io.Writer, img sdk.Image, epoch time.Time) (xattrs []string, err error) {
	// The headers are small.
	buffer := bufio.NewWriterSize(w, 64<<10)
	archive := cpio.NewWriter(buffer)
	xattrs, err = walkInitramfs(ctx, img, epoch, func(h cpio.Header, content io.Reader) error {
		if err := archive.WriteHeader(h); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
		if _, err := io.Copy(archive, content); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	return xattrs, buffer.Flush()
}

// checkCpio reads an archive back and compares it with the layer, entry by
// entry and byte by byte.
func checkCpio(ctx context.Context, r io.Reader, img sdk.Image, epoch time.Time) error {
	archive := cpio.NewStrictReader(bufio.NewReaderSize(r, 64<<10))
	_, err := walkInitramfs(ctx, img, epoch, func(want cpio.Header, content io.Reader) error {
		got, err := archive.Next()
		if err != nil {
			return fmt.Errorf("read %s: %w", want.Name, err)
		}
		if got != want {
			return fmt.Errorf("%s came out as %+v, not %+v", want.Name, got, want)
		}
		return sameBytes(want.Name, archive, content)
	})
	if err != nil {
		return err
	}
	switch h, err := archive.Next(); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return fmt.Errorf("read the end: %w", err)
	default:
		return fmt.Errorf("%s is too much", h.Name)
	}
}

// sameBytes compares two readers to their ends.
func sameBytes(name string, a, b io.Reader) error {
	var left, right [16 << 10]byte
	for {
		n, errA := io.ReadFull(a, left[:])
		m, errB := io.ReadFull(b, right[:])
		for _, err := range []error{errA, errB} {
			if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				return err
			}
		}
		if !bytes.Equal(left[:n], right[:m]) {
			return fmt.Errorf("%s has another content", name)
		}
		if n < len(left) {
			return nil
		}
	}
}
