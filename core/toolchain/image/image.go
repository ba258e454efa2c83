// Package image brings compilers that are in container images. An image is
// unpacked into the store, and its programs run from there with its own C
// library, without a container engine.
package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/source"
	"github.com/mkmini/mkmini/core/source/oci"
	"github.com/mkmini/mkmini/core/toolchain"
	"github.com/mkmini/mkmini/core/toolchain/hostcheck"
	"github.com/mkmini/mkmini/core/toolchain/unpacked"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// layout is part of every key: it changes with how images are unpacked.
const layout = "image 1"

// Provider brings the compilers of `from "oci"` blocks.
type Provider struct {
	// Keeper keeps what was unpacked.
	Keeper *unpacked.Keeper
	Reader *oci.Reader
	// Blobs is the absolute path of the folder of fetched files by sha256.
	Blobs string
	// Names is the absolute path of the folder that remembers which image a
	// name stands for.
	Names string
	// Limits bounds what an image may unpack to; zero fields have the
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

// Default says that no image is known but by a configuration.
func (p *Provider) Default(sdk.ToolchainInfo) (config.From, bool) { return config.From{}, false }

// Files returns the file that says what an image on this machine holds.
func (p *Provider) Files(from config.From) []string {
	if from.OCI == nil || !from.OCI.Path {
		return nil
	}
	return []string{from.OCI.Image, filepath.Join(from.OCI.Image, "index.json")}
}

// Pins returns the image's digest.
func (p *Provider) Pins(_ config.From, dir string) map[string]string { return p.Keeper.Pins(dir) }

// Provide returns the folder of the compiler in the unpacked image.
func (p *Provider) Provide(ctx context.Context, info sdk.ToolchainInfo, from config.From, report toolchain.Report) (string, error) {
	dir, err := p.provide(ctx, info, from, report)
	return toolchain.Provided(ctx, dir, err)
}

func (p *Provider) provide(ctx context.Context, info sdk.ToolchainInfo, from config.From, report toolchain.Report) (string, error) {
	if from.OCI == nil || from.OCI.Image == "" {
		return "", errors.New("image is not set")
	}
	w := &work{Provider: p, image: from.OCI.Image, report: report.OrNone()}
	var key string
	var err error
	if from.OCI.Path {
		key, err = w.local(ctx)
	} else {
		key, err = w.remote(ctx)
	}
	if err != nil {
		return "", err
	}
	tree := p.Keeper.Path(key)
	folders := []string{from.OCI.Bin}
	if from.OCI.Bin == "" {
		folders = slices.Concat(p.Keeper.Folders(key), []string{"usr/bin", "usr/local/bin", "."})
	}
	dir, drivers, err := unpacked.Find(from.OCI.Image, info, tree, from.Prefix, folders)
	if err != nil {
		return "", err
	}
	return dir, unpacked.Runs(from.OCI.Image, p.Host, tree, drivers)
}

// work is one image being brought.
type work struct {
	*Provider
	image  string
	report toolchain.Report
}

// open finds an image. dir is a folder for what is needed on the way, which
// doesn't exist.
type open func(ctx context.Context, dir string) (*oci.Image, error)

// tree has the tree of a key made, if it isn't there.
func (w *work) tree(ctx context.Context, key string, pins map[string]string, open open) error {
	origin := unpacked.Origin{From: w.image, Pins: pins}
	waiting := func() { w.report("wait", 0, 0, "another mkmini unpacks "+w.image) }
	_, err := w.Keeper.Tree(ctx, key, origin, waiting, func(ctx context.Context, dst, dir string) (unpacked.Filled, error) {
		image, err := open(ctx, dir)
		if err != nil {
			return unpacked.Filled{}, err
		}
		left, folders, err := image.Unpack(ctx, dst, w.Limits, func(phase string, done, total int64, what string) {
			w.report(phase, int(done), int(total), w.image+", "+what)
		})
		if err != nil {
			return unpacked.Filled{}, err
		}
		w.report("prepare", 0, 0, w.image)
		_, err = wrap(ctx, dst, w.Host)
		return unpacked.Filled{Left: left, Folders: folders}, err
	})
	return err
}

// local brings an image on this machine. One in an archive is known by the
// hash of the archive, one in a folder by its digest.
func (w *work) local(ctx context.Context) (string, error) {
	platform := w.Reader.Platform.String()
	info, err := os.Stat(w.image)
	if errors.Is(err, os.ErrNotExist) {
		return "", &fault.Error{
			Summary: "Image not found", Usage: true, Detail: fmt.Sprintf("There is no %s.", w.image), Err: err,
			Remedy: "Correct the path, which begins at the configuration's folder, or leave out the leading ./ for an image in a registry.",
		}
	}
	if err != nil {
		return "", err
	}
	if !info.IsDir() {
		sum, err := source.Hash(ctx, w.image)
		if err != nil {
			return "", err
		}
		key := unpacked.Key(layout, "archive", sum, platform)
		return key, w.tree(ctx, key, map[string]string{"sha256": sum}, func(ctx context.Context, dir string) (*oci.Image, error) {
			return w.Reader.Path(ctx, w.image, dir)
		})
	}
	image, err := w.Reader.Path(ctx, w.image, "")
	if err != nil {
		return "", err
	}
	key := unpacked.Key(layout, image.Digest, platform)
	return key, w.tree(ctx, key, map[string]string{"digest": image.Digest}, func(context.Context, string) (*oci.Image, error) {
		return image, nil
	})
}
