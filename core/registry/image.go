package registry

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// parcel is how the parts of a layout are sent to one repository.
type parcel struct {
	layout *Layout
	// sent counts bytes; it may be called by several goroutines.
	sent func(n int64)
}

// image returns an image of the layout.
func (p parcel) image(d v1.Descriptor) (v1.Image, error) {
	raw, err := p.layout.raw(d.Digest)
	if err != nil {
		return nil, err
	}
	manifest, err := v1.ParseManifest(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("the manifest %s can't be read: %w", d.Digest, err)
	}
	return partial.CompressedToImage(&image{parcel: p, descriptor: d, raw: raw, manifest: manifest})
}

// image implements partial.CompressedImageCore.
type image struct {
	parcel
	descriptor v1.Descriptor
	raw        []byte
	manifest   *v1.Manifest
}

func (i *image) RawManifest() ([]byte, error)        { return i.raw, nil }
func (i *image) RawConfigFile() ([]byte, error)      { return i.layout.raw(i.manifest.Config.Digest) }
func (i *image) MediaType() (types.MediaType, error) { return i.descriptor.MediaType, nil }
func (i *image) Descriptor() (*v1.Descriptor, error) { return &i.descriptor, nil }
func (i *image) Manifest() (*v1.Manifest, error)     { return i.manifest, nil }
func (i *image) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) {
	for _, d := range append(i.manifest.Layers, i.manifest.Config) {
		if d.Digest == h {
			return &blob{parcel: i.parcel, descriptor: d}, nil
		}
	}
	return nil, fmt.Errorf("there is no layer %s", h)
}

// blob implements partial.CompressedLayer.
type blob struct {
	parcel
	descriptor v1.Descriptor
	// tried counts the bytes of the last try.
	tried atomic.Int64
}

func (b *blob) Digest() (v1.Hash, error)            { return b.descriptor.Digest, nil }
func (b *blob) Size() (int64, error)                { return b.descriptor.Size, nil }
func (b *blob) MediaType() (types.MediaType, error) { return b.descriptor.MediaType, nil }
func (b *blob) Descriptor() (*v1.Descriptor, error) { return &b.descriptor, nil }

// Compressed opens the blob for one try to send it. What is read is compared
// with the digest, so that the registry gets no blob that is damaged.
func (b *blob) Compressed() (io.ReadCloser, error) {
	r, size, err := b.layout.files.open(blobName(b.descriptor.Digest))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	if size != b.descriptor.Size {
		_ = r.Close()
		return nil, fmt.Errorf("%w: the blob %s has %d bytes, not %d", errDamaged, b.descriptor.Digest, size, b.descriptor.Size)
	}
	b.sent(-b.tried.Swap(0))
	return &compared{ReadCloser: r, hash: sha256.New(), blob: b}, nil
}

// compared reads a blob, and ends with an error in place of its last bytes if
// its digest is wrong.
type compared struct {
	io.ReadCloser
	hash hash.Hash
	done int64
	blob *blob
}

func (c *compared) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.hash.Write(p[:n])
	c.done += int64(n)
	want := c.blob.descriptor
	if c.done >= want.Size && (n > 0 || err == io.EOF) {
		if got := hex.EncodeToString(c.hash.Sum(nil)); got != want.Digest.Hex {
			return 0, fmt.Errorf("%w: the blob %s has the digest sha256:%s", errDamaged, want.Digest, got)
		}
	}
	c.blob.tried.Add(int64(n))
	c.blob.sent(int64(n))
	return n, err
}

// contents returns the blobs of a set, of sizes in bytes, in an order that stays
// the same.
func (p parcel) contents(blobs map[v1.Hash]int64) []content {
	var list []content
	for _, h := range slices.SortedFunc(maps.Keys(blobs), func(a, b v1.Hash) int { return cmp.Compare(a.Hex, b.Hex) }) {
		list = append(list, &blob{parcel: p, descriptor: v1.Descriptor{Digest: h, Size: blobs[h]}})
	}
	return list
}

// savedContents returns the blobs of an image.
func savedContents(img v1.Image) ([]content, error) {
	layers, err := img.Layers()
	if err != nil {
		return nil, err
	}
	config, err := partial.ConfigLayer(img)
	if err != nil {
		return nil, err
	}
	var list []content
	for _, l := range append(layers, config) {
		list = append(list, l)
	}
	return list, nil
}

// index returns an index of the layout.
func (p parcel) index(d v1.Descriptor) (v1.ImageIndex, error) {
	raw, err := p.layout.raw(d.Digest)
	if err != nil {
		return nil, err
	}
	manifest, err := v1.ParseIndexManifest(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("the index %s can't be read: %w", d.Digest, err)
	}
	return &index{parcel: p, descriptor: d, raw: raw, manifest: manifest}, nil
}

// index implements v1.ImageIndex.
type index struct {
	parcel
	descriptor v1.Descriptor
	raw        []byte
	manifest   *v1.IndexManifest
}

func (i *index) MediaType() (types.MediaType, error)         { return i.descriptor.MediaType, nil }
func (i *index) Digest() (v1.Hash, error)                    { return i.descriptor.Digest, nil }
func (i *index) Size() (int64, error)                        { return int64(len(i.raw)), nil }
func (i *index) IndexManifest() (*v1.IndexManifest, error)   { return i.manifest, nil }
func (i *index) RawManifest() ([]byte, error)                { return i.raw, nil }
func (i *index) Image(h v1.Hash) (v1.Image, error)           { return i.image(i.child(h)) }
func (i *index) ImageIndex(h v1.Hash) (v1.ImageIndex, error) { return i.index(i.child(h)) }

// Layer serves what an index holds that is no manifest.
func (i *index) Layer(h v1.Hash) (v1.Layer, error) {
	return partial.CompressedToLayer(&blob{parcel: i.parcel, descriptor: i.child(h)})
}

func (i *index) child(h v1.Hash) v1.Descriptor {
	for _, d := range i.manifest.Manifests {
		if d.Digest == h {
			return d
		}
	}
	return v1.Descriptor{Digest: h}
}

// counter adds up what goroutines send.
type counter struct {
	mu   sync.Mutex
	n    int64
	told func(n int64)
}

func (c *counter) add(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n += n
	c.told(c.n)
}
