package source

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
	"time"

	"github.com/klauspost/compress/zip"
	"github.com/mholt/archiver/v4"
)

var (
	errTooLarge   = errors.New("it holds more bytes than are allowed")
	errTooMany    = errors.New("it holds more entries than are allowed")
	errOutside    = errors.New("it would be written outside of the folder")
	errThrough    = errors.New("it would be written through a link or a file")
	errLinkTarget = errors.New("it is a link to somewhere outside of the folder")
	errKind       = errors.New("it is neither a file, a folder nor a link")
)

// tree writes the entries of an archive below a root. It was empty at first
// and nobody else writes there, so tree knows what every path is.
type tree struct {
	root   *os.Root
	limits Limits
	bytes  int64
	count  int
	top    string
	kinds  map[string]fs.FileMode
	// dirs are the folders in the order made, with their times, which are
	// set last as writing in a folder changes its time.
	dirs  []string
	times map[string]time.Time
	buf   []byte
}

func newTree(root *os.Root, limits Limits) *tree {
	return &tree{
		root: root, limits: limits, buf: make([]byte, 128<<10),
		kinds: map[string]fs.FileMode{".": fs.ModeDir}, times: map[string]time.Time{},
	}
}

// add is an archiver.FileHandler.
func (t *tree) add(ctx context.Context, f archiver.FileInfo) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if t.count++; t.count > t.limits.Entries {
		return errTooMany
	}
	name, err := t.strip(f.NameInArchive)
	if err != nil {
		return err
	}
	mode := f.Mode()
	switch h := f.Header.(type) {
	case *tar.Header:
		if h.Typeflag == tar.TypeLink {
			return t.hardLink(name, h.Linkname)
		}
		if mode.IsRegular() && h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeGNUSparse {
			return errKind
		}
	case zip.FileHeader:
		if h.Method != zip.Store && h.Method != zip.Deflate {
			return fmt.Errorf("it is compressed by a method other than deflate: %d", h.Method)
		}
	}
	switch {
	case mode.IsDir():
		return t.dir(name, f.ModTime())
	case name == ".":
		return errors.New("it is a file where the top folder should be")
	case mode.IsRegular():
		return t.file(ctx, name, f)
	case mode.Type() == fs.ModeSymlink:
		return t.symlink(name, f)
	}
	return errKind
}

// strip returns a name below the top folder, "." for that itself.
func (t *tree) strip(name string) (string, error) {
	if strings.HasPrefix(name, "/") || strings.ContainsRune(name, 0) {
		return "", errOutside
	}
	var parts []string
	for p := range strings.SplitSeq(name, "/") {
		switch p {
		case "", ".":
		case "..":
			return "", errOutside
		default:
			parts = append(parts, p)
		}
	}
	if len(parts) == 0 {
		return ".", nil // the "./" of an archive of "."
	}
	if t.top == "" {
		t.top = parts[0]
	}
	if parts[0] != t.top {
		return "", fmt.Errorf("it is not in the folder %s as what is before it: the archive has no single top folder", t.top)
	}
	return path.Join(".", path.Join(parts[1:]...)), nil
}

// parents makes the folders above a path and refuses links among them.
func (t *tree) parents(name string) error {
	dir := path.Dir(name)
	kind, known := t.kinds[dir]
	if known && kind.IsDir() {
		return nil
	}
	if known {
		return errThrough
	}
	if err := t.parents(dir); err != nil {
		return err
	}
	// An archive need not have an entry for each folder.
	if t.count++; t.count > t.limits.Entries {
		return errTooMany
	}
	return t.mkdir(dir)
}

func (t *tree) mkdir(name string) error {
	if err := t.root.Mkdir(name, 0o755); err != nil {
		return writeError(err)
	}
	if err := t.root.Chmod(name, 0o755); err != nil {
		return writeError(err)
	}
	t.kinds[name] = fs.ModeDir
	t.dirs = append(t.dirs, name)
	return nil
}

func (t *tree) dir(name string, mtime time.Time) error {
	kind, known := t.kinds[name]
	if known && !kind.IsDir() {
		return errThrough
	}
	if !known {
		if err := t.parents(name); err != nil {
			return err
		}
		if err := t.mkdir(name); err != nil {
			return err
		}
	}
	t.times[name] = sane(mtime)
	return nil
}

// vacate makes way for a file or link: as with tar, the last entry of a name
// is the one that counts.
func (t *tree) vacate(name string) error {
	if err := t.parents(name); err != nil {
		return err
	}
	kind, known := t.kinds[name]
	if !known {
		return nil
	}
	if kind.IsDir() {
		return errors.New("it would replace a folder")
	}
	if err := t.root.Remove(name); err != nil {
		return writeError(err)
	}
	delete(t.kinds, name)
	return nil
}

func (t *tree) file(ctx context.Context, name string, f archiver.FileInfo) error {
	if err := t.vacate(name); err != nil {
		return err
	}
	in, err := f.Open()
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	defer in.Close()
	out, err := t.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return writeError(err)
	}
	t.kinds[name] = 0
	err = t.copy(ctx, out, in)
	mode := fs.FileMode(0o644)
	if f.Mode()&0o111 != 0 {
		mode = 0o755
	}
	if err == nil {
		err = writeError(out.Chmod(mode))
	}
	if cerr := out.Close(); err == nil {
		err = writeError(cerr)
	}
	if err != nil {
		return err
	}
	mtime := sane(f.ModTime())
	return writeError(t.root.Chtimes(name, mtime, mtime))
}

// copy copies a file's content within the limit.
func (t *tree) copy(ctx context.Context, out io.Writer, in io.Reader) error {
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n, rerr := in.Read(t.buf)
		if t.bytes += int64(n); t.bytes > t.limits.Bytes {
			return errTooLarge
		}
		if _, err := out.Write(t.buf[:n]); err != nil {
			return writeError(err)
		}
		if rerr == io.EOF {
			return nil
		}
		if rerr != nil {
			return fmt.Errorf("read: %w", rerr)
		}
	}
}

func (t *tree) symlink(name string, f archiver.FileInfo) error {
	target := f.LinkTarget
	if _, ok := f.Header.(zip.FileHeader); ok {
		in, err := f.Open()
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		text, err := io.ReadAll(io.LimitReader(in, 4096))
		if err = errors.Join(err, in.Close()); err != nil {
			return fmt.Errorf("read: %w", err)
		}
		target = string(text)
	}
	if !inside(name, target) {
		return errLinkTarget
	}
	if err := t.vacate(name); err != nil {
		return err
	}
	if err := t.root.Symlink(target, name); err != nil {
		return writeError(err)
	}
	t.kinds[name] = fs.ModeSymlink
	return nil
}

// inside says whether a link at name leads to somewhere inside for certain.
// It may go up only at its start, where the folders passed are known to be
// no links: after a link, ".." may lead anywhere.
func inside(name, target string) bool {
	if target == "" || strings.HasPrefix(target, "/") || strings.ContainsRune(target, 0) {
		return false
	}
	depth := strings.Count(name, "/")
	down := false
	for p := range strings.SplitSeq(target, "/") {
		switch p {
		case "", ".":
		case "..":
			if depth--; down || depth < 0 {
				return false
			}
		default:
			down = true
		}
	}
	return true
}

func (t *tree) hardLink(name, target string) error {
	old, err := t.strip(target)
	if err != nil {
		return errLinkTarget
	}
	if kind, known := t.kinds[old]; !known || !kind.IsRegular() {
		return fmt.Errorf("it is a hard link to %q, which is no file before it", target)
	}
	if old == name {
		return nil
	}
	if err := t.vacate(name); err != nil {
		return err
	}
	if err := t.root.Link(old, name); err != nil {
		return writeError(err)
	}
	t.kinds[name] = 0
	return nil
}

// finish sets the times of the folders, the inner ones first.
func (t *tree) finish() error {
	if t.top == "" {
		return errors.New("it is empty")
	}
	for i := len(t.dirs) - 1; i >= 0; i-- {
		mtime, ok := t.times[t.dirs[i]]
		if !ok {
			mtime = time.Unix(0, 0)
		}
		if err := t.root.Chtimes(t.dirs[i], mtime, mtime); err != nil {
			return writeError(err)
		}
	}
	return nil
}

// sane is an entry's time, or the epoch if it has none that a file can have.
func sane(t time.Time) time.Time {
	if u := t.Unix(); u < 0 || u > 1<<33 {
		return time.Unix(0, 0)
	}
	return t
}

// writeError marks a failure of the disk. A name that no file system takes is
// the archive's own fault.
func writeError(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, errInvalid) || errors.Is(err, errTooLong) {
		return err
	}
	return &diskError{err}
}

// What the kernel says of names that cannot be.
const (
	errInvalid = syscall.EINVAL
	errTooLong = syscall.ENAMETOOLONG
)
