package bundle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/store"
	"github.com/mkmini/mkmini/core/toolchain"
	"github.com/mkmini/mkmini/core/toolchain/tree"
	"github.com/mkmini/mkmini/plugins/cancel"
)

// Installer installs bundles.
type Installer struct {
	Store *store.Store
	// Keep notes a compiler that is installed.
	Keep func(context.Context, toolchain.Kept) error
	// Host is the platform of this machine.
	Host   string
	Limits Limits
	// Now tells the time.
	Now func() time.Time
	// Progress may be nil.
	Progress Progress
}

// Installed is what became of an installation.
type Installed struct {
	Manifest Manifest
	// New are the entries that the store didn't have.
	New map[string]bool
	// Lock is the text of the lock.
	Lock []byte
}

// Install puts what is in a bundle into the store, once all of it was read
// and found right. What the store has already is left alone. The error is a
// [fault.Error], or the end of the context.
func (i *Installer) Install(ctx context.Context, file string) (Installed, error) {
	done, err := i.install(ctx, file)
	if ctx.Err() != nil {
		return Installed{}, context.Cause(ctx)
	}
	if err != nil {
		return Installed{}, installFault(file, i.Store.Sub(""), err)
	}
	return done, nil
}

func (i *Installer) install(ctx context.Context, file string) (done Installed, err error) {
	in, size, err := openBundle(file)
	if err != nil {
		return done, err
	}
	defer in.Close()
	work, err := os.MkdirTemp(i.Store.Sub("tmp"), "unbundle.")
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, store.RemoveAll(work)) }()
	archive, end, err := decompress(&telling{r: in, total: size, tell: i.Progress})
	if err != nil {
		return done, err
	}
	defer end()
	r := &reader{
		in: archive, host: i.Host, limits: i.Limits.withDefaults(), work: work, has: i.has,
		room: func(need int64) error { return room(work, need) },
	}
	if err := r.read(ctx); err != nil {
		return done, err
	}
	if err := i.whole(r); err != nil {
		return done, err
	}
	for _, f := range r.manifest.Files {
		if r.staged[f.Name] {
			if err := i.put(ctx, r, f); err != nil {
				return done, err
			}
		}
	}
	return Installed{Manifest: r.manifest, New: r.staged, Lock: r.lock}, i.keep(ctx, r.manifest)
}

// openBundle opens a regular file.
func openBundle(file string) (*os.File, int64, error) {
	info, err := os.Stat(file)
	if err == nil && !info.Mode().IsRegular() {
		err = &os.PathError{Op: "open", Path: file, Err: errors.New("it is no file")}
	}
	var in *os.File
	if err == nil {
		in, err = os.Open(file)
	}
	if err != nil {
		return nil, 0, &fault.Error{
			Step: "unbundle", Summary: "Bundle not readable", Detail: err.Error() + ".", Remedy: "Correct the path.", Usage: true, Err: err,
		}
	}
	return in, info.Size(), nil
}

// room looks whether the disk holds so many bytes more.
func room(dir string, need int64) error {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return fmt.Errorf("look how much space there is: %w", err)
	}
	if free := int64(st.Bavail) * st.Bsize; need > free {
		return fmt.Errorf("it needs %d MB and there are %d MB: %w", need/1e6+1, free/1e6, unix.ENOSPC)
	}
	return nil
}

// path returns where the store has an entry.
func (i *Installer) path(f File) string {
	dir, name := f.place()
	switch dir {
	case sourceDir:
		return filepath.Join(i.Store.Sub(sources), name)
	case pluginDir:
		return filepath.Join(i.Store.Sub(PluginDir), name)
	}
	return i.Store.Path(f.key())
}

// has says whether the store has that very entry.
func (i *Installer) has(ctx context.Context, f File) (bool, error) {
	dir, _ := f.place()
	if dir == "" {
		return false, nil
	}
	if dir == stepDir {
		return i.sound(ctx, f), nil
	}
	in, err := os.Open(i.path(f))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	c := newCounter()
	_, err = io.Copy(c, cancel.Reader(ctx, in))
	return c.sum() == f.SHA256, errors.Join(err, in.Close())
}

// sound says whether the store has that very compiler.
func (i *Installer) sound(ctx context.Context, f File) bool {
	if !i.Store.Has(f.key()) {
		return false
	}
	now, err := tree.Digest(ctx, i.Store.Path(f.key()))
	return err == nil && now == "sha256:"+f.SHA256
}

// put moves an entry into the store.
func (i *Installer) put(ctx context.Context, r *reader, f File) error {
	dir, _ := f.place()
	switch dir {
	case "":
		return nil
	case stepDir:
		return i.putTree(ctx, f, r.treeDir(f))
	}
	to := i.path(f)
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if dir == pluginDir {
		// Plugins run only from where nobody else can write.
		if err := os.Chmod(filepath.Dir(to), 0o755); err != nil {
			return err
		}
	}
	return os.Rename(filepath.Join(r.work, filepath.FromSlash(f.Name)), to)
}

// whole checks that the folders of compilers are what the manifest says of
// them.
func (i *Installer) whole(r *reader) error {
	dirs := map[string]string{} // by key
	for _, f := range r.manifest.Files {
		if dir, _ := f.place(); dir != stepDir {
			continue
		}
		dirs[f.key()] = i.path(f)
		if !r.staged[f.Name] {
			continue
		}
		dirs[f.key()] = r.treeDir(f)
		result, err := os.ReadFile(filepath.Join(r.treeDir(f), resultName))
		if err != nil || !json.Valid(result) {
			return damaged("the compiler in %s has no right %s", f.Name, resultName)
		}
	}
	for _, c := range r.manifest.Compilers {
		key, rest, _ := strings.Cut(c.Dir, "/")
		info, err := os.Stat(filepath.Join(dirs[key], filepath.FromSlash(rest)))
		if err != nil || !info.IsDir() {
			return damaged("it has no compiler in %q", c.Dir)
		}
	}
	return nil
}

// resultName is the file that the store writes itself.
const resultName = "result.json"

// putTree makes an unpacked compiler a result of the store.
func (i *Installer) putTree(ctx context.Context, f File, dir string) error {
	result, err := os.ReadFile(filepath.Join(dir, resultName))
	if err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(dir, resultName)); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if err := i.discard(ctx, f); err != nil {
		return err
	}
	_, err = i.Store.Make(ctx, f.key(), nil, func(_ context.Context, to string) (any, error) {
		for _, e := range entries {
			if err := os.Rename(filepath.Join(dir, e.Name()), filepath.Join(to, e.Name())); err != nil {
				return nil, err
			}
		}
		return json.RawMessage(result), nil
	})
	if err == nil {
		i.Store.Touch(f.key(), i.Now())
	}
	return err
}

// discard removes another compiler of that key, which is a damaged one.
func (i *Installer) discard(ctx context.Context, f File) error {
	unlock, err := i.Store.Lock(ctx, f.key(), nil)
	if err != nil {
		return err
	}
	defer unlock()
	if !i.Store.Has(f.key()) || i.sound(ctx, f) {
		return nil
	}
	return store.RemoveAll(i.Store.Path(f.key()))
}

// keep notes the compilers.
func (i *Installer) keep(ctx context.Context, m Manifest) error {
	for _, c := range m.Compilers {
		c.Dir = filepath.FromSlash(c.Dir)
		if err := i.Keep(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// telling tells how much was read.
type telling struct {
	r           io.Reader
	done, total int64
	tell        Progress
}

func (t *telling) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	t.done += int64(n)
	if t.tell != nil {
		t.tell("read", t.done, t.total)
	}
	return n, err
}
