package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/mkmini/mkmini/core/fault"
)

// Image is an image in a registry, or an index over several.
type Image struct {
	// Name is the whole name, with the registry.
	Name   string
	Digest v1.Hash
	// Attached is what the registry has about it.
	Attached []AttachedDocument
}

// AttachedDocument is one document about an image.
type AttachedDocument struct {
	Attached
	// Text is its content, which is what its digest says.
	Text []byte
}

// IsName says whether a text names an image in a registry, and no file: it
// begins with the name of a registry.
func IsName(text string) bool {
	host, _, ok := strings.Cut(text, "/")
	if !ok || !strings.ContainsAny(host, ".:") && host != "localhost" || strings.HasPrefix(host, ".") {
		return false
	}
	_, err := name.ParseReference(text)
	return err == nil
}

// Look finds out which image a name stands for, and gets the documents about it
// that wanted asks for. Failures are *fault.Error, apart from the end of ctx.
func (p *Pusher) Look(ctx context.Context, text string, wanted func(Attached) bool) (*Image, error) {
	var options []name.Option
	if p.Insecure {
		options = append(options, name.Insecure)
	}
	ref, err := name.ParseReference(text, options...)
	if err != nil {
		return nil, badName(text, `Write one such as "registry.example/team/mini:1.0", or one with a digest.`, err)
	}
	img, err := p.look(ctx, ref, wanted)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, p.unread(ref, err)
	}
	return img, nil
}

func (p *Pusher) look(ctx context.Context, ref name.Reference, wanted func(Attached) bool) (*Image, error) {
	options := append(p.reading(ref.Context().Registry), remote.WithContext(ctx))
	d, err := remote.Get(ref, options...)
	if err != nil {
		return nil, err
	}
	img := &Image{Name: ref.Name(), Digest: d.Digest}
	index, err := remote.Referrers(ref.Context().Digest(d.Digest.String()), options...)
	if err != nil {
		return nil, err
	}
	list, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	for _, entry := range list.Manifests {
		if !entry.MediaType.IsImage() {
			continue
		}
		m, err := remote.Get(ref.Context().Digest(entry.Digest.String()), options...)
		if err != nil {
			return nil, err
		}
		a, err := ParseAttached(entry, m.Manifest)
		if err != nil || a == nil || a.Subject != d.Digest || len(a.Layers) != 1 || !wanted(*a) {
			continue // others may attach what they like
		}
		text, err := small(ref, a.Layers[0], options)
		if err != nil {
			return nil, err
		}
		img.Attached = append(img.Attached, AttachedDocument{*a, text})
	}
	return img, nil
}

// small gets a blob that isn't large.
func small(ref name.Reference, d v1.Descriptor, options []remote.Option) ([]byte, error) {
	if d.Size > maxJSON {
		return nil, fmt.Errorf("the document %s has more than %d bytes", d.Digest, maxJSON)
	}
	blob, err := remote.Layer(ref.Context().Digest(d.Digest.String()), options...)
	if err != nil {
		return nil, err
	}
	r, err := blob.Compressed() // compared with its digest
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(r, maxJSON+1))
	return text, errors.Join(err, r.Close())
}

// reading are the options of requests to a registry that change nothing.
func (p *Pusher) reading(registry name.Registry) []remote.Option {
	pace := p.pace(registry)
	return []remote.Option{
		remote.WithTransport(pace), remote.WithAuthFromKeychain(p.keychain()), remote.WithRetryBackoff(pace.backoff()),
		remote.WithRetryPredicate(pace.temporary),
	}
}

// unread says why an image can't be read, and what to do.
func (p *Pusher) unread(ref name.Reference, err error) error {
	tag := ref.Context().Tag("latest")
	f, ok := errors.AsType[*fault.Error](p.explain(tag, err))
	if !ok {
		return err
	}
	f.Summary = fmt.Sprintf("%s can't be read", ref)
	const again = "Try again later."
	if strings.HasPrefix(f.Remedy, "Push") {
		f.Remedy = strings.Replace(f.Remedy, "Push", "Verify", 1)
		if _, rest, ok := strings.Cut(f.Remedy, "; what was sent is not sent again."); ok {
			f.Remedy = again + rest
		}
	}
	var answer *transport.Error
	if errors.As(err, &answer) {
		switch answer.StatusCode {
		case http.StatusForbidden:
			f.Remedy = fmt.Sprintf("Ask for the right to read %s, or log in as somebody who has it with `docker login %s`.", ref.Context(), ref.Context().RegistryStr())
		case http.StatusNotFound:
			f.Remedy = "Correct the name: the registry has no such image."
		}
	}
	return f
}
