// Package unpacked keeps compilers that were unpacked from elsewhere in the
// store. An entry is a tree of files that stays as it is; one that was damaged
// is found out and made again.
package unpacked

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/source"
	"github.com/mkmini/mkmini/core/store"
	"github.com/mkmini/mkmini/core/toolchain/tree"
)

// treeName is the folder of the files in an entry.
const treeName = "tree"

// Keeper keeps trees.
type Keeper struct {
	Store *store.Store
	// Logger may be nil.
	Logger *slog.Logger
}

// Fill unpacks a tree into the folder dst, which doesn't exist. Next to it is
// work, the path of a folder for what is needed on the way.
type Fill func(ctx context.Context, dst, work string) (Filled, error)

// Filled is what is known of a tree once it is unpacked.
type Filled struct {
	// Left are the entries that were left out.
	Left source.LeftOut
	// Folders are those that programs are in, relative to the tree; empty if
	// nothing says so.
	Folders []string
}

// Origin is where a tree comes from.
type Origin struct {
	// From is what it was unpacked from, for people.
	From string `json:"from"`
	// Pins identify that exactly, by names of the provider's own.
	Pins map[string]string `json:"pins,omitempty"`
}

// result is what the store says of a tree.
type result struct {
	Origin
	// Digest is that of the tree: a damaged one has another.
	Digest string `json:"digest"`
	// Left says what was left out.
	Left    string   `json:"left,omitempty"`
	Folders []string `json:"folders,omitempty"`
}

// Key returns the key of a tree by all that it depends on.
func Key(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\n")))
	return "compiler-" + hex.EncodeToString(sum[:])
}

// Path returns the path that the tree of a key has, whether or not it is
// there.
func (k *Keeper) Path(key string) string { return filepath.Join(k.Store.Path(key), treeName) }

// Folders returns the folders of programs of a key's tree.
func (k *Keeper) Folders(key string) []string {
	var r result
	if k.Store.Load(key, &r) != nil {
		return nil // nothing is known of it
	}
	return r.Folders
}

// Pins returns the pins of the tree that a folder is in.
func (k *Keeper) Pins(dir string) map[string]string {
	name, err := filepath.Rel(k.Store.Path(""), dir)
	if err != nil {
		return nil
	}
	key, _, _ := strings.Cut(name, string(filepath.Separator))
	var r result
	if k.Store.Load(key, &r) != nil {
		return nil // nothing is known of it
	}
	return r.Pins
}

// Tree returns the absolute path of the tree of a key, once it is there and
// whole; fill unpacks it. waiting is called if another process is at it.
func (k *Keeper) Tree(ctx context.Context, key string, origin Origin, waiting func(), fill Fill) (string, error) {
	if err := k.check(ctx, key); err != nil {
		return "", err
	}
	_, err := k.Store.Make(ctx, key, waiting, func(ctx context.Context, dir string) (any, error) {
		dst, work := filepath.Join(dir, treeName), filepath.Join(dir, "work")
		filled, err := fill(ctx, dst, work)
		if err = errors.Join(err, store.RemoveAll(work)); err != nil {
			return nil, err
		}
		r := result{Origin: origin, Left: filled.Left.String(), Folders: filled.Folders}
		if r.Left != "" {
			k.logger().Warn("a compiler was unpacked without "+r.Left, "from", origin.From)
		}
		r.Digest, err = tree.Digest(ctx, dst)
		return r, err
	})
	if err != nil {
		return "", err
	}
	return k.Path(key), nil
}

// check removes the tree of a key if it is not the one that was unpacked.
func (k *Keeper) check(ctx context.Context, key string) error {
	whole := func() bool {
		var r result
		if k.Store.Load(key, &r) != nil {
			return false
		}
		now, err := tree.Digest(ctx, k.Path(key))
		return err == nil && now == r.Digest
	}
	if !k.Store.Has(key) || whole() {
		return nil
	}
	unlock, err := k.Store.Lock(ctx, key, nil)
	if err != nil {
		return err
	}
	defer unlock()
	if !k.Store.Has(key) || whole() {
		return nil
	}
	k.logger().Warn("a compiler in the store is damaged, unpacking it again", "folder", k.Store.Path(key))
	if err := store.RemoveAll(k.Store.Path(key)); err != nil {
		return &fault.Error{
			Step: "unpack a compiler", Summary: "Damaged compiler can't be removed",
			Detail: fmt.Sprintf("%s is damaged, and removing it failed: %v.", k.Store.Path(key), err), Remedy: "Remove it by hand.", Err: err,
		}
	}
	return nil
}

func (k *Keeper) logger() *slog.Logger {
	if k.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return k.Logger
}
