package referrer

import (
	"context"
	"errors"
	"path"
	"time"

	"github.com/mkmini/mkmini/core/provenance"
	"github.com/mkmini/mkmini/core/registry"
)

// envelopeType is the media type of an envelope of DSSE, and predicateKey names
// the kind of the statement in it, as buildkit does.
const (
	envelopeType = "application/vnd.dsse.envelope.v1+json"
	predicateKey = "in-toto.io/predicate-type"
)

// Provenance is the envelope with an artifact's provenance as it is attached to
// the images in the artifact.
func Provenance(artifact string, envelope []byte, when time.Time) Document {
	return Document{
		Title: path.Base(artifact) + provenance.Suffix, ArtifactType: provenance.PayloadType, MediaType: envelopeType, Content: envelope,
		Annotations: map[string]string{predicateKey: provenance.PredicateType}, Time: when,
	}
}

// Attached returns the envelope that is attached to the first image of an
// artifact, and the time in its manifest; nil if there is none, or no image.
func Attached(ctx context.Context, path string) (_ []byte, _ time.Time, err error) {
	l, err := registry.Open(ctx, path)
	if err != nil {
		return nil, time.Time{}, nil // it holds no images
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	images, err := l.Images()
	if err != nil || len(images) == 0 {
		return nil, time.Time{}, err
	}
	attached, err := l.Attached()
	if err != nil {
		return nil, time.Time{}, err
	}
	for _, one := range attached {
		if !IsProvenance(one) || one.Subject != images[0].Digest {
			continue
		}
		when, err := time.Parse(time.RFC3339, one.Annotations[createdAnnotation])
		if err != nil {
			when = time.Unix(0, 0)
		}
		text, err := l.Raw(one.Layers[0].Digest)
		return text, when, err
	}
	return nil, time.Time{}, nil
}

// IsProvenance says whether what is attached to an image is an envelope with a
// provenance.
func IsProvenance(a registry.Attached) bool {
	kind, said := a.Annotations[predicateKey]
	return len(a.Layers) == 1 && string(a.Layers[0].MediaType) == envelopeType && (!said || kind == provenance.PredicateType)
}
