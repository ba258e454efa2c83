package registry

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
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/mkmini/mkmini/plugins/cancel"
)

// Images returns the images of a layout and the indexes over them, each once,
// in the order of its index.json; what is about an image is not among them,
// nor is what an old docker saved.
func (l *Layout) Images() ([]v1.Descriptor, error) {
	var list []v1.Descriptor
	for _, d := range l.entries {
		subject, err := l.subject(d)
		if err != nil {
			return nil, err
		}
		same := func(o v1.Descriptor) bool { return o.Digest == d.Digest }
		if subject == nil && (d.MediaType.IsImage() || d.MediaType.IsIndex()) && !slices.ContainsFunc(list, same) {
			list = append(list, d)
		}
	}
	return list, nil
}

// Attached is the manifest of what is about an image: a signature, an SBOM.
type Attached struct {
	v1.Descriptor
	// ArtifactType says what it is, and Subject which image it is about.
	ArtifactType string
	Subject      v1.Hash
	Annotations  map[string]string
	// Layers are its documents.
	Layers []v1.Descriptor
}

// Attached returns what a layout holds that is about its images.
func (l *Layout) Attached() ([]Attached, error) {
	var list []Attached
	for _, d := range l.entries {
		if !d.MediaType.IsImage() {
			continue
		}
		raw, err := l.raw(d.Digest)
		if err != nil {
			return nil, err
		}
		a, err := ParseAttached(d, raw)
		if err != nil {
			return nil, err
		}
		if a != nil {
			list = append(list, *a)
		}
	}
	return list, nil
}

// ParseAttached reads a manifest; it is nil if that is about no image.
func ParseAttached(d v1.Descriptor, raw []byte) (*Attached, error) {
	var m v1.Manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, fmt.Errorf("the manifest %s can't be read: %w", d.Digest, err)
	}
	if m.Subject == nil {
		return nil, nil
	}
	kind := m.ArtifactType
	if kind == "" {
		kind = string(m.Config.MediaType)
	}
	return &Attached{Descriptor: d, ArtifactType: kind, Subject: m.Subject.Digest, Annotations: m.Annotations, Layers: m.Layers}, nil
}

// IsLayout says that it is an OCI image layout, and nothing that docker loads
// beside.
func (l *Layout) IsLayout() bool {
	if l.saved != nil {
		return false
	}
	r, _, err := l.files.open("manifest.json")
	if err != nil {
		return true
	}
	_ = r.Close()
	return false
}

// Index returns what index.json says.
func (l *Layout) Index() (*v1.IndexManifest, error) {
	data, err := l.small("index.json")
	if err != nil {
		return nil, err
	}
	return v1.ParseIndexManifest(bytes.NewReader(data))
}

// Raw returns a small blob, which is what its digest says.
func (l *Layout) Raw(h v1.Hash) ([]byte, error) { return l.raw(h) }

// Check reads all that the entries of a layout name, and compares it with its
// digests and sizes. Errors are one clause, and are ErrDamaged if something is
// missing or different.
func (l *Layout) Check(ctx context.Context) error {
	blobs, manifests := map[v1.Hash]int64{}, map[v1.Hash]bool{}
	for _, d := range l.entries {
		if !d.MediaType.IsImage() && !d.MediaType.IsIndex() {
			blobs[d.Digest] = d.Size
			continue
		}
		if err := l.extent(d, manifests, blobs, maxNested); err != nil {
			return err
		}
	}
	inOrder := slices.SortedFunc(maps.Keys(blobs), func(a, b v1.Hash) int { return strings.Compare(a.String(), b.String()) })
	for _, h := range inOrder {
		if err := l.checkBlob(ctx, h, blobs[h]); err != nil {
			return err
		}
	}
	return nil
}

// ErrDamaged says that an artifact isn't what its digests say.
var ErrDamaged = errDamaged

func (l *Layout) checkBlob(ctx context.Context, h v1.Hash, size int64) (err error) {
	r, got, err := l.files.open(blobName(h))
	if err != nil {
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if got != size {
		return fmt.Errorf("%w: the blob %s has %d bytes, not %d", errDamaged, h, got, size)
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, cancel.Reader(ctx, r)); err != nil {
		return err
	}
	if sum := hex.EncodeToString(hash.Sum(nil)); h.Algorithm != "sha256" || sum != h.Hex {
		return fmt.Errorf("%w: the blob %s has the digest sha256:%s", errDamaged, h, sum)
	}
	return nil
}
