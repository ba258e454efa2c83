package image

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/mkmini/mkmini/plugins/artifact"
	"github.com/mkmini/mkmini/plugins/cancel"
	"github.com/mkmini/mkmini/plugins/compression"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// blobs is the folder of all content in a layout.
const blobs = "blobs/sha256"

// Layout is an OCI image layout in the making.
type Layout struct {
	dir   string
	epoch time.Time
	jobs  int
	// entries become index.json, and attached come after them.
	entries, attached []v1.Descriptor
}

// NewLayout begins a layout in a folder that is there and empty. Layers are
// compressed with up to jobs threads.
func NewLayout(dir string, epoch time.Time, jobs int) (*Layout, error) {
	return &Layout{dir: dir, epoch: time.Unix(epoch.Unix(), 0).UTC(), jobs: jobs}, os.MkdirAll(filepath.Join(dir, blobs), 0o755)
}

// AddImage writes an image, and returns its manifest with its platform. It gets
// no name yet.
func (l *Layout) AddImage(ctx context.Context, img sdk.Image, a Attributes) (v1.Descriptor, error) {
	container, err := a.container()
	if err != nil {
		return v1.Descriptor{}, err
	}
	var layers []v1.Descriptor
	var diffIDs []v1.Hash
	for _, part := range Layers(img) {
		layer, err := l.addLayer(ctx, part, a.Compression)
		if err != nil {
			return v1.Descriptor{}, err
		}
		diffID, err := v1.NewHash(part.Digest)
		if err != nil {
			return v1.Descriptor{}, err
		}
		layers, diffIDs = append(layers, layer), append(diffIDs, diffID)
	}
	created := v1.Time{Time: l.epoch}
	config, err := l.addJSON(types.OCIConfigJSON, v1.ConfigFile{
		OS: img.Platform.OS, Architecture: img.Platform.Architecture, Variant: img.Platform.Variant,
		Author: a.Author, Created: created,
		History: a.history(created, img),
		RootFS:  v1.RootFS{Type: "layers", DiffIDs: diffIDs},
		Config:  container,
	})
	if err != nil {
		return v1.Descriptor{}, err
	}
	manifest, err := l.addJSON(types.OCIManifestSchema1, v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Config: config, Layers: layers, Annotations: a.Annotations,
	})
	manifest.Platform = &v1.Platform{OS: img.Platform.OS, Architecture: img.Platform.Architecture, Variant: img.Platform.Variant}
	return manifest, err
}

// AddIndex writes an index over the images of several platforms.
func (l *Layout) AddIndex(images []v1.Descriptor, a Attributes) (v1.Descriptor, error) {
	return l.addJSON(types.OCIImageIndex, v1.IndexManifest{
		SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: images, Annotations: a.Annotations,
	})
}

// Name gives a manifest or an index a name.
func (l *Layout) Name(d v1.Descriptor, r Reference) {
	d.Annotations = maps.Clone(d.Annotations)
	if d.Annotations == nil {
		d.Annotations = make(map[string]string)
	}
	maps.Copy(d.Annotations, r.annotations())
	l.entries = append(l.entries, d)
}

// Named is the manifest of one architecture's image.
type Named struct {
	Arch       string
	Descriptor v1.Descriptor
}

// NameAll gives images their names. One image is named directly. Of several,
// a name stands for an index over them, from which tools pick their platform;
// for tools that can't, and for platforms that no tool knows, each image also
// has the name with its architecture at the end: "latest-sw64".
func (l *Layout) NameAll(images []Named, references []Reference, a Attributes) error {
	top := images[0].Descriptor
	if len(images) > 1 {
		list := make([]v1.Descriptor, len(images))
		for i, img := range images {
			list[i] = img.Descriptor
		}
		var err error
		if top, err = l.AddIndex(list, a); err != nil {
			return err
		}
	}
	for _, r := range references {
		l.Name(top, r)
	}
	if len(images) == 1 {
		return nil
	}
	for _, r := range references {
		for _, img := range images {
			l.Name(img.Descriptor, r.For(img.Arch))
		}
	}
	return nil
}

// Finish writes what names the images, and gives everything the epoch as its
// time.
func (l *Layout) Finish() error {
	index, err := json.Marshal(v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: slices.Concat(l.entries, l.attached)})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(l.dir, "index.json"), index, 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(l.dir, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644); err != nil {
		return err
	}
	return artifact.Settle(l.dir, l.epoch)
}

// Layers returns the layers of an image: those of a file system that is split,
// or the whole, without a name.
func Layers(img sdk.Image) []sdk.Layer {
	if len(img.Layers) > 0 {
		return img.Layers
	}
	return []sdk.Layer{{Path: img.Layer, Digest: img.Digest, Size: img.Size}}
}

// layerForms are how layers are compressed, by the attribute compression.
// Source: image-spec layer.md.
var layerForms = map[string]struct {
	kind   types.MediaType
	format compression.Format
}{
	"":     {types.OCILayer, compression.Gzip},
	"gzip": {types.OCILayer, compression.Gzip},
	"zstd": {types.OCILayerZStd, compression.Zstd},
	"none": {types.OCIUncompressedLayer, compression.None},
}

// addLayer compresses a layer into a blob.
func (l *Layout) addLayer(ctx context.Context, part sdk.Layer, how string) (v1.Descriptor, error) {
	form, ok := layerForms[how]
	if !ok {
		return v1.Descriptor{}, bad(fmt.Sprintf("There is no compression %q.", how),
			"Write one of: "+strings.Join(Compressions(), ", ")+".", "attributes", "compression")
	}
	if err := checkNames(ctx, part.Path); err != nil {
		return v1.Descriptor{}, err
	}
	file, err := os.Open(part.Path)
	if err != nil {
		return v1.Descriptor{}, err
	}
	defer file.Close()
	plain := sha256.New()
	d, err := l.addBlob(form.kind, func(w io.Writer) error {
		z, err := compression.NewWriter(w, form.format, l.jobs)
		if err != nil {
			return err
		}
		_, err = io.Copy(z, io.TeeReader(cancel.Reader(ctx, file), plain))
		return errors.Join(err, z.Close())
	})
	if err != nil {
		return d, err
	}
	if got := fmt.Sprintf("sha256:%x", plain.Sum(nil)); got != part.Digest {
		return d, fmt.Errorf("%s has the digest %s, not %s", part.Path, got, part.Digest)
	}
	return d, nil
}

// addJSON writes a value as a blob.
func (l *Layout) addJSON(kind types.MediaType, value any) (v1.Descriptor, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return v1.Descriptor{}, err
	}
	return l.addBlob(kind, func(w io.Writer) error {
		_, err := io.Copy(w, bytes.NewReader(text))
		return err
	})
}

// addBlob writes a blob under its digest.
func (l *Layout) addBlob(kind types.MediaType, fill func(w io.Writer) error) (v1.Descriptor, error) {
	file, err := os.CreateTemp(filepath.Join(l.dir, blobs), ".blob.*")
	if err != nil {
		return v1.Descriptor{}, err
	}
	defer os.Remove(file.Name())
	hash := sha256.New()
	err = fill(io.MultiWriter(file, hash))
	info, statErr := file.Stat()
	if err := errors.Join(err, statErr, file.Close()); err != nil {
		return v1.Descriptor{}, err
	}
	digest := v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(hash.Sum(nil))}
	if err := os.Rename(file.Name(), filepath.Join(l.dir, blobs, digest.Hex)); err != nil {
		return v1.Descriptor{}, err
	}
	return v1.Descriptor{MediaType: kind, Size: info.Size(), Digest: digest}, nil
}
