package rootfs

import (
	"context"
	"slices"

	"golang.org/x/sys/unix"
)

// look looks at what is in a batch, up to the first error.
func (s *scanner) look(ctx context.Context, b *batch) {
	for i := range b.list {
		f := &b.list[i]
		if f.err == nil {
			f.err = ctx.Err()
		}
		if f.err == nil && !f.looked {
			f.err = s.lookAt(b, f)
		}
		if f.err != nil {
			return
		}
	}
}

// lookAt looks at one file or symlink.
func (s *scanner) lookAt(b *batch, f *found) error {
	if s.depth == contents && f.mode.IsRegular() {
		return s.read(b, f)
	}
	var st unix.Stat_t
	err := unix.Fstatat(f.in.fd, f.name(), &st, unix.AT_SYMLINK_NOFOLLOW)
	if err == nil {
		err = f.note(&st)
	}
	if err == nil && s.depth > states && !f.mode.IsRegular() {
		f.target, err = readlink(f.in.fd, f.name())
	}
	if err != nil {
		return s.failed(f.rel, err)
	}
	if s.depth > states {
		f.xattrs, err = readXattrs(s.path(f.rel))
	}
	return err
}

// readlink returns the target of a symlink in a folder.
func readlink(folder int, name string) (string, error) {
	var buffer [maxPath + 1]byte
	n, err := unix.Readlinkat(folder, name, buffer[:])
	if err != nil {
		return "", err
	}
	return string(buffer[:n]), nil
}

// read looks at a regular file while it is open, and reads it if it is small.
func (s *scanner) read(b *batch, f *found) error {
	fd, err := f.in.openat(f, 0)
	if err != nil {
		return s.failed(f.rel, err)
	}
	defer unix.Close(fd)
	if f.xattrs, err = openXattrs(fd, s.path(f.rel)); err != nil {
		return err
	}
	size := f.state.size
	if size > smallContent || int64(len(b.buffer))+size > scanRoom {
		return nil
	}
	// Room for a byte more than there should be.
	start, more := len(b.buffer), int(size)+1
	b.buffer = slices.Grow(b.buffer, more)[:start+more]
	room, done := b.buffer[start:], int64(0)
	for done <= size {
		n, err := retried(func() (int, error) { return unix.Read(fd, room[done:]) })
		if err != nil {
			return s.failed(f.rel, err)
		}
		if done += int64(n); n == 0 || done == size {
			break // a regular file gives all it has
		}
	}
	if done != size {
		return &changedError{path: s.path(f.rel), was: size, is: done}
	}
	f.content, f.loaded = room[:size:size], true
	return nil
}
