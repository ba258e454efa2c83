package referrer

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/mkmini/mkmini/core/provenance"
	"github.com/mkmini/mkmini/core/registry"
	"github.com/mkmini/mkmini/core/signing"
)

// Push attaches the provenance that is beside an artifact to images that were
// pushed from it, and returns the digests of those that it is about. A layout
// has its provenance in it, which was pushed with its images.
func Push(ctx context.Context, p *registry.Pusher, path string, images []registry.Pushed) ([]string, error) {
	text, err := os.ReadFile(path + provenance.Suffix)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var about []string
	for _, image := range images {
		line := lineAbout(text, image.Digest)
		if line == nil {
			continue
		}
		err := p.Attach(ctx, image, func(subject v1.Descriptor) (registry.Document, error) {
			return Provenance(path, line, time.Unix(0, 0)).about(subject)
		})
		if err != nil {
			return about, err
		}
		about = append(about, image.Digest)
	}
	return about, nil
}

// lineAbout returns the envelope that is about an image; nil if none is.
func lineAbout(text []byte, digest string) []byte {
	for line := range bytes.Lines(text) {
		e, err := signing.ParseEnvelope(line)
		if err != nil {
			continue
		}
		claims, err := provenance.Parse(e.Payload)
		if err != nil {
			continue
		}
		if slices.ContainsFunc(claims.Subjects, func(s provenance.Subject) bool {
			return s.Digests[provenance.SHA256] == strings.TrimPrefix(digest, "sha256:")
		}) {
			return line
		}
	}
	return nil
}

// about returns the document with its manifest.
func (doc Document) about(subject v1.Descriptor) (registry.Document, error) {
	c := &change{add: map[string][]byte{}}
	entry, err := c.attach(subject, doc)
	if err != nil {
		return registry.Document{}, err
	}
	made := registry.Document{Manifest: c.add[blob(entry.Digest)]}
	delete(c.add, blob(entry.Digest))
	for _, content := range c.add {
		made.Blobs = append(made.Blobs, content)
	}
	return made, nil
}
