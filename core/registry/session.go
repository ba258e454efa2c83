package registry

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// sessions remember uploads that were not ended, for the next run. What goes
// wrong with them is no reason for a push to fail: then nothing is remembered.
type sessions struct{ dir string }

// keptFor is how long an upload is remembered. Registries forget them after
// days too.
const keptFor = 7 * 24 * time.Hour

// session is a file with the place where an upload goes on. It is nil for an
// upload that isn't remembered.
type session struct{ file *os.File }

// open returns the session of a blob in a repository; nil if there can be none,
// or another mkmini has it.
func (s sessions) open(repo name.Repository, digest v1.Hash) *session {
	if s.dir == "" || os.MkdirAll(s.dir, 0o700) != nil {
		return nil
	}
	path := filepath.Join(s.dir, fmt.Sprintf("%x", sha256.Sum256([]byte(repo.Name()+"@"+digest.String()))))
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil
	}
	if syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		_ = file.Close()
		return nil
	}
	return &session{file}
}

// maxLocation is the most bytes of a place.
const maxLocation = 8 << 10

// location returns the place that was kept; empty for none.
func (s *session) location() string {
	if s == nil {
		return ""
	}
	text, err := io.ReadAll(io.LimitReader(s.file, maxLocation))
	if err != nil {
		return ""
	}
	return string(text)
}

// keep remembers the place.
func (s *session) keep(location string) {
	if s == nil || len(location) >= maxLocation {
		return
	}
	if s.file.Truncate(0) == nil {
		_, _ = s.file.WriteAt([]byte(location), 0)
	}
}

// close forgets an upload that is done.
func (s *session) close(done bool) {
	if s == nil {
		return
	}
	if done {
		_ = os.Remove(s.file.Name())
	}
	_ = s.file.Close()
}

// sweep forgets uploads of long ago.
func (s sessions) sweep(now time.Time) {
	entries, _ := os.ReadDir(s.dir)
	for _, e := range entries {
		if info, err := e.Info(); err == nil && now.Sub(info.ModTime()) > keptFor {
			_ = os.Remove(filepath.Join(s.dir, e.Name()))
		}
	}
}
