package rootfs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// namesLength is how many bytes of names are read at a time.
const namesLength = 32 << 10

// openFolder is a folder that is open as long as somebody uses it.
type openFolder struct {
	fd    int
	users atomic.Int32
}

// openFlags open nothing that a name is a symlink to, and wait for nobody.
const openFlags = unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOFOLLOW | unix.O_CLOEXEC

// openTop opens a folder by a path that may go through symlinks, and returns
// the one that doesn't.
func openTop(dir string) (*openFolder, string, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, "", plain(err)
	}
	if !info.IsDir() {
		return nil, "", fmt.Errorf("%s is no folder", dir)
	}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, "", plain(err)
	}
	fd, err := retried(func() (int, error) { return unix.Open(real, openFlags|unix.O_DIRECTORY, 0) })
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", real, err)
	}
	return newOpenFolder(fd), real, nil
}

func newOpenFolder(fd int) *openFolder {
	f := &openFolder{fd: fd}
	f.hold()
	return f
}

// hold keeps it open for one more, until release.
func (f *openFolder) hold() { f.users.Add(1) }

func (f *openFolder) release() {
	if f.users.Add(-1) == 0 {
		unix.Close(f.fd)
	}
}

// openat opens a name in the folder, and notes what stat says of it.
func (f *openFolder) openat(e *found, flags int) (int, error) {
	fd, err := retried(func() (int, error) { return unix.Openat(f.fd, e.name(), openFlags|flags, 0) })
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ENXIO) {
		return -1, errBecame
	}
	if err != nil {
		return -1, err
	}
	var st unix.Stat_t
	if err = unix.Fstat(fd, &st); err == nil {
		err = e.note(&st)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// open opens a folder in the folder.
func (f *openFolder) open(e *found, flags int) (*openFolder, error) {
	fd, err := f.openat(e, flags)
	if err != nil {
		return nil, err
	}
	return newOpenFolder(fd), nil
}

// reopen opens a file that was looked at once more, and makes sure that it is
// the same one. The path is for people.
func (f *found) reopen(path string) (*os.File, error) {
	again := *f
	fd, err := f.in.openat(&again, 0)
	if err != nil && !errors.Is(err, errBecame) {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err == nil && again.state.dev == f.state.dev && again.state.ino == f.state.ino {
		return os.NewFile(uintptr(fd), path), nil
	}
	if err == nil {
		unix.Close(fd)
	}
	return nil, &changedError{path: path, became: true}
}

// errBecame says that a name isn't any more what it was in its folder.
var errBecame = errors.New("it is another file now")

// note takes over what stat says, of a file of the type that is known.
func (f *found) note(st *unix.Stat_t) error {
	mode := fileMode(st.Mode)
	if f.mode.Type() != mode.Type() {
		return errBecame
	}
	f.mode, f.uid, f.gid, f.names = mode, st.Uid, st.Gid, uint64(st.Nlink)
	f.state = fileState{dev: uint64(st.Dev), ino: st.Ino, size: st.Size, changed: unix.TimespecToNsec(st.Ctim)}
	return nil
}

// fileMode returns the mode that stat tells.
func fileMode(st uint32) fs.FileMode {
	// The types of stat are those of folders' entries.
	mode := fs.FileMode(st&0o777) | kinds[st&unix.S_IFMT>>12]
	if st&unix.S_ISUID != 0 {
		mode |= fs.ModeSetuid
	}
	if st&unix.S_ISGID != 0 {
		mode |= fs.ModeSetgid
	}
	if st&unix.S_ISVTX != 0 {
		mode |= fs.ModeSticky
	}
	return mode
}

// kinds are the types of the entries of folders: 0 of a regular file, and
// irregular what Linux doesn't have. Source: getdents(2), inode(7).
var kinds = func() [16]fs.FileMode {
	all := [16]fs.FileMode{}
	for i := range all {
		all[i] = fs.ModeIrregular
	}
	all[unix.DT_REG], all[unix.DT_DIR], all[unix.DT_LNK] = 0, fs.ModeDir, fs.ModeSymlink
	all[unix.DT_FIFO], all[unix.DT_SOCK] = fs.ModeNamedPipe, fs.ModeSocket
	all[unix.DT_BLK], all[unix.DT_CHR] = fs.ModeDevice, fs.ModeDevice|fs.ModeCharDevice
	return all
}()

// child is a name in a folder, and its type if the file system tells it.
type child struct {
	name string
	kind byte
}

// kind returns the type of what has a name.
func (f *openFolder) kind(c child) (fs.FileMode, error) {
	if c.kind != unix.DT_UNKNOWN {
		return kinds[c.kind&15], nil
	}
	var st unix.Stat_t
	if err := unix.Fstatat(f.fd, c.name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return 0, err
	}
	return fileMode(st.Mode).Type(), nil
}

// list returns the names in the folder, sorted. It can be called once.
func (f *openFolder) list(buffer []byte) ([]child, error) {
	var list []child
	for {
		n, err := retried(func() (int, error) { return unix.ReadDirent(f.fd, buffer) })
		if err != nil {
			return nil, err
		}
		if n == 0 {
			break
		}
		if list, err = appendNames(list, buffer[:n]); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(list, func(a, b child) int { return strings.Compare(a.name, b.name) })
	return list, nil
}

// What the kernel writes for a name: a number and an offset of eight bytes
// each, the length of the whole, the type, and the name with a NUL. Source:
// getdents(2), linux_dirent64.
const (
	entryLength = 16
	entryKind   = 18
	entryName   = 19
)

// appendNames takes names from what the kernel wrote.
func appendNames(list []child, from []byte) ([]child, error) {
	text := string(from) // which all the names share
	for at := 0; at < len(from); {
		if len(from)-at < entryName {
			return nil, unix.EIO
		}
		length := int(binary.NativeEndian.Uint16(from[at+entryLength:]))
		if length < entryName || length > len(from)-at {
			return nil, unix.EIO
		}
		end := bytes.IndexByte(from[at+entryName:at+length], 0)
		if end < 0 {
			return nil, unix.EIO
		}
		if name := text[at+entryName : at+entryName+end]; name != "." && name != ".." {
			list = append(list, child{name, from[at+entryKind]})
		}
		at += length
	}
	return list, nil
}
