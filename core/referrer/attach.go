// Package referrer puts documents into OCI image layouts that are about the
// images in them: artifact manifests whose subject is an image's manifest, as
// registries list them.
package referrer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/mkmini/mkmini/core/registry"
)

// Document is a document about images.
type Document struct {
	// Title is the name of its file, for people.
	Title string
	// ArtifactType is the media type by which tools look for it, and MediaType
	// that of Content.
	ArtifactType, MediaType string
	Content                 []byte
	// Annotations are those of the artifact manifest. Together with
	// ArtifactType they tell which document takes the place of which.
	Annotations map[string]string
	// Time goes into the artifact manifest.
	Time time.Time
}

// Annotations of artifact manifests.
// Source: image-spec annotations.md.
const (
	createdAnnotation = "org.opencontainers.image.created"
	titleAnnotation   = "org.opencontainers.image.title"
)

// emptyJSON is the type of a configuration that says nothing.
// Source: image-spec manifest.md, "Guidance for an Empty Descriptor".
const emptyJSON types.MediaType = "application/vnd.oci.empty.v1+json"

// Names in layouts.
const (
	indexName = "index.json"
	blobsName = "blobs/sha256"
)

// Attach writes a document about each image of a layout into it, and about each
// index over images, in place of an earlier one of the same kind. The layout is
// a folder or a tar archive, and keeps its digests and its times; the same
// document gives the same bytes. Errors are one clause.
func Attach(ctx context.Context, layout string, doc Document) error {
	c, err := plan(ctx, layout, doc)
	if err != nil {
		return err
	}
	info, err := os.Stat(layout)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return c.folder(layout)
	}
	return c.archive(ctx, layout)
}

// change is what is to be done to a layout.
type change struct {
	// add are new files by name; index.json is among them.
	add map[string][]byte
	// remove are names of blobs that nothing needs any more.
	remove map[string]bool
}

// plan finds out what to change.
func plan(ctx context.Context, layout string, doc Document) (_ *change, err error) {
	l, err := registry.Open(ctx, layout)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	images, err := l.Images()
	if err != nil {
		return nil, err
	}
	if len(images) == 0 {
		return nil, fmt.Errorf("%s holds no image", layout)
	}
	attached, err := l.Attached()
	if err != nil {
		return nil, err
	}
	index, err := l.Index()
	if err != nil {
		return nil, err
	}
	c := &change{add: map[string][]byte{}, remove: map[string]bool{}}
	needed := map[v1.Hash]bool{}
	for _, a := range attached {
		if !doc.replaces(a, images) {
			needed[a.Digest] = true
			for _, part := range a.Layers {
				needed[part.Digest] = true
			}
			continue
		}
		gone := func(d v1.Descriptor) bool { return d.Digest == a.Digest }
		index.Manifests = slices.DeleteFunc(index.Manifests, gone)
		for _, part := range append(a.Layers, a.Descriptor) {
			c.remove[blob(part.Digest)] = true
		}
	}
	for h := range needed {
		delete(c.remove, blob(h))
	}
	for _, d := range images {
		entry, err := c.attach(d, doc)
		if err != nil {
			return nil, err
		}
		index.Manifests = append(index.Manifests, entry)
	}
	text, err := json.Marshal(index)
	c.add[indexName] = text
	for name := range c.add {
		delete(c.remove, name)
	}
	return c, err
}

// replaces says whether a document takes the place of what is attached.
func (doc Document) replaces(a registry.Attached, images []v1.Descriptor) bool {
	if a.ArtifactType != doc.ArtifactType || !slices.ContainsFunc(images, func(d v1.Descriptor) bool { return d.Digest == a.Subject }) {
		return false
	}
	for key, value := range doc.Annotations {
		if a.Annotations[key] != value {
			return false
		}
	}
	return true
}

func blob(h v1.Hash) string { return path.Join(blobsName, h.Hex) }

// blob adds a blob, and returns what names it.
func (c *change) blob(kind types.MediaType, content []byte) v1.Descriptor {
	sum := sha256.Sum256(content)
	h := v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum[:])}
	c.add[blob(h)] = content
	return v1.Descriptor{MediaType: kind, Size: int64(len(content)), Digest: h}
}

// attach adds a document about an image, and returns its entry in index.json.
func (c *change) attach(d v1.Descriptor, doc Document) (v1.Descriptor, error) {
	empty := c.blob(emptyJSON, []byte("{}"))
	empty.Data = []byte("{}")
	content := c.blob(types.MediaType(doc.MediaType), doc.Content)
	content.Annotations = map[string]string{titleAnnotation: doc.Title}
	annotations := map[string]string{createdAnnotation: doc.Time.UTC().Format(time.RFC3339)}
	maps.Copy(annotations, doc.Annotations)
	text, err := json.Marshal(v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1, ArtifactType: doc.ArtifactType,
		Config: empty, Layers: []v1.Descriptor{content}, Annotations: annotations,
		Subject: &v1.Descriptor{MediaType: d.MediaType, Digest: d.Digest, Size: d.Size},
	})
	entry := c.blob(types.OCIManifestSchema1, text)
	entry.ArtifactType, entry.Annotations = doc.ArtifactType, annotations
	return entry, err
}
