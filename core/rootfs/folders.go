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
}

// folderKey is a folder, and what of it counts.
type folderKey struct {
	dir    string
	owners bool
}

// folderDigest is the digest of a folder, and the state that it had.
type folderDigest struct{ digest, state string }

// digest returns the digest of a folder.
func (f *Folders) digest(ctx context.Context, key folderKey) (string, error) {
	f.mu.Lock()
	last, known := f.known[key]
	f.mu.Unlock()
	if known {
		now := newFolderState()
		if err := walk(ctx, key.dir, now.add); err != nil {
			return "", err
		}
		if now.sum() == last.state {
			return last.digest, nil
		}
	}
	content, state := sha256.New(), newFolderState()
	if err := hashFolder(ctx, content, state, key); err != nil {
		return "", err
	}
	digest := fmt.Sprintf("sha256:%x", content.Sum(nil))
	f.keep(key, folderDigest{digest, state.sum()}, state.settled())
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

// folderState is what the file system says of all that is in a folder. The
// kernel sets the time of a file's last change, and nobody else can.
type folderState struct {
	hash  hash.Hash
	start time.Time
	// latest is the latest change.
	latest time.Time
}

func newFolderState() *folderState { return &folderState{hash: sha256.New(), start: time.Now()} }

// add takes one entry of the folder.
func (s *folderState) add(rel string, info fs.FileInfo) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return errors.New("the file system says too little of " + rel)
	}
	changed := time.Unix(stat.Ctim.Unix())
	if changed.After(s.latest) {
		s.latest = changed
	}
	_, err := fmt.Fprintf(s.hash, "%q %d %d %d %d\n", rel, stat.Dev, stat.Ino, stat.Size, changed.UnixNano())
	return err
}

// settled says that whatever changes from now on gets another time: file
// systems count in steps of up to two seconds.
func (s *folderState) settled() bool { return s.start.Sub(s.latest) > 2*time.Second }

func (s *folderState) sum() string { return fmt.Sprintf("sha256:%x", s.hash.Sum(nil)) }
