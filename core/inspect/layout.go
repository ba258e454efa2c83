package inspect

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/mkmini/mkmini/core/source"
)

// maxNested is how deep indexes may hold each other.
const maxNested = 4

// The annotations that name an image in a layout, the more exact one first.
// Source: OCI image specification, "Pre-Defined Annotation Keys"; containerd,
// "images".
var nameKeys = [...]string{"io.containerd.image.name", "org.opencontainers.image.ref.name"}

// layoutReader reads an OCI layout.
// Source: OCI image specification, "Image Layout".
type layoutReader struct {
	scan     *scanner
	parts    parts
	artifact *Artifact
	// found are the manifests by digest, in the order of the index, with the
	// tags of each.
	found []*listed
	// others are the platforms of images that weren't asked for.
	others []string
}

// listed is a manifest that an index names.
type listed struct {
	v1.Descriptor
	tags []string
}

func (s *scanner) layout(p parts, index []byte, a *Artifact) error {
	l := &layoutReader{scan: s, parts: p, artifact: a}
	if err := l.index(index, "", nil, maxNested); err != nil {
		return fmt.Errorf("its index can't be read: %w", err)
	}
	for _, d := range l.found {
		if err := l.manifest(d); err != nil {
			return fmt.Errorf("manifest %s: %w", d.Digest, err)
		}
	}
	if len(a.Trees) == 0 && len(a.Attached) > 0 && len(l.others) == 0 {
		return nil
	}
	return chosen(a, l.others)
}

// index lists the manifests of an index and of those in it.
func (l *layoutReader) index(data []byte, digest string, tags []string, nested int) error {
	if nested == 0 {
		return errors.New("indexes hold each other too deeply")
	}
	var index v1.IndexManifest
	if err := parse(data, digest, &index); err != nil {
		return err
	}
	for _, d := range index.Manifests {
		names := tags
		for _, key := range nameKeys {
			if name := d.Annotations[key]; name != "" {
				names = []string{name}
				break
			}
		}
		if d.MediaType.IsIndex() {
			data, err := l.blob(d.Digest)
			if err != nil {
				return err
			}
			if err := l.index(data, d.Digest.String(), names, nested-1); err != nil {
				return err
			}
			continue
		}
		l.add(d, names)
		if len(l.found) > maxImages {
			return fmt.Errorf("it names more than %d manifests", maxImages)
		}
	}
	return nil
}

// add notes a manifest; one with several names is one image.
func (l *layoutReader) add(d v1.Descriptor, tags []string) {
	i := slices.IndexFunc(l.found, func(f *listed) bool { return f.Digest == d.Digest })
	if i < 0 {
		i = len(l.found)
		l.found = append(l.found, &listed{Descriptor: d})
	}
	for _, tag := range tags {
		if !slices.Contains(l.found[i].tags, tag) {
			l.found[i].tags = append(l.found[i].tags, tag)
		}
	}
}

// blob reads a small blob.
func (l *layoutReader) blob(h v1.Hash) ([]byte, error) {
	data, err := readPart(l.parts, blobName(h))
	if err != nil {
		return nil, fmt.Errorf("blob %s: %w", h, err)
	}
	if digestOf(data) != h.String() {
		return nil, fmt.Errorf("blob %s: it has the digest %s", h, digestOf(data))
	}
	return data, nil
}

func blobName(h v1.Hash) string { return "blobs/" + h.Algorithm + "/" + h.Hex }

// manifest is what is read of a manifest.
type manifest struct {
	ArtifactType string            `json:"artifactType"`
	Config       v1.Descriptor     `json:"config"`
	Layers       []v1.Descriptor   `json:"layers"`
	Subject      *v1.Descriptor    `json:"subject"`
	Annotations  map[string]string `json:"annotations"`
}

// manifest reads an image, or notes what else is attached.
func (l *layoutReader) manifest(d *listed) error {
	data, err := l.blob(d.Digest)
	if err != nil {
		return err
	}
	var m manifest
	if err := parse(data, d.Digest.String(), &m); err != nil {
		return err
	}
	evidence := d.Platform != nil && d.Platform.OS == "unknown" // what a build left
	if c := m.Config.MediaType; evidence || c != types.OCIConfigJSON && c != types.DockerConfigJSON {
		one := Attachment{Digest: d.Digest.String(), ArtifactType: m.ArtifactType}
		if one.ArtifactType == "" {
			one.ArtifactType = string(c)
		}
		if m.Subject != nil {
			one.Subject = m.Subject.Digest.String()
		}
		l.artifact.Attached = append(l.artifact.Attached, one)
		return nil
	}
	config, err := l.blob(m.Config.Digest)
	if err != nil {
		return err
	}
	var layers []layerSource
	for _, layer := range m.Layers {
		layers = append(layers, layerSource{blobName(layer.Digest), layer.Digest.String(), string(layer.MediaType)})
	}
	i := &Image{Tags: d.tags, Digest: d.Digest.String(), Annotations: m.Annotations}
	other, err := l.scan.image(l.parts, config, layers, i, l.artifact)
	if other != "" {
		l.others = append(l.others, other)
	}
	return err
}

// layer applies a layer, and checks it against both of its digests.
func (s *scanner) layer(p parts, from layerSource, diffID string, t *tree) (Layer, error) {
	f, size, err := p.open(from.name)
	if err != nil {
		return Layer{}, fmt.Errorf("%s: %w", quoted(from.name), err)
	}
	defer f.Close()
	l := Layer{DiffID: diffID, MediaType: from.mediaType, Size: size}
	stored, content := sha256.New(), sha256.New()
	outer := io.TeeReader(&stoppable{f, s.done}, stored)
	packed := bufio.NewReaderSize(outer, 256<<10)
	in, name, err := source.Decompress(packed)
	if err != nil {
		return l, err
	}
	defer in.Close()
	l.Compression = name
	if err := s.tar(io.TeeReader(&capped{in, s}, content), t, true); err != nil {
		return l, err
	}
	if got := "sha256:" + hex.EncodeToString(content.Sum(nil)); got != diffID {
		return l, fmt.Errorf("its content has the digest %s and not %s", got, diffID)
	}
	// A decompressor may stop before the end of the file.
	if _, err := io.Copy(io.Discard, packed); err != nil {
		return l, err
	}
	l.Digest = "sha256:" + hex.EncodeToString(stored.Sum(nil))
	if from.digest != "" && l.Digest != from.digest {
		return l, fmt.Errorf("it has the digest %s and not %s", l.Digest, from.digest)
	}
	return l, nil
}
