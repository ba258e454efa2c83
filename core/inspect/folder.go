package inspect

import (
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// readFolder reads a folder: an image's layout, or a file system.
func (s *scanner) readFolder(dir string, a *Artifact) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return clause(err)
	}
	defer root.Close()
	if done, err := s.readImages(folderParts{root}, a); done || err != nil {
		return err
	}
	t := newTree(s)
	w := &walker{scan: s, tree: t, root: root, files: map[[2]uint64]*Entry{}}
	if err := w.walk("."); err != nil {
		return err
	}
	a.Format, a.Trees = "folder", []*Tree{t.finish()}
	return nil
}

// walker reads a folder and what is below it, on other file systems too.
type walker struct {
	scan *scanner
	tree *tree
	root *os.Root
	// files are those with several names, by device and inode.
	files map[[2]uint64]*Entry
}

// walk adds a file, or a folder and what is in it.
func (w *walker) walk(name string) error {
	if err := w.scan.done(); err != nil {
		return err
	}
	e, err := w.entry(name)
	if err != nil {
		return fmt.Errorf("%s: %w", quoted("/"+strings.TrimPrefix(name, ".")), clause(err))
	}
	if err := w.tree.put(name, e); err != nil || e.Type != Folder {
		return err
	}
	names, err := w.names(name)
	if err != nil {
		return fmt.Errorf("%s: %w", quoted(name), clause(err))
	}
	for _, base := range names {
		if err := w.walk(path.Join(name, base)); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) names(name string) ([]string, error) {
	d, err := w.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Readdirnames(-1)
}

func (w *walker) entry(name string) (*Entry, error) {
	info, err := w.root.Lstat(name)
	if err != nil {
		return nil, err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil, fmt.Errorf("its owner is not known")
	}
	e := &Entry{
		Type: fileTypes[st.Mode&syscall.S_IFMT], Mode: st.Mode & 0o7777, UID: int(st.Uid), GID: int(st.Gid), ModTime: info.ModTime().Unix(),
	}
	key := [2]uint64{uint64(st.Dev), st.Ino}
	if e.Type == File && st.Nlink > 1 {
		if first := w.files[key]; first != nil {
			return first, nil
		}
		w.files[key] = e
	}
	switch e.Type {
	case File:
		return e, w.content(name, e)
	case Folder:
		return e, w.attributes(name, e)
	case Symlink:
		e.Target, err = w.root.Readlink(name)
	case CharDevice, BlockDevice:
		e.Major, e.Minor = unix.Major(uint64(st.Rdev)), unix.Minor(uint64(st.Rdev))
	}
	return e, err
}

// open opens what was a file or a folder a moment ago, and waits for nobody
// if it is something else now.
func (w *walker) open(name string) (*os.File, error) {
	return w.root.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
}

func (w *walker) content(name string, e *Entry) error {
	f, err := w.open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := w.scan.content(&capped{f, w.scan}, e); err != nil {
		return err
	}
	return xattrs(f, e)
}

func (w *walker) attributes(name string, e *Entry) error {
	f, err := w.open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return xattrs(f, e)
}

// xattrs reads the extended attributes of files and folders.
func xattrs(f *os.File, e *Entry) error {
	fd := int(f.Fd())
	if n, err := unix.Flistxattr(fd, nil); n == 0 && err == nil || err == unix.ENOTSUP {
		return nil // most have none
	}
	list := make([]byte, 64<<10) // the kernel's most
	n, err := unix.Flistxattr(fd, list)
	if err != nil {
		return fmt.Errorf("read extended attributes: %w", err)
	}
	value := make([]byte, 64<<10) // as much for each
	for name := range strings.SplitSeq(strings.TrimSuffix(string(list[:n]), "\x00"), "\x00") {
		if name == "" {
			continue
		}
		n, err := unix.Fgetxattr(fd, name, value)
		if err != nil {
			return fmt.Errorf("read the extended attribute %s: %w", quoted(name), err)
		}
		if e.Xattrs == nil {
			e.Xattrs = map[string]string{}
		}
		e.Xattrs[name] = string(value[:n])
	}
	return nil
}

// folderParts are the files below a folder.
type folderParts struct{ root *os.Root }

func (p folderParts) open(name string) (io.ReadCloser, int64, error) {
	f, err := p.root.OpenFile(path.Clean(name), os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, clause(err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file", quoted(name))
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}
