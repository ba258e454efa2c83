package rootfs

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
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
	count := &counter{w: io.MultiWriter(file, hash)}
	err = WriteTar(ctx, count, records, epoch)
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
	return fmt.Sprintf("sha256:%x", hash.Sum(nil)), count.n, nil
}

// counter counts what goes through it.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
