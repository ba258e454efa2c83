// Package store keeps the results of steps on disk, each named by what it
// was made from. A result is complete or not there: it is made in a
// temporary folder and renamed. Several processes may use one store.
package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/lockedfile"

	"github.com/mkmini/mkmini/core/fault"
)

// The folders of a store.
const (
	steps = "steps" // results of steps, by key
	locks = "locks" // a lock file for each key being made
	temps = "tmp"   // results in the making
	logs  = "logs"  // logs of steps that failed
)

// resultFile holds a step's result as JSON; a folder without it is no entry.
const resultFile = "result.json"

// Store is a folder of results.
type Store struct {
	dir string
}

// Open returns the store in dir, an absolute path, and makes its folders.
func Open(dir string) (*Store, error) {
	for _, sub := range []string{steps, locks, temps, logs} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, fmt.Errorf("open store %s: %w", dir, err)
		}
	}
	return &Store{dir: dir}, nil
}

// DefaultDir returns $XDG_CACHE_HOME/mkmini, or $HOME/.cache/mkmini. A
// relative folder counts as none. The error is a [*fault.Error].
// Source: XDG Base Directory Specification.
func DefaultDir() (string, error) {
	if dir := os.Getenv("XDG_CACHE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "mkmini"), nil
	}
	if home := os.Getenv("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".cache", "mkmini"), nil
	}
	return "", &fault.Error{
		Summary: "There is no place for the store",
		Detail:  "It is in XDG_CACHE_HOME or else in HOME, and neither is set to an absolute path.",
		Remedy:  "Give a folder with --store DIR or MKMINI_STORE.",
		Usage:   true,
	}
}

// Sub returns the path of a named folder for a part of mkmini that keeps
// files of its own in the store.
func (s *Store) Sub(name string) string { return filepath.Join(s.dir, name) }

// Log returns the path that the log of a failed step is kept under.
func (s *Store) Log(key string) string { return filepath.Join(s.dir, logs, key+".log") }

// Has reports whether the result of key is there.
func (s *Store) Has(key string) bool {
	_, err := os.Lstat(filepath.Join(s.Path(key), resultFile))
	return err == nil
}

// Path returns the folder of key's result, whether or not it is there.
func (s *Store) Path(key string) string { return filepath.Join(s.dir, steps, key) }

// Load reads key's result into v.
func (s *Store) Load(key string, v any) error {
	data, err := os.ReadFile(filepath.Join(s.Path(key), resultFile))
	if err != nil {
		return fmt.Errorf("load result %s: %w", key, err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("load result %s: %w", key, err)
	}
	return nil
}

// Make returns once key's result is there: at once if it is, after another
// process has made it, or after fill has. fill gets an empty folder, puts
// the result's files into it and returns what Load is to give; the folder is
// renamed if it succeeds and removed if it fails. waiting is called, once at
// most, when another process holds the key. made reports whether fill ran.
func (s *Store) Make(ctx context.Context, key string, waiting func(), fill func(ctx context.Context, dir string) (any, error)) (made bool, err error) {
	if s.Has(key) {
		return false, nil
	}
	unlock, err := s.Lock(ctx, key, waiting)
	if err != nil {
		return false, err
	}
	defer unlock()
	if s.Has(key) {
		return false, nil
	}
	if err := s.sweep(key); err != nil {
		return false, err
	}
	dir, err := os.MkdirTemp(s.Sub(temps), key+".")
	if err != nil {
		return false, fmt.Errorf("make result %s: %w", key, err)
	}
	defer func() { err = errors.Join(err, RemoveAll(dir)) }()
	if err := os.Chmod(dir, 0o755); err != nil {
		return false, fmt.Errorf("make result %s: %w", key, err)
	}
	result, err := fill(ctx, dir)
	if err != nil {
		return false, err
	}
	if err := WriteJSON(filepath.Join(dir, resultFile), result); err != nil {
		return false, fmt.Errorf("make result %s: %w", key, err)
	}
	// What stands here without a result file is no entry: it was damaged.
	if err := RemoveAll(s.Path(key)); err != nil {
		return false, fmt.Errorf("make result %s: %w", key, err)
	}
	if err := os.Rename(dir, s.Path(key)); err != nil {
		return false, fmt.Errorf("make result %s: %w", key, err)
	}
	return true, nil
}

// sweep removes what killed runs left of key. The caller holds its lock, so
// nobody is at work there.
func (s *Store) sweep(key string) error {
	entries, err := os.ReadDir(s.Sub(temps))
	if err != nil {
		return fmt.Errorf("sweep %s: %w", key, err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), key+".") {
			continue
		}
		if err := RemoveAll(filepath.Join(s.Sub(temps), e.Name())); err != nil {
			return fmt.Errorf("sweep %s: %w", key, err)
		}
	}
	return nil
}

// patience is how long a lock is waited for in silence.
const patience = 300 * time.Millisecond

// Lock takes the named lock, which no other process then holds, and returns
// the function that gives it back. waiting, which may be nil, is called once
// if that takes a while.
func (s *Store) Lock(ctx context.Context, name string, waiting func()) (unlock func(), err error) {
	if strings.ContainsRune(name, filepath.Separator) {
		return nil, fmt.Errorf("lock %q: not a file name", name)
	}
	return wait(ctx, waiting, func() (func(), error) {
		unlock, err := lockedfile.MutexAt(filepath.Join(s.dir, locks, name+".lock")).Lock()
		if err != nil {
			return nil, fmt.Errorf("lock %s: %w", name, err)
		}
		return unlock, nil
	})
}

// wait calls lock, which may block, and waiting once if it takes a while. If
// ctx ends, the lock is given back when it comes.
func wait(ctx context.Context, waiting func(), lock func() (unlock func(), err error)) (func(), error) {
	type locked struct {
		unlock func()
		err    error
	}
	got := make(chan locked, 1)
	go func() {
		u, err := lock()
		got <- locked{u, err}
	}()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case l := <-got:
			return l.unlock, l.err
		case <-timer.C:
			if waiting != nil {
				waiting()
			}
		case <-ctx.Done():
			// flock can't be interrupted; give it back when it comes.
			go func() {
				if l := <-got; l.err == nil {
					l.unlock()
				}
			}()
			return nil, context.Cause(ctx)
		}
	}
}

// RemoveAll is os.RemoveAll that also removes folders without write
// permission.
func RemoveAll(path string) error {
	err := os.RemoveAll(path)
	if err == nil || !errors.Is(err, fs.ErrPermission) {
		return err
	}
	walkErr := filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			return os.Chmod(p, 0o700)
		}
		return err
	})
	return errors.Join(walkErr, os.RemoveAll(path))
}
