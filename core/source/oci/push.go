package oci

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/mkmini/mkmini/core/source"
)

// Part is what an artifact holds for one platform.
type Part struct {
	Platform v1.Platform
	// Files are absolute paths by title, in this order.
	Files []string
	// Titles are the files' names in the artifact.
	Titles []string
}

// fileType is the media type of the layers, and emptyType that of the
// configuration that an artifact doesn't have.
// Source: OCI image specification, "Guidelines for Artifact Usage".
const (
	fileType  types.MediaType = "application/octet-stream"
	emptyType types.MediaType = "application/vnd.oci.empty.v1+json"
)

// Push writes an artifact to a registry: an index with a manifest for each
// platform, whose layers are files. It returns the index's digest. Errors are
// one clause, apart from the end of ctx.
func (r *Reader) Push(ctx context.Context, reference, artifactType string, parts []Part) (string, error) {
	ref, err := name.ParseReference(reference)
	if err != nil {
		return "", fmt.Errorf("%q is no name of a repository", reference)
	}
	if r.Fetcher.Offline {
		return "", source.ErrOffline
	}
	base, keychain := r.Transport, r.Keychain
	if base == nil {
		base = r.dial()
	}
	if keychain == nil {
		keychain = authn.DefaultKeychain
	}
	p := pusher{ref: ref, options: []remote.Option{
		remote.WithContext(ctx), remote.WithTransport(Guard(base, "")), remote.WithAuthFromKeychain(keychain),
	}}
	digest, err := p.index(artifactType, parts)
	if err != nil {
		return "", told(ctx, ref, err)
	}
	return digest, nil
}

type pusher struct {
	ref     name.Reference
	options []remote.Option
}

func (p pusher) index(artifactType string, parts []Part) (string, error) {
	idx := index{SchemaVersion: 2, MediaType: string(types.OCIImageIndex), ArtifactType: artifactType}
	for _, part := range parts {
		d, err := p.manifest(artifactType, part)
		if err != nil {
			return "", err
		}
		idx.Manifests = append(idx.Manifests, d)
	}
	raw, err := encode(idx, types.OCIImageIndex)
	if err != nil {
		return "", err
	}
	return digest(raw.data).String(), remote.Put(p.ref, raw, p.options...)
}

func (p pusher) manifest(artifactType string, part Part) (v1.Descriptor, error) {
	config, err := p.blob([]byte("{}"), emptyType)
	if err != nil {
		return v1.Descriptor{}, err
	}
	m := manifest{SchemaVersion: 2, MediaType: string(types.OCIManifestSchema1), ArtifactType: artifactType, Config: config}
	for i, path := range part.Files {
		data, err := os.ReadFile(path)
		if err != nil {
			return v1.Descriptor{}, err
		}
		layer, err := p.blob(data, fileType)
		if err != nil {
			return v1.Descriptor{}, err
		}
		layer.Annotations = map[string]string{titleKey: part.Titles[i]}
		m.Layers = append(m.Layers, layer)
	}
	raw, err := encode(m, types.OCIManifestSchema1)
	if err != nil {
		return v1.Descriptor{}, err
	}
	h := digest(raw.data)
	platform := part.Platform
	return v1.Descriptor{
		MediaType: raw.kind, Digest: h, Size: int64(len(raw.data)), ArtifactType: artifactType, Platform: &platform,
	}, remote.Put(p.ref.Context().Digest(h.String()), raw, p.options...)
}

func (p pusher) blob(data []byte, kind types.MediaType) (v1.Descriptor, error) {
	d := v1.Descriptor{MediaType: kind, Digest: digest(data), Size: int64(len(data))}
	return d, remote.WriteLayer(p.ref.Context(), static.NewLayer(data, kind), p.options...)
}

// rawManifest is a manifest as it is sent.
type rawManifest struct {
	data []byte
	kind types.MediaType
}

func encode(v any, kind types.MediaType) (rawManifest, error) {
	data, err := json.Marshal(v)
	return rawManifest{data, kind}, err
}

// RawManifest implements remote.Taggable.
func (m rawManifest) RawManifest() ([]byte, error) { return m.data, nil }

// MediaType tells the registry what it is.
func (m rawManifest) MediaType() (types.MediaType, error) { return m.kind, nil }
