package rootfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"syscall"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/xattr"
)

// folder is a folder on disk that goes into the tree.
type folder struct {
	// dir is its absolute path, and at where it goes; "" for the root.
	dir, at string
	from    *origin
	// keepLinks keeps hard links, as busybox may be installed with. Those of
	// an overlay are an accident of the machine, like its owners: no checkout
	// or copy has them.
	keepLinks bool
	// overlay says what becomes of modes and owners, and has extended
	// attributes taken along; nil for root's files.
	overlay *overlay
}

// inode identifies a file on disk.
type inode struct{ dev, ino uint64 }

// addFolder puts a folder's content into the tree. Files get the mode 0755 if
// anybody may execute them, else 0644, folders 0755, so that the umask of
// whoever made them has no say; setuid and setgid of files and sticky of
// folders are kept. A folder that is there already keeps mode and owner.
func addFolder(ctx context.Context, t *tree, f folder) error {
	links := make(map[inode]*node)
	from := *f.from
	if !f.keepLinks {
		from.dir, from.at = f.dir, f.at
	}
	return walk(ctx, f.dir, func(rel string, info fs.FileInfo) error {
		n := &node{from: &from, mode: uint16(normalMode(info.Mode()))}
		to := path.Join(f.at, rel)
		stat, _ := info.Sys().(*syscall.Stat_t)
		switch info.Mode().Type() {
		case fs.ModeDir:
			n.kind = Directory
		case fs.ModeSymlink:
			target, err := os.Readlink(filepath.Join(f.dir, rel))
			if err != nil {
				return err
			}
			n.symlink(target)
		default:
			n.kind, n.size = File, info.Size()
			if stat != nil && f.keepLinks && stat.Nlink > 1 {
				key := inode{uint64(stat.Dev), stat.Ino}
				if first := links[key]; first != nil {
					n = first
				}
				links[key] = n
			}
		}
		if f.overlay != nil {
			if stat != nil {
				n.uid, n.gid = stat.Uid, stat.Gid
			}
			xattrs, err := readXattrs(filepath.Join(f.dir, rel))
			if err != nil {
				return err
			}
			n.setXattrs(xattrs)
			f.overlay.dress(n, to)
		}
		if n.kind == Directory {
			return putFolder(t, to, n)
		}
		at, err := t.put(to, n)
		if n.kind == File && (f.keepLinks || at != to) {
			n.file(Content{Path: filepath.Join(f.dir, rel), Size: n.size})
		}
		return err
	})
}

// readXattrs returns the extended attributes of a file on disk that go along
// with it.
func readXattrs(name string) (map[string]string, error) {
	found, err := xattr.Read(name, xattr.Portable)
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

// walk calls visit for everything in a folder in lexical order, with its path
// relative to the folder. What can't go into a file system is an error.
func walk(ctx context.Context, dir string, visit func(rel string, info fs.FileInfo) error) error {
	info, err := os.Stat(dir)
	if err != nil {
		return plain(err)
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is no folder", dir)
	}
	// A symlink to the folder is followed, those in it are not.
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return plain(err)
	}
	return filepath.WalkDir(real, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return plain(err)
		}
		if name == real {
			return ctx.Err()
		}
		info, err := d.Info()
		if err != nil {
			return plain(err)
		}
		if kind := info.Mode().Type(); kind&^(fs.ModeDir|fs.ModeSymlink) != 0 {
			return fmt.Errorf("%s is a %s; only files, folders and symlinks can be taken", name, kindName(kind))
		}
		rel, err := filepath.Rel(real, name)
		if err != nil {
			return err
		}
		return errors.Join(ctx.Err(), visit(rel, info))
	})
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
