package rootfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/xattr"
)

// folder is a folder on disk that goes into the tree.
type folder struct {
	// dir is its absolute path, and at where it goes; "" for the root.
	dir, at string
	// prefix is what comes before its names, clean.
	prefix string
	from   *origin
	// keepLinks keeps hard links, as busybox may be installed with. Those of
	// an overlay are an accident of the machine, like its owners: no checkout
	// or copy has them.
	keepLinks bool
	// overlay says what becomes of modes and owners, and has extended
	// attributes taken along; nil for root's files.
	overlay *overlay
	// snapshot is what was read of the folder; nil if it is to be read.
	snapshot *snapshot
}

// inode identifies a file on disk.
type inode struct{ dev, ino uint64 }

// addFolder puts a folder's content into the tree. Files get the mode 0755 if
// anybody may execute them, else 0644, folders 0755, so that the umask of
// whoever made them has no say; setuid and setgid of files and sticky of
// folders are kept. A folder that is there already keeps mode and owner.
func addFolder(ctx context.Context, t *tree, f *folder) error {
	links := make(map[inode]*node)
	f.prefix = strings.TrimSuffix(path.Join(f.at, "x"), "x")
	from := *f.from
	if !f.keepLinks {
		from.dir, from.at = f.dir, f.at
	}
	list := scan(ctx, f.dir, attributes)
	if f.snapshot != nil {
		list = f.snapshot.list(ctx)
		from.file, from.open = f.dir, f.snapshot.contents
	}
	for e, err := range list {
		if err != nil {
			return err
		}
		if err := f.add(t, e, &from, links); err != nil {
			return err
		}
	}
	return nil
}

// add puts one thing of the folder into the tree.
func (f *folder) add(t *tree, e *found, from *origin, links map[inode]*node) error {
	n := &node{from: from, mode: uint16(normalMode(e.mode))}
	to := f.prefix + e.rel
	switch e.mode.Type() {
	case fs.ModeDir:
		n.kind = Directory
	case fs.ModeSymlink:
		n.symlink(e.target)
	default:
		n.kind, n.size, n.offset = File, e.state.size, e.offset
		if f.keepLinks && e.names > 1 {
			key := inode{e.state.dev, e.state.ino}
			if first := links[key]; first != nil {
				n = first
			}
			links[key] = n
		}
	}
	if f.overlay != nil {
		n.uid, n.gid = e.uid, e.gid
		n.setXattrs(e.xattrs)
		f.overlay.dress(n, to)
	}
	if n.kind == Directory {
		return putFolder(t, to, n)
	}
	at, err := t.put(to, n)
	if n.kind == File && n.offset == 0 && (f.keepLinks || at != to) {
		n.file(Content{Path: filepath.Join(f.dir, e.rel), Size: n.size})
	}
	return err
}

// readXattrs returns the extended attributes of a file on disk that go along
// with it.
func readXattrs(name string) (map[string]string, error) {
	found, err := xattr.Read(name, xattr.Portable)
	return checkXattrs(name, found, err)
}

// openXattrs is readXattrs of a file that is open.
func openXattrs(fd int, name string) (map[string]string, error) {
	found, err := xattr.ReadOpen(fd, name, xattr.Portable)
	return checkXattrs(name, found, err)
}

// checkXattrs refuses attributes that can't be kept.
func checkXattrs(name string, found map[string]string, err error) (map[string]string, error) {
	if err != nil {
		return nil, err
	}
	for attribute, value := range found {
		if err := xattr.Check(attribute, value); err != nil {
			return nil, fmt.Errorf("%s has an extended attribute that can't be kept: %w", name, err)
		}
	}
	return found, nil
}

// putFolder puts a folder in place unless there is one, perhaps behind a
// symlink: an overlay's lib/ goes into usr/lib when lib is a symlink to it.
func putFolder(t *tree, at string, n *node) error {
	behind, err := t.resolve(at, true)
	if err != nil {
		return err
	}
	if there := t.get(behind); behind == "" || there != nil && there.kind == Directory {
		return nil
	}
	if t.get(behind) == nil {
		at = behind
	}
	_, err = t.put(at, n)
	return err
}

// normalMode returns the mode that a file on disk gets in a file system.
func normalMode(mode fs.FileMode) uint32 {
	switch {
	case mode&fs.ModeSymlink != 0:
		return 0o777
	case mode.IsDir() && mode&fs.ModeSticky != 0:
		return 0o1755
	case mode.IsDir():
		return 0o755
	}
	normal := uint32(0o644)
	if mode&0o111 != 0 {
		normal = 0o755
	}
	if mode&fs.ModeSetuid != 0 {
		normal |= 0o4000
	}
	if mode&fs.ModeSetgid != 0 {
		normal |= 0o2000
	}
	return normal
}

// plain leaves the name of the system call out of an error: "no such file".
func plain(err error) error {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("%s: %w", pathErr.Path, pathErr.Err)
	}
	return err
}

// kindName names a special file for people.
func kindName(kind fs.FileMode) string {
	switch {
	case kind&fs.ModeSocket != 0:
		return "socket"
	case kind&fs.ModeNamedPipe != 0:
		return "fifo"
	case kind&fs.ModeDevice != 0:
		return "device"
	}
	return "special file"
}

// fileContent returns what a file entry holds, and the mode it gets if none
// is stated: that of its source, made normal, or 0644.
func fileContent(entry *config.Entry) (Content, uint32, error) {
	if entry.Source == "" {
		return Content{Data: entry.Content, Size: int64(len(entry.Content))}, 0o644, nil
	}
	info, err := os.Stat(entry.Source)
	if err != nil {
		return Content{}, 0, plain(err)
	}
	if !info.Mode().IsRegular() {
		return Content{}, 0, fmt.Errorf("%s is no regular file", entry.Source)
	}
	return Content{Path: entry.Source, Size: info.Size()}, normalMode(info.Mode()) & 0o777, nil
}
