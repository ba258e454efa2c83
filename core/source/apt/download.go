package apt

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// Download puts the packages of a resolution at dir/SHA256, which it makes.
// Files that are there already are verified and kept; those begun before are
// gone on with. Progress may be nil. The error is [ErrOffline] if something
// is missing and the network is off.
func (b *Binaries) Download(ctx context.Context, r *Resolution, dir string, progress Progress) error {
	if progress == nil {
		progress = func(string, int64, int64) {}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("download packages: %w", err)
	}
	unlock, err := lock(ctx, b.Dir)
	if err != nil {
		return err
	}
	defer unlock()
	d := download{dir: dir, total: 0}
	for _, p := range r.Packages {
		d.total += p.Size
		switch have, err := d.take(ctx, p); {
		case err != nil:
			return err
		case have:
			d.done += p.Size
		default:
			d.missing = append(d.missing, p)
		}
	}
	if len(d.missing) == 0 {
		return nil
	}
	if b.Offline {
		return fmt.Errorf("%d of %d packages aren't there and %w", len(d.missing), len(r.Packages), ErrOffline)
	}
	return d.run(ctx, r.private, progress)
}

// download is packages being downloaded.
type download struct {
	dir         string
	missing     []Package
	done, total int64
}

func (d *download) final(p Package) string { return filepath.Join(d.dir, p.SHA256) }
func (d *download) part(p Package) string  { return d.final(p) + ".deb" }

// take says whether a package is there, and gives one that is complete its
// name. A damaged one is removed.
func (d *download) take(ctx context.Context, p Package) (bool, error) {
	for _, path := range []string{d.final(p), d.part(p)} {
		sum, err := digest(ctx, path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return false, fmt.Errorf("download %s: %w", p.Name, err)
		}
		switch {
		case sum == p.SHA256 && path == d.final(p):
			return true, nil
		case sum == p.SHA256:
			if err := errors.Join(os.Chmod(path, 0o644), os.Rename(path, d.final(p))); err != nil {
				return false, fmt.Errorf("download %s: %w", p.Name, err)
			}
			return true, nil
		case path == d.final(p):
			if err := os.Remove(path); err != nil {
				return false, fmt.Errorf("remove a damaged file: %w", err)
			}
		}
	}
	return false, nil
}

// run has apt download what is missing, in one go, and tells the bytes that
// are there.
func (d *download) run(ctx context.Context, p private, progress Progress) error {
	args := []string{"-q", "download-file"}
	for _, m := range d.missing {
		args = append(args, m.uri, d.part(m), "SHA256:"+m.SHA256)
	}
	done := make(chan error, 1)
	go func() {
		_, err := output(ctx, p.environment(), Helper, args...)
		done <- err
	}()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			return errors.Join(err, d.accept(ctx, err == nil, progress))
		case <-tick.C:
			bytes, what := d.state()
			progress(what, bytes, d.total)
		}
	}
}

// state returns how many bytes are there and what comes in.
func (d *download) state() (bytes int64, what string) {
	bytes = d.done
	for _, p := range d.missing {
		if info, err := os.Stat(d.part(p)); err == nil {
			bytes += min(info.Size(), p.Size)
			what = p.Name
		}
	}
	return bytes, what
}

// accept takes in what apt downloaded. All of it must be there if apt said so.
func (d *download) accept(ctx context.Context, all bool, progress Progress) error {
	for _, p := range d.missing {
		// apt names a file whose hash is wrong so.
		if err := os.Remove(d.part(p) + ".FAILED"); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("download %s: %w", p.Name, err)
		}
		have, err := d.take(ctx, p)
		if err != nil {
			return err
		}
		if !have && all {
			return fmt.Errorf("download %s: the file has another hash than the index says", p.Name)
		}
	}
	if all {
		progress("", d.total, d.total)
	}
	return nil
}

// digest returns the sha256 of a file in hexadecimal.
func digest(ctx context.Context, path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	buf := make([]byte, 1<<20)
	for {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		n, err := f.Read(buf)
		h.Write(buf[:n])
		if err == io.EOF {
			return hex.EncodeToString(h.Sum(nil)), nil
		}
		if err != nil {
			return "", fmt.Errorf("read %s: %w", path, err)
		}
	}
}
