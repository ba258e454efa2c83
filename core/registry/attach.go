package registry

import (
	"bytes"
	"context"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Document is an artifact manifest with what it names.
type Document struct {
	// Manifest is the text of the manifest, whose subject is an image.
	Manifest []byte
	// Blobs are the contents of its configuration and its layers.
	Blobs [][]byte
}

// Attach writes a document about an image to the registry that the image was
// pushed to. Registries that don't list such documents get the list as a tag.
// Failures are *fault.Error, apart from the end of ctx.
func (p *Pusher) Attach(ctx context.Context, image Pushed, document func(subject v1.Descriptor) (Document, error)) error {
	var options []name.Option
	if p.Insecure {
		options = append(options, name.Insecure)
	}
	tag, err := parseTag(image.Name, options...)
	if err != nil {
		return err
	}
	err = p.attach(ctx, tag, image.Digest, document)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return p.explain(tag, err)
}

func (p *Pusher) attach(ctx context.Context, tag name.Tag, digest string, document func(v1.Descriptor) (Document, error)) error {
	options := append(p.reading(tag.Registry), remote.WithContext(ctx))
	subject, err := remote.Head(tag.Context().Digest(digest), options...)
	if err != nil {
		return err
	}
	doc, err := document(*subject)
	if err != nil {
		return err
	}
	for _, content := range doc.Blobs {
		if err := remote.WriteLayer(tag.Context(), static.NewLayer(content, types.OCIUncompressedLayer), options...); err != nil {
			return err
		}
	}
	h, _, err := v1.SHA256(bytes.NewReader(doc.Manifest))
	if err != nil {
		return err
	}
	return remote.Put(tag.Context().Digest(h.String()), rawManifest(doc.Manifest), options...)
}

// rawManifest implements remote.Taggable.
type rawManifest []byte

func (r rawManifest) RawManifest() ([]byte, error)        { return r, nil }
func (r rawManifest) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }
