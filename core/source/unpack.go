package source

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"unicode"

	"github.com/klauspost/compress/zstd"
	"github.com/mholt/archiver/v4"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/plugins/cancel"
)

// Limits bounds what an archive may unpack to.
type Limits struct {
	// Entries is the most files, folders and links; 0 for 500000.
	Entries int
	// Bytes is the most content of all files together; 0 for 8 GiB.
	Bytes int64
}

func (l Limits) withDefaults() Limits {
	if l.Entries == 0 {
		l.Entries = 500_000
	}
	if l.Bytes == 0 {
		l.Bytes = 8 << 30
	}
	return l
}

// Unpack extracts a tar, tar.gz, tar.bz2, tar.xz, tar.zst or zip archive into
// the folder dst, which must not exist or be empty. Everything in the archive
// must be in one top folder, which is left away.
//
// Nothing is written outside of dst. Modes are 0755 for folders and what
// somebody may execute, else 0644, whatever the umask; times are the
// archive's. If it fails, dst is left as it was. Failures are *fault.Error,
// apart from the end of ctx, which is its cause.
func Unpack(ctx context.Context, archive, dst string, limits Limits) error {
	r := rules{limits: limits.withDefaults(), single: true}
	_, err := into(dst, r, func(t *tree) error { return extractFile(ctx, archive, t, nil) })
	return unpackFault(ctx, archive, dst, err)
}

// unpackFault puts the failure to unpack an archive in words.
func unpackFault(ctx context.Context, archive, dst string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	step := "unpack " + filepath.Base(archive)
	var disk *diskError
	if errors.As(err, &disk) {
		return diskFault(step, dst, err)
	}
	return &fault.Error{
		Step:    step,
		Summary: "Archive not usable",
		Detail:  fmt.Sprintf("%s cannot be unpacked: %s.", archive, printable(handling.ReplaceAllString(err.Error(), ""))),
		Remedy:  "Use the archive as its project publishes it, with the sha256 published there.",
		Err:     err,
	}
}

// handling is what archiver says before the name of an entry.
var handling = regexp.MustCompile(`^handling file( [0-9]+)?: `)

// printable replaces control characters, which an archive's names may hold.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// into has a tree filled in the folder dst, and leaves that as it was if it
// fails.
func into(dst string, r rules, fill func(*tree) error) (left LeftOut, err error) {
	made, err := makeEmpty(dst)
	if err != nil {
		return left, err
	}
	root, err := os.OpenRoot(dst)
	if err != nil {
		return left, &diskError{err}
	}
	defer root.Close()
	t := newTree(root, r)
	defer func() {
		if err != nil {
			empty(root)
			if made {
				os.Remove(dst)
			}
		}
	}()
	if err := fill(t); err != nil {
		return left, err
	}
	err = t.finish()
	return t.left, err
}

// makeEmpty makes a folder, or checks that it is empty, and says which.
func makeEmpty(dst string) (made bool, err error) {
	entries, err := os.ReadDir(dst)
	switch {
	case errors.Is(err, os.ErrNotExist):
		if err := os.MkdirAll(dst, 0o755); err != nil {
			return false, &diskError{err}
		}
		made = true
	case err != nil:
		return false, &diskError{err}
	case len(entries) > 0:
		return false, &diskError{&os.PathError{Op: "unpack into", Path: dst, Err: syscall.ENOTEMPTY}}
	}
	if err := os.Chmod(dst, 0o755); err != nil {
		return made, &diskError{err}
	}
	return made, nil
}

// empty removes everything in a folder.
func empty(root *os.Root) {
	d, err := root.Open(".")
	if err != nil {
		return
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return
	}
	for _, n := range names {
		_ = root.RemoveAll(n)
	}
}

// extractFile hands every entry of an archive to the tree. seen is told how
// many bytes of it were read, out of how many; it may be nil.
func extractFile(ctx context.Context, archive string, t *tree, seen func(done, total int64)) error {
	in, err := openRegular(archive)
	if err != nil {
		return err
	}
	defer in.Close()
	head := make([]byte, 262)
	n, err := io.ReadFull(in, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("read the archive: %w", err)
	}
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read the archive: %w", err)
	}
	head = head[:n]
	if bytes.HasPrefix(head, []byte("PK\x03\x04")) {
		return archiver.Zip{}.Extract(ctx, in, t.add)
	}
	format, err := decompressor(head)
	if err != nil {
		return err
	}
	counted, err := count(in, seen)
	if err != nil {
		return err
	}
	return extractTar(ctx, counted, format, t)
}

// extractTar hands every entry of a tar archive to the tree. format is what
// it is compressed with, or nil.
func extractTar(ctx context.Context, in io.Reader, format archiver.Decompressor, t *tree) error {
	var r io.Reader = bufio.NewReaderSize(cancel.Reader(ctx, in), 256<<10)
	if format != nil {
		d, err := format.OpenReader(r)
		if err != nil {
			return fmt.Errorf("read the archive: %w", err)
		}
		defer d.Close()
		r = d
	}
	if t.tee != nil {
		r = io.TeeReader(r, t.tee)
	}
	// Headers count as well: a header may itself be of any length, and what
	// is in front of an entry is read before anybody sees the entry.
	all := &cappedReader{r: cancel.Reader(ctx, r), left: t.limits.Bytes + int64(t.limits.Entries)*4096 + 1<<20}
	if err := (archiver.Tar{}).Extract(ctx, all, t.add); err != nil {
		return err
	}
	// The checksum of the compressed stream is at its end.
	if _, err := io.Copy(io.Discard, all); err != nil {
		return fmt.Errorf("read the archive: %w", err)
	}
	return nil
}

// count reads a file and tells how far it is.
func count(in *os.File, seen func(done, total int64)) (io.Reader, error) {
	info, err := in.Stat()
	if err != nil {
		return nil, fmt.Errorf("read the archive: %w", err)
	}
	if seen == nil {
		return in, nil
	}
	return &countingReader{r: in, total: info.Size(), seen: seen}, nil
}

// countingReader tells how many bytes were read.
type countingReader struct {
	r           io.Reader
	done, total int64
	seen        func(done, total int64)
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.done += int64(n)
	c.seen(c.done, c.total)
	return n, err
}

// decompressor returns what a tar archive is compressed with, from its first
// bytes; nil if it is not.
func decompressor(head []byte) (archiver.Decompressor, error) {
	switch {
	case bytes.HasPrefix(head, []byte("BZh")):
		return archiver.Bz2{}, nil
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return archiver.Gz{}, nil
	case bytes.HasPrefix(head, []byte("\xfd7zXZ\x00")):
		return archiver.Xz{}, nil
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return archiver.Zstd{DecoderOptions: []zstd.DOption{
			zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128 << 20),
		}}, nil
	case len(head) >= 262 && string(head[257:262]) == "ustar":
		return nil, nil
	case looksHTML(head):
		return nil, errors.New("it is an HTML page")
	}
	return nil, errors.New("it is no tar, tar.gz, tar.bz2, tar.xz, tar.zst or zip archive")
}

// cappedReader fails after too many bytes.
type cappedReader struct {
	r    io.Reader
	left int64
}

func (c *cappedReader) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errTooLarge
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	return n, err
}
