package artifact

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mkmini/mkmini/core/store"
	"github.com/mkmini/mkmini/core/xattr"
)

// Place copies a file or folder from the store to dst, whose folder exists.
// It is written under a temporary name beside dst and then takes its place
// in one step, whatever stood there before. Copies rather than links: users
// change what they are given, and the store must not change with it. Before it
// takes its place, finish may add to it; it may be nil.
func Place(ctx context.Context, src, dst string, finish func(path string) error) (err error) {
	temp, err := os.MkdirTemp(filepath.Dir(dst), ".mkmini-*")
	if err != nil {
		return fmt.Errorf("place %s: %w", dst, err)
	}
	defer func() { err = errors.Join(err, store.RemoveAll(temp)) }()
	made := filepath.Join(temp, filepath.Base(dst))
	if err := copyTree(ctx, src, made); err != nil {
		return fmt.Errorf("place %s: %w", dst, err)
	}
	if finish != nil {
		if err := finish(made); err != nil {
			return fmt.Errorf("finish %s: %w", dst, err)
		}
	}
	if err := swap(made, dst); err != nil {
		return fmt.Errorf("place %s: %w", dst, err)
	}
	return nil
}

// swap puts made where dst is. What stood there ends up at made, and is
// removed with the folder that made is in.
func swap(made, dst string) error {
	if _, err := os.Lstat(dst); errors.Is(err, fs.ErrNotExist) {
		return os.Rename(made, dst)
	}
	err := unix.Renameat2(unix.AT_FDCWD, made, unix.AT_FDCWD, dst, unix.RENAME_EXCHANGE)
	if !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOSYS) {
		return err
	}
	// The file system can't exchange two names: for a moment dst is absent.
	if err := os.Rename(dst, made+".old"); err != nil {
		return err
	}
	return os.Rename(made, dst)
}

// copyTree copies a file or folder with modes and times, and as far as this
// user may with owners and devices.
func copyTree(ctx context.Context, src, dst string) error {
	type made struct {
		from, path string
		info       fs.FileInfo
	}
	var dirs []made
	err := filepath.WalkDir(src, func(p string, _ fs.DirEntry, err error) error {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		rel, err := filepath.Rel(src, p)
		if err != nil {
			return err
		}
		info, err := os.Lstat(p)
		if err != nil {
			return err
		}
		to := filepath.Join(dst, rel)
		if info.IsDir() {
			dirs = append(dirs, made{p, to, info})
			return os.Mkdir(to, 0o700)
		}
		if err := copyEntry(p, to, info); err != nil {
			return err
		}
		return finish(p, to, info)
	})
	if err != nil {
		return err
	}
	// Folders last, children first: a file made in one changes its time.
	for i := len(dirs) - 1; i >= 0; i-- {
		if err := finish(dirs[i].from, dirs[i].path, dirs[i].info); err != nil {
			return err
		}
	}
	return nil
}

func copyEntry(src, dst string, info fs.FileInfo) error {
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return copyFile(src, dst)
	case mode&fs.ModeSymlink != 0:
		target, err := os.Readlink(src)
		if err != nil {
			return err
		}
		return os.Symlink(target, dst)
	default:
		var st unix.Stat_t
		if err := unix.Lstat(src, &st); err != nil {
			return err
		}
		return unix.Mknod(dst, st.Mode, int(st.Rdev))
	}
}

func copyFile(src, dst string) error {
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(dst, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(copyData(out, in), out.Close())
}

// copyData copies a file's content, and leaves its holes out: the image of a
// disk may have more of them than there is space.
func copyData(out, in *os.File) error {
	info, err := in.Stat()
	if err != nil {
		return err
	}
	for at := int64(0); at < info.Size(); {
		start, err := in.Seek(at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			break // nothing but a hole is left
		}
		if err != nil {
			start = at // the file system knows no holes
		}
		end, err := in.Seek(start, unix.SEEK_HOLE)
		if err != nil {
			end = info.Size()
		}
		if _, err := in.Seek(start, io.SeekStart); err != nil {
			return err
		}
		if _, err := out.Seek(start, io.SeekStart); err != nil {
			return err
		}
		if _, err := io.CopyN(out, in, end-start); err != nil { // a clone where the file system can
			return err
		}
		at = end
	}
	return out.Truncate(info.Size())
}

// finish gives path the owner, extended attributes, mode and time of from, of
// which info is. Only root may give files away; a plain user's copy is the
// user's own. A change of the owner takes file capabilities away, so it comes
// first.
func finish(from, path string, info fs.FileInfo) error {
	if os.Geteuid() == 0 {
		uid, gid := owner(info)
		if err := os.Lchown(path, uid, gid); err != nil {
			return err
		}
	}
	attributes, err := xattr.Read(from, xattr.Own)
	if err != nil {
		return err
	}
	if err := xattr.Set(path, attributes); err != nil {
		return err
	}
	if info.Mode()&fs.ModeSymlink == 0 {
		if err := os.Chmod(path, info.Mode()); err != nil {
			return err
		}
	}
	return lutimes(path, info.ModTime())
}

func lutimes(path string, t time.Time) error {
	ts, err := unix.TimeToTimespec(t)
	if err != nil {
		return err
	}
	return unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW)
}
