package rootfs

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// snapshot is what was in a folder when its digest was made: a list of all that
// is in it, and the contents of its small files. It may be read by several
// goroutines.
type snapshot struct {
	// dir is the folder's absolute path.
	dir, digest string
	// entries and contents are files without a name; entries has size bytes.
	entries, contents *os.File
	size              int64
	// start is when the folder was read, and latest the latest change of what
	// is still on disk, in nanoseconds.
	start  time.Time
	latest int64
	// whole says that nothing is still on disk.
	whole bool
}

// close frees the snapshot; nil is none.
func (s *snapshot) close() {
	if s != nil {
		// What was written is of no use to anybody any more.
		_ = s.entries.Close()
		_ = s.contents.Close()
	}
}

// list yields what was in the folder, as scan does.
func (s *snapshot) list(ctx context.Context) iter.Seq2[*found, error] {
	return func(yield func(*found, error) bool) {
		n := 0
		for e, err := range decode(s.entries, s.size) {
			if err != nil {
				yield(nil, fmt.Errorf("read the snapshot of %s: %w", s.dir, err))
				return
			}
			if n++; n%scanLength == 0 && ctx.Err() != nil {
				break
			}
			if !yield(e, nil) {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(nil, err)
		}
	}
}

// holds says whether what is still on disk is what it was when the digest was
// made. What the snapshot has itself doesn't change.
func (s *snapshot) holds(ctx context.Context) (bool, error) {
	if s.whole {
		return true, nil
	}
	if !settled(s.start, s.latest) {
		return false, nil
	}
	for e, err := range s.list(ctx) {
		if err != nil {
			return false, err
		}
		if !e.mode.IsRegular() || e.offset > 0 {
			continue
		}
		var st unix.Stat_t
		now := found{mode: e.mode.Type()}
		err := unix.Lstat(filepath.Join(s.dir, e.rel), &st)
		if err == nil {
			err = now.note(&st)
		}
		if err != nil || now.state != e.state {
			return false, nil // reading it again tells what is wrong
		}
	}
	return true, nil
}
