// Package archive brings compilers that come as archives, such as vendors
// ship: fetched by their hash and unpacked into the store.
package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/source"
	"github.com/mkmini/mkmini/core/toolchain"
	"github.com/mkmini/mkmini/core/toolchain/hostcheck"
	"github.com/mkmini/mkmini/core/toolchain/unpacked"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// layout is part of every key: it changes with how archives are unpacked.
const layout = "archive 1"

// Fetcher fetches a file by its hash. It is implemented by *source.Fetcher.
type Fetcher interface {
	Fetch(ctx context.Context, req source.Request, dir string, progress func(source.Progress)) (string, error)
}

// Provider brings the compilers of `from "archive"` blocks.
type Provider struct {
	// Keeper keeps what was unpacked.
	Keeper  *unpacked.Keeper
	Fetcher Fetcher
	// Blobs is the absolute path of the folder of fetched files by sha256.
	Blobs string
	// Limits bounds what an archive may unpack to; zero fields have the
	// defaults of [source.Tree].
	Limits source.Limits
	// Host is the machine that the compiler has to run on.
	Host hostcheck.Host
}

var (
	_ toolchain.Provider = (*Provider)(nil)
	_ toolchain.Pinner   = (*Provider)(nil)
	_ toolchain.Local    = (*Provider)(nil)
)

// Default says that no archive is known but by a configuration.
func (p *Provider) Default(sdk.ToolchainInfo) (config.From, bool) { return config.From{}, false }

// Files returns the archive, if it is on this machine and no hash says what
// it holds.
func (p *Provider) Files(from config.From) []string {
	if a := from.Archive; a != nil && a.File != "" && a.SHA256 == "" {
		return []string{a.File}
	}
	return nil
}

// Pins returns the archive's hash.
func (p *Provider) Pins(_ config.From, dir string) map[string]string { return p.Keeper.Pins(dir) }

// Provide returns the folder of the compiler in the unpacked archive.
func (p *Provider) Provide(ctx context.Context, info sdk.ToolchainInfo, from config.From, report toolchain.Report) (string, error) {
	dir, err := p.provide(ctx, info, from, report)
	return toolchain.Provided(ctx, dir, err)
}

func (p *Provider) provide(ctx context.Context, info sdk.ToolchainInfo, from config.From, report toolchain.Report) (string, error) {
	a := from.Archive
	if a == nil || a.File == "" && len(a.URLs) == 0 {
		return "", errors.New("neither file nor url is set")
	}
	w := &work{Provider: p, archive: *a, report: report.OrNone(), name: name(*a)}
	tree, err := w.tree(ctx)
	if err != nil {
		return "", err
	}
	dir, drivers, err := unpacked.Find(w.name, info, tree, from.Prefix, unpacked.Folders(tree, a.Bin))
	if err != nil {
		return "", err
	}
	return dir, unpacked.Runs(w.name, p.Host, tree, drivers)
}

// work is one archive being unpacked.
type work struct {
	*Provider
	archive config.Archive
	report  toolchain.Report
	name    string
}

// name returns what an archive is called.
func name(a config.Archive) string {
	if a.File != "" {
		return filepath.Base(a.File)
	}
	return path.Base(a.URLs[0])
}

// tree returns the path of the unpacked archive. The hash of its content and
// what was left out of names are all that it depends on.
func (w *work) tree(ctx context.Context) (string, error) {
	sum := w.archive.SHA256
	key := func() string { return unpacked.Key(layout, sum, strconv.Itoa(w.archive.Strip)) }
	if w.archive.File != "" {
		got, err := source.Hash(ctx, w.archive.File)
		switch {
		case errors.Is(err, fs.ErrNotExist) && sum != "" && w.Keeper.Store.Has(key()):
			got = sum // it was unpacked before, and is not needed again
		case err != nil:
			return "", err
		case sum != "" && got != sum:
			return "", anotherHash(w.archive.File, got, sum)
		}
		sum = got
	}
	origin := unpacked.Origin{From: w.name, Pins: map[string]string{"sha256": sum}}
	waiting := func() { w.report("wait", 0, 0, "another mkmini unpacks "+w.name) }
	return w.Keeper.Tree(ctx, key(), origin, waiting, func(ctx context.Context, dst, _ string) (unpacked.Filled, error) {
		file, err := w.file(ctx, sum)
		if err != nil {
			return unpacked.Filled{}, err
		}
		left, err := source.UnpackTree(ctx, file, dst, source.Tree{
			Limits: w.Limits, Strip: w.archive.Strip,
			Progress: func(done, total int64) { w.report("unpack", int(done), int(total), w.name) },
		})
		return unpacked.Filled{Left: left}, err
	})
}

func anotherHash(file, got, want string) error {
	return &fault.Error{
		Summary: "File has another hash", Usage: true,
		Detail: fmt.Sprintf("The file %s has the sha256 %s, but %s is wanted.", file, got, want),
		Remedy: "Get the archive anew, or correct sha256 if you trust this one.",
	}
}

// file returns the path of the archive.
func (w *work) file(ctx context.Context, sum string) (string, error) {
	if w.archive.File != "" {
		return w.archive.File, nil
	}
	// One archive may be unpacked in several ways at once.
	unlock, err := w.Keeper.Store.Lock(ctx, "fetch-"+sum, nil)
	if err != nil {
		return "", err
	}
	defer unlock()
	req := source.Request{Name: w.name, SHA256: sum, URLs: w.archive.URLs}
	return w.Fetcher.Fetch(ctx, req, w.Blobs, func(p source.Progress) {
		w.report("fetch", int(p.Done), int(p.Total), p.From)
	})
}
