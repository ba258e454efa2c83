package source

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/mkmini/mkmini/plugins/cancel"
)

// hashFile returns the sha256 of a regular file in hexadecimal.
func hashFile(ctx context.Context, path string) (string, error) {
	f, err := openRegular(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, cancel.Reader(ctx, f)); err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// openRegular opens a file, but neither a folder nor a pipe that would make
// it wait.
func openRegular(path string) (*os.File, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !fi.Mode().IsRegular() {
		return nil, fmt.Errorf("open %s: it is no regular file but %s", path, fi.Mode().Type())
	}
	return os.Open(path)
}

// copyIn takes a local file in, if its hash is right.
func (j *job) copyIn(ctx context.Context, path, from string) error {
	in, err := openRegular(path)
	if err != nil {
		return err
	}
	defer in.Close()
	fi, err := in.Stat()
	if err != nil {
		return err
	}
	tmp := filepath.Join(j.dir, j.sha256+".tmp")
	sum, err := j.copyTo(ctx, tmp, in, Progress{Total: fi.Size(), From: from})
	if err == nil && sum != j.sha256 {
		err = &mismatchError{got: sum, want: j.sha256, size: fi.Size(), html: htmlFile(path)}
	}
	if err == nil {
		err = j.accept(tmp)
	}
	if err != nil {
		return errors.Join(err, removeIfThere(tmp))
	}
	return nil
}

// copyTo writes a file and returns its sha256.
func (j *job) copyTo(ctx context.Context, path string, in io.Reader, p Progress) (string, error) {
	out, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return "", &diskError{err}
	}
	h := sha256.New()
	buf := make([]byte, 256<<10)
	for {
		n, rerr := cancel.Reader(ctx, in).Read(buf)
		h.Write(buf[:n])
		if _, err := out.Write(buf[:n]); err != nil {
			out.Close()
			return "", &diskError{err}
		}
		p.Done += int64(n)
		j.progress(p)
		if rerr == io.EOF {
			break
		}
		if rerr != nil {
			out.Close()
			return "", rerr
		}
	}
	if err := out.Close(); err != nil {
		return "", &diskError{err}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// accept gives a verified file its final name, for good.
func (j *job) accept(path string) error {
	err := func() error {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
			return err
		}
		if err := os.Rename(path, j.final); err != nil {
			return err
		}
		if err := removeIfThere(j.part, j.tag()); err != nil {
			return err
		}
		d, err := os.Open(j.dir)
		if err != nil {
			return err
		}
		return errors.Join(d.Sync(), d.Close())
	}()
	if err != nil {
		return &diskError{err}
	}
	return nil
}

// removeIfThere removes files that may not be there.
func removeIfThere(paths ...string) error {
	for _, p := range paths {
		if err := os.Remove(p); err != nil && !errors.Is(err, os.ErrNotExist) {
			return &diskError{err}
		}
	}
	return nil
}

// htmlFile says whether a file looks like an HTML page.
func htmlFile(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 512)
	n, _ := io.ReadFull(f, head)
	return looksHTML(head[:n])
}

// looksHTML says whether a file that starts with head is an HTML page.
func looksHTML(head []byte) bool {
	head = bytes.ToLower(bytes.TrimLeft(head, "\ufeff \t\r\n"))
	for _, start := range []string{"<!doctype html", "<html", "<head", "<body", "<script", "<!--"} {
		if bytes.HasPrefix(head, []byte(start)) {
			return true
		}
	}
	return bytes.HasPrefix(head, []byte("<?xml")) && bytes.Contains(head, []byte("<html"))
}
