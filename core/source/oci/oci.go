// Package oci reads container images: from registries, from OCI layouts and
// from what docker save writes. It checks every byte against its digest, and
// unpacks an image's file system without a container engine.
package oci

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/mkmini/mkmini/core/source"
)

// Reader reads images.
type Reader struct {
	// Fetcher fetches the parts of images in registries; it says how patient
	// to be, and whether the network may be used.
	Fetcher source.Fetcher
	// Platform is that of the images.
	Platform v1.Platform
	// Keychain has the credentials for registries; nil for those of `docker
	// login`.
	Keychain authn.Keychain
	// Transport is nil for one that goes through the Fetcher's proxy.
	Transport http.RoundTripper
}

// Image is an image for one platform. Its manifest was checked.
type Image struct {
	// Digest is the "sha256:…" of the manifest, or of the configuration if
	// there is no manifest, as in what docker save writes.
	Digest string
	// layers are the blobs of the layers, the lowest first.
	layers []v1.Hash
	config v1.Hash
	parts  parts
	want   v1.Platform
}

// parts are where the parts of an image are.
type parts interface {
	// blob returns the path of a file that holds the blob.
	blob(ctx context.Context, h v1.Hash, progress Progress) (string, error)
}

// Progress is told of work on an image: "fetch" or "unpack", done of total
// bytes, and of what; it may be nil.
type Progress func(phase string, done, total int64, what string)

// maxJSON is the most bytes of an index, a manifest or a configuration.
const maxJSON = 8 << 20

// manifest reads an image's manifest.
func (i *Image) manifest(data []byte) error {
	m, err := v1.ParseManifest(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("its manifest can't be read: %w", err)
	}
	if m.SchemaVersion != 2 || m.Config.Digest.Algorithm != "sha256" {
		return errors.New("its manifest is of a kind that isn't known")
	}
	i.config = m.Config.Digest
	for _, l := range m.Layers {
		if l.Digest.Algorithm != "sha256" {
			return fmt.Errorf("a layer has the digest %s, which is no sha256", l.Digest)
		}
		i.layers = append(i.layers, l.Digest)
	}
	if len(i.layers) == 0 {
		return errors.New("it has no layers")
	}
	return nil
}

// Unpack puts the file system of the image into the folder dst, which doesn't
// exist, and returns what was left out and the folders of the image's own
// PATH, relative to dst.
func (i *Image) Unpack(ctx context.Context, dst string, limits source.Limits, progress Progress) (source.LeftOut, []string, error) {
	if progress == nil {
		progress = func(string, int64, int64, string) {}
	}
	config, err := i.configuration(ctx, progress)
	if err != nil {
		return source.LeftOut{}, nil, err
	}
	var layers []source.Layer
	for n, h := range i.layers {
		path, err := i.parts.blob(ctx, h, func(phase string, done, total int64, _ string) {
			progress(phase, done, total, fmt.Sprintf("layer %d of %d", n+1, len(i.layers)))
		})
		if err != nil {
			return source.LeftOut{}, nil, err
		}
		layers = append(layers, source.Layer{Path: path, DiffID: config.RootFS.DiffIDs[n].String()})
	}
	left, err := source.UnpackLayers(ctx, layers, dst, source.Tree{
		Limits: limits, Progress: func(done, total int64) { progress("unpack", done, total, "the image's layers") },
	})
	return left, folders(config), err
}

// configuration reads the image's configuration, which says what it is for
// and what its layers hold.
func (i *Image) configuration(ctx context.Context, progress Progress) (*v1.ConfigFile, error) {
	path, err := i.parts.blob(ctx, i.config, progress)
	if err != nil {
		return nil, err
	}
	data, err := readJSON(path)
	if err != nil {
		return nil, err
	}
	if h := digest(data); h != i.config {
		return nil, fmt.Errorf("its configuration has the digest %s and not %s", h, i.config)
	}
	var config v1.ConfigFile
	if err := json.Unmarshal(data, &config); err != nil {
		return nil, fmt.Errorf("its configuration can't be read: %w", err)
	}
	if got := (v1.Platform{OS: config.OS, Architecture: config.Architecture, Variant: config.Variant}); !suits(got, i.want) {
		return nil, fmt.Errorf("it is for %s, and this machine is %s", got, i.want)
	}
	if len(config.RootFS.DiffIDs) != len(i.layers) {
		return nil, fmt.Errorf("it has %d layers, and its configuration names %d", len(i.layers), len(config.RootFS.DiffIDs))
	}
	return &config, nil
}

// suits says whether an image is for a platform. Few name a variant.
func suits(image, want v1.Platform) bool {
	return image.OS == want.OS && image.Architecture == want.Architecture &&
		(image.Variant == "" || want.Variant == "" || image.Variant == want.Variant)
}

// folders returns the folders of the image's PATH.
func folders(config *v1.ConfigFile) []string {
	var all []string
	for _, variable := range config.Config.Env {
		value, ok := strings.CutPrefix(variable, "PATH=")
		if !ok {
			continue
		}
		for folder := range strings.SplitSeq(value, ":") {
			folder = strings.Trim(folder, "/")
			if folder != "" && !strings.Contains("/"+folder+"/", "/../") {
				all = append(all, folder)
			}
		}
	}
	return all
}
