// Package gc removes from a store what nobody has used for a while, and what
// runs that were killed left behind.
package gc

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mkmini/mkmini/core/store"
)

// Options say what to remove.
type Options struct {
	// Older is for how long a thing has not been used.
	Older time.Duration
	// DryRun only lists what would be removed.
	DryRun bool
	// Now is the time.
	Now time.Time
}

// Item is one thing that is removed.
type Item struct {
	// Kind says what it is: "result", "damaged result", "left over", "file",
	// "log", "record".
	Kind string `json:"kind"`
	// Name is its path within the store.
	Name string `json:"name"`
	// Size is that of all its files in bytes.
	Size int64 `json:"size"`
	// Used is when it was last used.
	Used time.Time `json:"used"`
}

// Collect removes things from a store, and returns them in the order of their
// names. The caller owns the store, which is to say that no other mkmini works
// with it. Errors of several things are joined; the others are removed all the
// same.
func Collect(ctx context.Context, st *store.Store, o Options) ([]Item, error) {
	c := &collector{st: st, o: o}
	for _, look := range []func() error{c.results, c.leftOvers, c.files, c.records, c.notes} {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err := look(); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(c.items, func(a, b Item) int { return cmp.Compare(a.Name, b.Name) })
	if o.DryRun {
		return c.items, nil
	}
	var gone []Item
	var errs []error
	for _, item := range c.items {
		if ctx.Err() != nil {
			return gone, context.Cause(ctx)
		}
		if err := c.remove(item); err != nil {
			errs = append(errs, err)
			continue
		}
		gone = append(gone, item)
	}
	return gone, errors.Join(errs...)
}

// collector lists what is to be removed.
type collector struct {
	st    *store.Store
	o     Options
	items []Item
}

func (c *collector) remove(item Item) error {
	if key, ok := strings.CutPrefix(item.Name, "steps/"); ok {
		return c.st.Remove(key)
	}
	if err := store.RemoveAll(c.st.Sub(filepath.FromSlash(item.Name))); err != nil {
		return fmt.Errorf("remove %s: %w", item.Name, err)
	}
	return nil
}

// old says whether a thing was last used too long ago.
func (c *collector) old(used time.Time) bool { return c.o.Now.Sub(used) >= c.o.Older }

// add lists a thing.
func (c *collector) add(kind, dir, name string, used time.Time) {
	path := filepath.Join(dir, name)
	c.items = append(c.items, Item{Kind: kind, Name: filepath.ToSlash(path), Size: Size(c.st.Sub(path)), Used: used})
}

// each calls do with what is in a folder of the store.
func (c *collector) each(dir string, do func(name string, info fs.FileInfo)) error {
	entries, err := os.ReadDir(c.st.Sub(dir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look into the store: %w", err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil { // else it is gone
			do(e.Name(), info)
		}
	}
	return nil
}

func (c *collector) results() error {
	return c.each("steps", func(key string, info fs.FileInfo) {
		used := c.st.Used(key)
		switch {
		case used.IsZero():
			c.add("damaged result", "steps", key, info.ModTime())
		case c.old(used):
			c.add("result", "steps", key, used)
		}
	})
}

// leftOvers are results in the making: nobody is at work.
func (c *collector) leftOvers() error {
	return errors.Join(
		c.each("tmp", func(name string, info fs.FileInfo) { c.add("left over", "tmp", name, info.ModTime()) }),
		c.each("sources", func(name string, info fs.FileInfo) {
			if !isDigest(name) {
				c.add("left over", "sources", name, info.ModTime())
			}
		}),
	)
}

// files are fetched ones, and logs.
func (c *collector) files() error {
	return errors.Join(
		c.each("sources", func(name string, info fs.FileInfo) {
			if isDigest(name) && c.old(info.ModTime()) {
				c.add("file", "sources", name, info.ModTime())
			}
		}),
		c.each("logs", func(name string, info fs.FileInfo) {
			if c.old(info.ModTime()) {
				c.add("log", "logs", name, info.ModTime())
			}
		}),
	)
}

// records are what is remembered of compilers, plugins and builds: of no use
// when it is old, or when the compiler that it is about goes.
func (c *collector) records() error {
	going := map[string]bool{}
	for _, item := range c.items {
		going[strings.TrimPrefix(item.Name, "steps/")] = true
	}
	var errs []error
	for _, dir := range []string{"toolchains", "plugins", "history"} {
		errs = append(errs, c.each(dir, func(name string, info fs.FileInfo) {
			if !info.Mode().IsRegular() {
				return
			}
			path := strings.TrimSuffix(name, ".users")
			if dir == "toolchains" && path != name {
				if r, err := os.Stat(c.st.Sub(filepath.Join(dir, path))); err == nil {
					info = r // it goes with its record
				}
			}
			cc := compiler(c.st.Sub(filepath.Join(dir, path)))
			if key := c.st.KeyOf(cc); c.old(info.ModTime()) || key != "" && (going[key] || !c.st.Has(key)) {
				c.add("record", dir, name, info.ModTime())
			}
		}))
	}
	return errors.Join(errs...)
}

// compiler returns the path that a record of a compiler is about, or "".
func compiler(path string) string {
	var r struct {
		Compiler struct {
			CC string `json:"cc"`
		} `json:"compiler"`
	}
	data, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(data, &r) != nil {
		return ""
	}
	return r.Compiler.CC
}

// notes are of uses of results that aren't there.
func (c *collector) notes() error {
	return c.each("used", func(key string, info fs.FileInfo) {
		if !c.st.Has(key) {
			c.add("record", "used", key, info.ModTime())
		}
	})
}

// isDigest says whether a name is that of a whole file: its sha256.
func isDigest(name string) bool {
	return len(name) == 64 && strings.Trim(name, "0123456789abcdef") == ""
}

// Size returns the bytes of a file or of all files in a folder, each once
// however many links it has. What can't be read has none.
func Size(path string) int64 {
	var total int64
	seen := map[[2]uint64]bool{}
	_ = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil
		}
		var st unix.Stat_t
		if unix.Lstat(p, &st) != nil {
			return nil
		}
		if id := [2]uint64{uint64(st.Dev), st.Ino}; !seen[id] {
			seen[id] = st.Nlink > 1
			total += st.Size
		}
		return nil
	})
	return total
}
