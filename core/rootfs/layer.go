package rootfs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"iter"
	"os"
	"path/filepath"
	"time"
)

// WriteLayer writes the records as the tar archive path, under a temporary
// name that it renames at the end, and returns the archive's "sha256:…" and
// its length in bytes. On an error nothing is left.
func WriteLayer(ctx context.Context, path string, records iter.Seq[Record], epoch time.Time) (digest string, size int64, err error) {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return "", 0, fmt.Errorf("make layer: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	hash := sha256.New()
	holes := &holeWriter{file: file}
	out := newBehind(together{holes, hash})
	err = WriteTar(ctx, out, records, epoch)
	if outErr := out.Close(); err == nil {
		err = outErr
	}
	if err == nil {
		err = file.Truncate(holes.at)
	}
	if err == nil {
		err = file.Chmod(0o644)
	}
	// Close has its own errors on network file systems.
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return "", 0, fmt.Errorf("write layer: %w", err)
	}
	return fmt.Sprintf("sha256:%x", hash.Sum(nil)), holes.at, nil
}

// together writes to a file and a hash at the same time, as each takes about as
// long as the other.
type together struct {
	file *holeWriter
	hash hash.Hash
}

func (t together) Write(p []byte) (int, error) {
	hashed := make(chan struct{})
	go func() {
		defer close(hashed)
		t.hash.Write(p) // never fails
	}()
	n, err := t.file.Write(p)
	<-hashed
	return n, err
}

// holeWriter writes an empty file, and leaves holes for what is zero: those of
// sparse files take no space in the layer either. The file is cut to the length
// at in the end.
type holeWriter struct {
	file *os.File
	at   int64
}

func (h *holeWriter) Write(p []byte) (int, error) {
	for done := 0; done < len(p); {
		// Up to the next hole, and over it.
		end := done
		for end < len(p) && !h.isHole(p[end:], end) {
			end = min(len(p), end+page-int((h.at+int64(end))%page))
		}
		if end > done {
			if n, err := h.file.WriteAt(p[done:end], h.at+int64(done)); err != nil {
				h.at += int64(done + n)
				return done + n, err
			}
		}
		for end < len(p) && h.isHole(p[end:], end) {
			end += page
		}
		done = end
	}
	h.at += int64(len(p))
	return len(p), nil
}

// isHole says that a page of zeros begins at an offset in what is written.
func (h *holeWriter) isHole(p []byte, offset int) bool {
	return (h.at+int64(offset))%page == 0 && len(p) >= page && bytes.Equal(p[:page], zeros[:])
}
