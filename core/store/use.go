package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/lockedfile"
)

// used is the folder with an empty file for each result, whose time says when
// the result was last used.
const used = "used"

// inUse is the name of the lock that everybody shares who works with a store.
const inUse = "store.lock"

// Use says that this process works with the store: nobody else can have it
// for himself until release is called. waiting, which may be nil, is called if
// somebody has it for himself just now.
func (s *Store) Use(ctx context.Context, waiting func()) (release func(), err error) {
	return s.hold(ctx, os.O_RDONLY, waiting)
}

// Own waits until nobody else works with the store, and keeps others out until
// release is called. waiting, which may be nil, is called if somebody does.
func (s *Store) Own(ctx context.Context, waiting func()) (release func(), err error) {
	return s.hold(ctx, os.O_RDWR, waiting)
}

// hold takes the store's own lock: shared if the file is opened to be read.
func (s *Store) hold(ctx context.Context, flag int, waiting func()) (func(), error) {
	return wait(ctx, waiting, func() (func(), error) {
		f, err := lockedfile.OpenFile(filepath.Join(s.dir, inUse), flag|os.O_CREATE, 0o666)
		if err != nil {
			return nil, fmt.Errorf("lock the store: %w", err)
		}
		return func() { _ = f.Close() }, nil // nothing was written
	})
}

// worth is how much later a use has to be than the last one to be noted.
const worth = 24 * time.Hour

// Touch notes that a result is used now. It is cheap, and never needed to be
// right: who can't write to the store just isn't noted.
func (s *Store) Touch(key string, now time.Time) {
	path := filepath.Join(s.dir, used, key)
	if info, err := os.Stat(path); err == nil {
		if now.Sub(info.ModTime()) >= worth {
			_ = os.Chtimes(path, now, now)
		}
		return
	}
	if os.MkdirAll(filepath.Dir(path), 0o755) == nil && os.WriteFile(path, nil, 0o644) == nil {
		_ = os.Chtimes(path, now, now)
	}
}

// Used returns when a result was last used, to a day, or else when it was
// made; the zero time if it isn't there.
func (s *Store) Used(key string) time.Time {
	made, err := os.Stat(filepath.Join(s.Path(key), resultFile))
	if err != nil {
		return time.Time{}
	}
	if noted, err := os.Stat(filepath.Join(s.dir, used, key)); err == nil && noted.ModTime().After(made.ModTime()) {
		return noted.ModTime()
	}
	return made.ModTime()
}

// KeyOf returns the key of the result that a path is in, or "" if it is in
// none.
func (s *Store) KeyOf(path string) string {
	rest, ok := strings.CutPrefix(filepath.Clean(path), filepath.Join(s.dir, steps)+string(filepath.Separator))
	if !ok {
		return ""
	}
	key, _, _ := strings.Cut(rest, string(filepath.Separator))
	return key
}

// Remove removes a result. It is gone at once, whatever becomes of its files.
// The caller owns the store.
func (s *Store) Remove(key string) error {
	if key == "" || key == "." || key == ".." || strings.ContainsRune(key, filepath.Separator) {
		return fmt.Errorf("remove result %q: not a key", key)
	}
	dir, err := os.MkdirTemp(s.Sub(temps), "gone.")
	if err != nil {
		return fmt.Errorf("remove result %s: %w", key, err)
	}
	err = os.Rename(s.Path(key), filepath.Join(dir, "result"))
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	if noted := os.Remove(filepath.Join(s.dir, used, key)); noted != nil && !errors.Is(noted, os.ErrNotExist) {
		err = errors.Join(err, noted)
	}
	if err = errors.Join(err, RemoveAll(dir)); err != nil {
		return fmt.Errorf("remove result %s: %w", key, err)
	}
	return nil
}
