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

// tree writes the entries of archives below a root. It was empty at first and
// nobody else writes there, so tree knows what every path is.
type tree struct {
	rules
	root  *os.Root
	nodes *node
	bytes int64
	count int
	// top is the single top folder, and written says that something was.
	top     string
	written bool
	layer   int
	left    LeftOut
	// tee gets the whole uncompressed archive; nil if nobody wants it.
	tee io.Writer
	buf []byte
}

func newTree(root *os.Root, r rules) *tree {
	return &tree{root: root, rules: r, nodes: newRoot(), buf: make([]byte, 128<<10)}
}

// add is an archiver.FileHandler.
func (t *tree) add(ctx context.Context, f archiver.FileInfo) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if t.count++; t.count > t.limits.Entries {
		return errTooMany
	}
	mode := f.Mode()
	name, ok, err := t.place(f.NameInArchive, mode.IsDir())
	if err != nil || !ok {
		return err
	}
	if t.layers {
		if done, err := t.whiteout(name); done || err != nil {
			return err
		}
	}
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
	case t.single:
		return errKind
	}
	t.left.note(&t.left.Devices, name)
	return nil
}

// folder returns the folder at a path and makes what is missing of it. Links
// on the way are refused, or in an image followed as its system would.
func (t *tree) folder(name string) (*node, error) {
	at, parts := t.nodes, strings.Split(name, "/")
	for hops := 0; len(parts) > 0; {
		part := parts[0]
		parts = parts[1:]
		switch part {
		case "", ".":
			continue
		case "..": // of a link
			if at.parent != nil {
				at = at.parent
			}
			continue
		}
		next := at.children[part]
		switch {
		case next == nil:
			// An archive need not have an entry for each folder.
			if t.count++; t.count > t.limits.Entries {
				return nil, errTooMany
			}
			var err error
			if next, err = t.mkdir(at, part); err != nil {
				return nil, err
			}
		case next.kind == fs.ModeSymlink && t.layers:
			if hops++; hops > maxHops {
				return nil, errHops
			}
			parts = append(strings.Split(next.target, "/"), parts...)
			continue
		case !next.kind.IsDir():
			return nil, errThrough
		}
		at = next
	}
	return at, nil
}

func (t *tree) mkdir(parent *node, base string) (*node, error) {
	name := parent.child(base)
	if err := t.root.Mkdir(name, 0o755); err != nil {
		return nil, writeError(err)
	}
	if err := t.root.Chmod(name, 0o755); err != nil {
		return nil, writeError(err)
	}
	t.written = true
	return parent.add(base, fs.ModeDir, t.layer), nil
}

func (t *tree) dir(name string, mtime time.Time) error {
	if name == "." {
		t.nodes.time = sane(mtime)
		return nil
	}
	parent, err := t.folder(path.Dir(name))
	if err != nil {
		return err
	}
	base := path.Base(name)
	dir := parent.children[base]
	if dir != nil && !dir.kind.IsDir() {
		if !t.layers {
			return errThrough
		}
		if err := t.remove(dir); err != nil {
			return err
		}
		dir = nil
	}
	if dir == nil {
		if dir, err = t.mkdir(parent, base); err != nil {
			return err
		}
	}
	dir.time, dir.layer = sane(mtime), t.layer
	return nil
}

// vacate makes way for a file or link and returns its folder: as with tar,
// the last entry of a name is the one that counts.
func (t *tree) vacate(name string) (*node, error) {
	parent, err := t.folder(path.Dir(name))
	if err != nil {
		return nil, err
	}
	old := parent.children[path.Base(name)]
	if old == nil {
		return parent, nil
	}
	if old.kind.IsDir() && !t.layers {
		return nil, errors.New("it would replace a folder")
	}
	return parent, t.remove(old)
}

// remove removes what was written, a folder with all in it.
func (t *tree) remove(n *node) error {
	delete(n.parent.children, n.name)
	return writeError(t.root.RemoveAll(n.path()))
}

func (t *tree) file(ctx context.Context, name string, f archiver.FileInfo) error {
	if f.Size() > t.limits.Bytes-t.bytes {
		return errTooLarge // before the disk is full of it
	}
	parent, err := t.vacate(name)
	if err != nil {
		return err
	}
	name = parent.child(path.Base(name))
	in, err := f.Open()
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	defer in.Close()
	out, err := t.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return writeError(err)
	}
	t.note(parent, name, 0)
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

// note remembers a file or link that was written.
func (t *tree) note(parent *node, name string, kind fs.FileMode) *node {
	t.written = true
	return parent.add(path.Base(name), kind, t.layer)
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

// finish sets the times of the folders, the inner ones first, and looks at
// the links, now that it is known where they lead.
func (t *tree) finish() error {
	if !t.written && (t.single && t.top == "" || !t.single) {
		return t.nothing()
	}
	if err := t.checkLinks(); err != nil {
		return err
	}
	setTime := func(n *node) error {
		if !n.kind.IsDir() {
			return nil
		}
		return writeError(t.root.Chtimes(n.path(), n.time, n.time))
	}
	return t.nodes.walk(setTime)
}

func (t *tree) nothing() error {
	if t.strip > 0 && t.count > 0 {
		return fmt.Errorf("it has nothing in folders %d deep: strip is too large", t.strip)
	}
	return errors.New("it is empty")
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
