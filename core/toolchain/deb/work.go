package deb

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/source"
	"github.com/mkmini/mkmini/core/source/apt"
	"github.com/mkmini/mkmini/core/store"
	"github.com/mkmini/mkmini/core/toolchain"
	"github.com/mkmini/mkmini/core/toolchain/tree"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// The folders of a result.
const (
	treeName = "tree" // the packages' files
	binName  = "bin"  // what runs them
)

// layout is part of every key: it changes with what is made from packages.
const layout = "deb 1"

// unneeded are folders of packages that no compiler reads: manuals and
// translations, and settings of the machine.
var unneeded = []string{"usr/share", "etc", "var"}

// result is what the store says of a compiler.
type result struct {
	// Packages are sorted by name.
	Packages []apt.Package `json:"packages"`
	// Digest is of all that was made: the unpacked files and the wrappers.
	Digest string `json:"digest"`
}

func readResult(dir string) (result, error) {
	var r result
	data, err := os.ReadFile(filepath.Join(dir, "result.json"))
	if err != nil {
		return r, fmt.Errorf("read the record of a compiler: %w", err)
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("read the record of a compiler: %w", err)
	}
	return r, nil
}

// work is one compiler being brought.
type work struct {
	*Provider
	info   sdk.ToolchainInfo
	query  apt.Query
	report toolchain.Report
}

// provide resolves and downloads, once more with a new index if the one at
// hand names files that have left the mirror.
func (w *work) provide(ctx context.Context) (string, error) {
	for {
		r, err := w.Apt.Resolve(ctx, w.query, w.fetched)
		if err != nil {
			return "", err
		}
		key := w.key(r.Packages)
		if err := w.check(ctx, key); err != nil {
			return "", err
		}
		if w.Store.Has(key) {
			return w.Store.Path(key), nil
		}
		if err := w.room(r.Packages); err != nil {
			return "", err
		}
		err = w.Apt.Download(ctx, r, w.Files, w.fetched)
		if err == nil {
			return w.make(ctx, key, r.Packages)
		}
		if ctx.Err() != nil || r.Updated || errors.Is(err, apt.ErrOffline) {
			return "", err
		}
		w.query.Update = true
	}
}

func (w *work) fetched(what string, done, total int64) {
	w.report("fetch", int(done), int(total), what)
}

// key names the result of unpacking packages.
func (w *work) key(packages []apt.Package) string {
	h := sha256.New()
	fmt.Fprintln(h, layout)
	var sums []string
	for _, p := range packages {
		sums = append(sums, p.SHA256)
	}
	slices.Sort(sums)
	for _, sum := range sums {
		fmt.Fprintln(h, sum)
	}
	return "compiler-" + w.info.Arch + "-" + hex.EncodeToString(h.Sum(nil)[:16])
}

// check removes a result that is damaged: one of which a file is missing or
// another one than it was.
func (w *work) check(ctx context.Context, key string) error {
	if !w.Store.Has(key) || w.sound(ctx, key) {
		return nil
	}
	unlock, err := w.Store.Lock(ctx, key, w.waiting)
	if err != nil {
		return err
	}
	defer unlock()
	if !w.Store.Has(key) || w.sound(ctx, key) {
		return nil // another process has mended it
	}
	dir := w.Store.Path(key)
	if w.Logger != nil {
		w.Logger.Warn("a stored compiler is damaged, unpacking it again", "folder", dir)
	}
	if err := store.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove a damaged compiler: %w", err)
	}
	return nil
}

// sound says whether a result is what it was when it was made.
func (w *work) sound(ctx context.Context, key string) bool {
	dir := w.Store.Path(key)
	r, err := readResult(dir)
	if err != nil {
		return false
	}
	now, err := digest(ctx, dir)
	return err == nil && now == r.Digest
}

func (w *work) waiting() { w.report("unpack", 0, 0, "another mkmini is at it") }

// digest returns the digest of a result's files.
func digest(ctx context.Context, dir string) (string, error) {
	h := sha256.New()
	for _, name := range []string{treeName, binName} {
		sum, err := tree.Digest(ctx, filepath.Join(dir, name))
		if err != nil {
			return "", err
		}
		fmt.Fprintln(h, name, sum)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}

// room looks whether the disk holds what is to come: the files, and what is
// in them.
func (w *work) room(packages []apt.Package) error {
	var need int64
	for _, p := range packages {
		need += p.Installed
		if _, err := os.Stat(filepath.Join(w.Files, p.SHA256)); err != nil {
			need += p.Size
		}
	}
	dir := w.Store.Sub("")
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return fmt.Errorf("look how much space there is: %w", err)
	}
	return enough(dir, need, int64(st.Bavail)*st.Bsize)
}

// enough says whether free bytes are enough.
func enough(dir string, need, free int64) error {
	if free >= need {
		return nil
	}
	return fmt.Errorf("the packages need %d MB on the file system of %s, which has %d MB left", need/1e6+1, dir, free/1e6)
}

// make unpacks packages and makes what runs them.
func (w *work) make(ctx context.Context, key string, packages []apt.Package) (string, error) {
	_, err := w.Store.Make(ctx, key, w.waiting, func(ctx context.Context, dir string) (any, error) {
		tree := filepath.Join(dir, treeName)
		if err := w.unpack(ctx, packages, tree); err != nil {
			return nil, err
		}
		d, err := findDriver(tree, w.info.Triplets)
		if err != nil {
			return nil, err
		}
		if err := checkGlibc(tree, filepath.Join(tree, "usr/bin", d.name)); err != nil {
			return nil, err
		}
		if err := wrap(dir, d); err != nil {
			return nil, err
		}
		sum, err := digest(ctx, dir)
		return result{Packages: packages, Digest: sum}, err
	})
	return w.Store.Path(key), err
}

func (w *work) unpack(ctx context.Context, packages []apt.Package, tree string) error {
	var files []string
	for _, p := range packages {
		files = append(files, filepath.Join(w.Files, p.SHA256))
	}
	w.report("unpack", 0, len(packages), packages[0].Name)
	err := source.UnpackPackages(ctx, files, tree, source.Packages{Without: unneeded, Progress: func(done int) {
		w.report("unpack", done, len(packages), packages[min(done, len(packages)-1)].Name)
	}})
	var f *fault.Error
	if errors.As(err, &f) {
		// The files have names that say nothing: put those of the packages.
		for _, p := range packages {
			f.Detail = strings.ReplaceAll(f.Detail, filepath.Join(w.Files, p.SHA256), "the package "+p.Name)
		}
	}
	return err
}

// driver is a compiler's driver in a tree.
type driver struct {
	// triplet is the start of the names of its tools, and name its own in
	// usr/bin: "riscv64-linux-gnu" and "riscv64-linux-gnu-gcc-12".
	triplet, name string
}

// findDriver looks for the compiler's driver by the triplets, which may hold
// wildcards: gcc, else the newest of gcc-12 and the like.
func findDriver(tree string, triplets []string) (driver, error) {
	bin := filepath.Join(tree, "usr/bin")
	for _, patterns := range [][]string{{"-gcc"}, {"-gcc-[0-9]", "-gcc-[0-9][0-9]"}} {
		for _, triplet := range triplets {
			var matches []string
			for _, pattern := range patterns {
				more, _ := filepath.Glob(filepath.Join(bin, triplet+pattern)) // a malformed one matches nothing
				matches = append(matches, more...)
			}
			if len(matches) == 0 {
				continue
			}
			slices.SortFunc(matches, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
			name := filepath.Base(matches[len(matches)-1])
			return driver{triplet: name[:strings.LastIndex(name, "-gcc")], name: name}, nil
		}
	}
	found, _ := filepath.Glob(filepath.Join(bin, "*gcc*")) // the pattern is fine
	for i := range found {
		found[i] = filepath.Base(found[i])
	}
	return driver{}, fmt.Errorf("the packages have no %s-gcc in usr/bin, only %s",
		strings.Join(triplets, "-gcc and no "), cmp.Or(strings.Join(found, ", "), "programs that are no compilers"))
}
