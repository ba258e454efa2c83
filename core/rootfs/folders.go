package rootfs

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Folders remembers the digests of folders, so that what was read once is read
// again only if something in the folder changed since. The zero value is
// ready, and may be used by several goroutines.
type Folders struct {
	mu    sync.Mutex
	known map[folderKey]folderDigest
	// kept are the snapshots of a run; nil if none are made.
	kept *snapshots
}

// folderKey is a folder, and what of it counts.
type folderKey struct {
	dir    string
	owners bool
}

// folderDigest is the digest of a folder, and the state that it had.
type folderDigest struct{ digest, state string }

// digest returns the digest of a folder. As long as there is a snapshot of it,
// the folder is what the snapshot says.
func (f *Folders) digest(ctx context.Context, key folderKey) (string, error) {
	if kept := f.snapshot(key); kept != nil {
		if holds, err := kept.holds(ctx); err != nil || holds {
			return kept.digest, err
		}
	}
	f.mu.Lock()
	last, known := f.known[key]
	f.mu.Unlock()
	if known {
		now := newFolderState()
		for e, err := range scan(ctx, key.dir, states) {
			if err != nil {
				return "", err
			}
			now.add(e.rel, e.state)
		}
		if now.sum() == last.state {
			return last.digest, nil
		}
	}
	content, state, keep := sha256.New(), newFolderState(), f.recorder(key)
	if err := hashFolder(ctx, content, state, key, keep); err != nil {
		keep.drop()
		return "", err
	}
	digest := fmt.Sprintf("sha256:%x", content.Sum(nil))
	f.keep(key, folderDigest{digest, state.sum()}, state.settled())
	f.took(key, digest, keep.end(digest, state))
	return digest, nil
}

// keep remembers a digest if its state is settled, and else forgets what it
// knew.
func (f *Folders) keep(key folderKey, d folderDigest, settled bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.known == nil {
		f.known = make(map[folderKey]folderDigest)
	}
	delete(f.known, key)
	if settled {
		f.known[key] = d
	}
}

// Known is what is remembered of one folder or host block.
type Known struct {
	// Dir is the folder's absolute path, or the name of a host block.
	Dir string `json:"dir"`
	// Owners says that owners count.
	Owners bool `json:"owners,omitempty"`
	// Digest and State are "sha256:…" of all that is in it, and of what the
	// file system said of it.
	Digest string `json:"digest"`
	State  string `json:"state"`
}

// Known returns what is remembered, sorted, for Remember in a later run.
func (f *Folders) Known() []Known {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := make([]Known, 0, len(f.known))
	for key, d := range f.known {
		list = append(list, Known{Dir: key.dir, Owners: key.owners, Digest: d.digest, State: d.state})
	}
	slices.SortFunc(list, func(a, b Known) int {
		return cmp.Or(strings.Compare(a.Dir, b.Dir), strings.Compare(a.Digest, b.Digest))
	})
	return list
}

// Remember takes over what Known returned in an earlier run of the very same
// mkmini: another one may make other digests.
func (f *Folders) Remember(list []Known) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.known == nil {
		f.known = make(map[folderKey]folderDigest)
	}
	for _, k := range list {
		key := folderKey{k.Dir, k.Owners}
		if _, known := f.known[key]; !known && k.Digest != "" {
			f.known[key] = folderDigest{k.Digest, k.State}
		}
	}
}

// fileState is what the file system says of a file: its device and inode, its
// size in bytes, and the time of its last change in nanoseconds.
type fileState struct {
	dev, ino      uint64
	size, changed int64
}

// stateOf returns the state that is in the information on a file.
func stateOf(info fs.FileInfo) (fileState, error) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fileState{}, errors.New("the file system says too little of " + info.Name())
	}
	return fileState{dev: uint64(stat.Dev), ino: stat.Ino, size: stat.Size, changed: syscall.TimespecToNsec(stat.Ctim)}, nil
}

// folderState is what the file system says of all that is in a folder. The
// kernel sets the time of a file's last change, and nobody else can.
type folderState struct {
	hash  hash.Hash
	start time.Time
	// latest is the latest change.
	latest int64
	line   []byte
}

func newFolderState() *folderState { return &folderState{hash: sha256.New(), start: time.Now()} }

// add takes one entry of the folder.
func (s *folderState) add(rel string, of fileState) { s.addQuoted(appendQuoted(nil, rel), of) }

// addQuoted is add with a name that is quoted already.
func (s *folderState) addQuoted(rel []byte, of fileState) {
	s.latest = max(s.latest, of.changed)
	line := append(append(s.line[:0], rel...), ' ')
	line = append(strconv.AppendUint(line, of.dev, 10), ' ')
	line = append(strconv.AppendUint(line, of.ino, 10), ' ')
	line = append(strconv.AppendInt(line, of.size, 10), ' ')
	s.line = append(strconv.AppendInt(line, of.changed, 10), '\n')
	s.hash.Write(s.line) // never fails
}

// settled says that whatever changes from now on gets another time.
func (s *folderState) settled() bool { return settled(s.start, s.latest) }

// settled says that whatever changed after a start has another time than the
// latest change: file systems count in steps of up to two seconds.
func settled(start time.Time, latest int64) bool {
	return start.Sub(time.Unix(0, latest)) > 2*time.Second
}

func (s *folderState) sum() string { return fmt.Sprintf("sha256:%x", s.hash.Sum(nil)) }
