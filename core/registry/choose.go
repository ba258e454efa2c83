package registry

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Names of images in a layout.
// Source: image-spec annotations.md; containerd images/annotations.go.
const (
	refAnnotation  = "org.opencontainers.image.ref.name"
	nameAnnotation = "io.containerd.image.name"
)

// chosen is what is pushed: an entry of a layout, or an image that docker
// saved.
type chosen struct {
	entry v1.Descriptor
	img   v1.Image
	// ref is its name in the layout; empty if it has none.
	ref string
}

// choose finds an image by a name of it: that in the layout, its whole name or
// its digest. With an empty name it is the only image or, of several, the only
// index over them.
func (l *Layout) choose(image string) (chosen, error) {
	if l.saved != nil {
		return l.chooseSaved(image)
	}
	var found, indexes []chosen
	for _, d := range l.entries {
		if subject, err := l.subject(d); err != nil || subject != nil {
			if err != nil {
				return chosen{}, err
			}
			continue // it is about an image, and no image itself
		}
		c := chosen{entry: d, ref: d.Annotations[refAnnotation]}
		if image != "" && image != c.ref && image != d.Annotations[nameAnnotation] && image != d.Digest.String() ||
			!d.MediaType.IsImage() && !d.MediaType.IsIndex() {
			continue
		}
		same := func(o chosen) bool { return o.entry.Digest == d.Digest }
		if !slices.ContainsFunc(found, same) {
			found = append(found, c)
			if d.MediaType.IsIndex() {
				indexes = append(indexes, c)
			}
		}
	}
	if len(found) > 1 && len(indexes) == 1 {
		found = indexes
	}
	if len(found) == 1 {
		return found[0], nil
	}
	return chosen{}, l.unclear(image, len(found))
}

// unclear says that a name means no image, or several.
func (l *Layout) unclear(image string, found int) error {
	var names []string
	for _, d := range l.entries {
		names = append(names, cmp.Or(d.Annotations[refAnnotation], d.Digest.String()))
	}
	for _, s := range l.saved {
		names = append(names, s.tags...)
	}
	slices.Sort(names)
	list := strings.Join(slices.Compact(names), ", ")
	switch {
	case list == "":
		return fmt.Errorf("%s holds no image", l.path)
	case found == 0:
		return fmt.Errorf("%s has no image %q; it has: %s", l.path, image, list)
	}
	return fmt.Errorf("%s holds several images; choose one by its name: %s", l.path, list)
}

func (l *Layout) chooseSaved(image string) (chosen, error) {
	var found []chosen
	for _, s := range l.saved {
		if image == "" || slices.Contains(s.tags, image) {
			found = append(found, chosen{img: s.img})
		}
	}
	if len(found) != 1 {
		return chosen{}, l.unclear(image, len(found))
	}
	return found[0], nil
}

// subject returns what a manifest is about, as a signature is about an image;
// nil if it is about nothing else.
func (l *Layout) subject(d v1.Descriptor) (*v1.Descriptor, error) {
	if !d.MediaType.IsImage() && !d.MediaType.IsIndex() {
		return nil, nil
	}
	raw, err := l.raw(d.Digest)
	if err != nil {
		return nil, err
	}
	var m struct {
		Subject *v1.Descriptor `json:"subject"`
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, fmt.Errorf("the manifest %s can't be read: %w", d.Digest, err)
	}
	return m.Subject, nil
}

// perArch returns the entries that are a chosen index's images, each under the
// index's name and a dash, by what follows that: the architecture.
func (l *Layout) perArch(c chosen) map[string]v1.Descriptor {
	list := map[string]v1.Descriptor{}
	for _, d := range l.entries {
		if arch, ok := strings.CutPrefix(d.Annotations[refAnnotation], c.ref+"-"); ok && c.ref != "" && arch != "" {
			list[arch] = d
		}
	}
	return list
}

// about returns the entries that are about a manifest in a set, by digest, or
// about one that is.
func (l *Layout) about(set map[v1.Hash]bool) ([]v1.Descriptor, error) {
	var list []v1.Descriptor
	for range l.entries {
		grown := false
		for _, d := range l.entries {
			subject, err := l.subject(d)
			if err != nil {
				return nil, err
			}
			if subject != nil && set[subject.Digest] && !set[d.Digest] {
				set[d.Digest], grown = true, true
				list = append(list, d)
			}
		}
		if !grown {
			break
		}
	}
	return list, nil
}

// maxNested is how deep indexes may hold each other.
const maxNested = 4

// extent collects the manifests below an entry, and the sizes of the blobs.
func (l *Layout) extent(d v1.Descriptor, manifests map[v1.Hash]bool, blobs map[v1.Hash]int64, nested int) error {
	if nested == 0 {
		return fmt.Errorf("the indexes of %s hold each other too deeply", l.path)
	}
	manifests[d.Digest] = true
	raw, err := l.raw(d.Digest)
	if err != nil {
		return err
	}
	if !d.MediaType.IsIndex() {
		m, err := v1.ParseManifest(bytes.NewReader(raw))
		if err != nil {
			return fmt.Errorf("the manifest %s can't be read: %w", d.Digest, err)
		}
		for _, part := range append(m.Layers, m.Config) {
			// Others are fetched from where they are offered.
			if part.MediaType.IsDistributable() {
				blobs[part.Digest] = part.Size
			}
		}
		return nil
	}
	m, err := v1.ParseIndexManifest(bytes.NewReader(raw))
	if err != nil {
		return fmt.Errorf("the index %s can't be read: %w", d.Digest, err)
	}
	for _, child := range m.Manifests {
		switch {
		case child.MediaType.IsIndex(), child.MediaType.IsImage():
			err = l.extent(child, manifests, blobs, nested-1)
		default:
			blobs[child.Digest] = child.Size
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// taggable returns what remote writes of an entry.
func (p parcel) taggable(d v1.Descriptor) (remote.Taggable, error) {
	if d.MediaType.IsIndex() {
		return p.index(d)
	}
	return p.image(d)
}
