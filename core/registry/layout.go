package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Layout is an artifact with images: an OCI image layout, as a folder or a tar
// archive, or an archive that docker save wrote.
type Layout struct {
	files files
	// entries are those of index.json.
	entries []v1.Descriptor
	// saved are the images of an archive that has no index.json.
	saved []saved
	path  string
}

// saved is an image of what docker save wrote before it wrote layouts.
// Source: moby/docker-image-spec, "Combined Image JSON + Filesystem Changeset
// Format".
type saved struct {
	tags []string
	img  v1.Image
}

// maxJSON is the most bytes of an index, a manifest or a configuration.
const maxJSON = 8 << 20

// Open opens an artifact. It must be closed. Errors are one clause.
func Open(ctx context.Context, path string) (*Layout, error) {
	files, err := openFiles(ctx, path)
	if err != nil {
		return nil, err
	}
	l := &Layout{files: files, path: path}
	if err := l.read(); err != nil {
		return nil, errors.Join(err, files.Close())
	}
	return l, nil
}

// Close closes the artifact.
func (l *Layout) Close() error { return l.files.Close() }

func (l *Layout) read() error {
	data, err := l.small("index.json")
	if errors.Is(err, os.ErrNotExist) {
		return l.readSaved()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", l.path, err)
	}
	index, err := v1.ParseIndexManifest(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("%s: its index.json can't be read: %w", l.path, err)
	}
	l.entries = index.Manifests
	return nil
}

// readSaved reads the list of images in what an old docker saved.
func (l *Layout) readSaved() error {
	data, err := l.small("manifest.json")
	_, isFolder := l.files.(folder)
	if errors.Is(err, os.ErrNotExist) || err == nil && isFolder {
		return fmt.Errorf("%s is neither an OCI image layout nor what docker save writes: it has no index.json", l.path)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", l.path, err)
	}
	var images tarball.Manifest
	if err := json.Unmarshal(data, &images); err != nil {
		return fmt.Errorf("%s: its manifest.json can't be read: %w", l.path, err)
	}
	for _, i := range images {
		var tag *name.Tag
		if len(images) > 1 {
			if len(i.RepoTags) == 0 {
				continue
			}
			t, err := name.NewTag(i.RepoTags[0])
			if err != nil {
				return fmt.Errorf("%s: %w", l.path, err)
			}
			tag = &t
		}
		img, err := tarball.ImageFromPath(l.path, tag)
		if err != nil {
			return fmt.Errorf("%s: %w", l.path, err)
		}
		l.saved = append(l.saved, saved{i.RepoTags, img})
	}
	return nil
}

// small reads a small file.
func (l *Layout) small(name string) ([]byte, error) {
	r, size, err := l.files.open(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if size > maxJSON {
		return nil, fmt.Errorf("%s has more than %d bytes", name, maxJSON)
	}
	return io.ReadAll(io.LimitReader(r, maxJSON))
}

func blobName(h v1.Hash) string { return path.Join("blobs", h.Algorithm, h.Hex) }

// errDamaged is the reason of a push that can't go well on a further try.
var errDamaged = errors.New("the artifact is damaged")

// raw returns a manifest or a configuration, which is what its digest says.
func (l *Layout) raw(h v1.Hash) ([]byte, error) {
	if h.Algorithm != "sha256" {
		return nil, fmt.Errorf("the digest %s is no sha256", h)
	}
	data, err := l.small(blobName(h))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	if got, _, err := v1.SHA256(bytes.NewReader(data)); err != nil || got != h {
		return nil, fmt.Errorf("%w: the blob %s has the digest %s", errDamaged, h, got)
	}
	return data, nil
}
