package rootfs

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

const (
	// keptContents is how many bytes of contents snapshots hold at most, and
	// freeShare the part of the free space that they may take: what is made of
	// the folders needs room, too.
	keptContents = 1 << 30
	freeShare    = 8
)

// snapshots are those of a run.
type snapshots struct {
	// dir is where their files are.
	dir string
	// users is how many runs there are.
	users int
	// room is how many bytes of contents may still be kept.
	room int64
	// of has the snapshot of a folder, or nil if what was read of it differs
	// from one time to the next.
	of map[folderKey]*snapshot
	// all are to be closed.
	all []*snapshot
}

// Hold has folders that are read from now on kept in files without a name in a
// folder on disk, until release is called. So long a folder that was read stays
// what it was: Digest returns the same for it without another look at its small
// files, and Assemble takes it from there. Where that can't be, as for want of
// space, folders are read as often as they are needed.
func (f *Folders) Hold(dir string) (release func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.kept == nil {
		f.kept = &snapshots{dir: dir, room: room(dir), of: make(map[folderKey]*snapshot)}
	}
	f.kept.users++
	return f.release
}

// room returns how many bytes of contents may be kept in a folder.
func room(dir string) int64 {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0
	}
	return int64(min(keptContents, st.Bavail*uint64(st.Bsize)/freeShare))
}

func (f *Folders) release() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.kept.users--; f.kept.users > 0 {
		return
	}
	for _, s := range f.kept.all {
		s.close()
	}
	f.kept = nil
}

// snapshot returns the one of a folder, nil if there is none.
func (f *Folders) snapshot(key folderKey) *snapshot {
	if f == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.kept == nil {
		return nil
	}
	return f.kept.of[key]
}

// recorder returns what makes a snapshot of a folder, nil if none is wanted.
func (f *Folders) recorder(key folderKey) *recorder {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.kept == nil {
		return nil
	}
	if _, there := f.kept.of[key]; there {
		return nil
	}
	return newRecorder(key.dir, f.kept.dir, f.take)
}

// take takes some of the room for contents, and says whether there is as much.
func (f *Folders) take(size int64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.kept == nil || size > f.kept.room {
		return false
	}
	f.kept.room -= size
	return true
}

// took notes that a folder was read, and the snapshot of it unless it is nil.
// One that was read twice with different results has none any more: parts of
// a run have the one, parts the other.
func (f *Folders) took(key folderKey, digest string, made *snapshot) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.kept == nil {
		made.close()
		return
	}
	last, there := f.kept.of[key]
	switch {
	case !there && made != nil:
		f.kept.of[key] = made
	case last != nil && last.digest != digest:
		f.kept.of[key] = nil
	}
	if made != nil {
		f.kept.all = append(f.kept.all, made)
	}
}

// nameless makes a file for reading and writing that is gone when it is closed,
// even by a process that dies.
func nameless(dir string) (*os.File, error) {
	file, err := os.OpenFile(dir, os.O_RDWR|unix.O_TMPFILE, 0o600)
	if err == nil {
		return file, nil
	}
	// Not every file system has files that never had a name.
	if file, err = os.CreateTemp(dir, "snapshot-*"); err != nil {
		return nil, err
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}
