package registry

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
)

// Pusher writes images to registries.
type Pusher struct {
	// Keychain has the credentials for registries; nil for those of `docker
	// login`.
	Keychain authn.Keychain
	// Proxy returns the proxy of a request; nil for those of the environment.
	Proxy func(*http.Request) (*url.URL, error)
	// Transport is nil for one that goes through Proxy.
	Transport http.RoundTripper
	Patience  Patience
	// Insecure takes plain http from any registry, not only from one on this
	// machine.
	Insecure bool
	// Sessions is a folder that remembers uploads which were not ended, for the
	// next run; empty for none.
	Sessions string
	// Chunk is the length in bytes of the pieces of large blobs; 0 for
	// DefaultChunk.
	Chunk int64
	// Logger is told of failures that are made good.
	Logger *slog.Logger
}

// Request says what is pushed, and where to.
type Request struct {
	// Image is a name of an image in the artifact; empty for the only one, or
	// the only index.
	Image string
	// Names are what the image is called: "registry.example/team/mini:1".
	Names []string
	// MountFrom is a repository of the same registry that may have the layers
	// already; empty for none.
	MountFrom string
	// PerArch says that each image of an index also gets a name of its own:
	// the tag, a dash and the architecture.
	PerArch bool
}

// Pushed is a name that was given to an image.
type Pushed struct {
	// Name is the whole name, with the registry and the tag.
	Name string
	// Digest is the "sha256:…" of the image's manifest, or of the index.
	Digest string
}

// Progress is told how many bytes of how many were sent. Bytes that the
// registry has already are in the second number only.
type Progress func(done, total int64)

// jobs is how many blobs are sent at once.
const jobs = 4

// Push writes an image to registries. Failures are *fault.Error, apart from the
// end of ctx.
func (p *Pusher) Push(ctx context.Context, l *Layout, req Request, progress Progress) ([]Pushed, error) {
	d, err := p.delivery(l, req, progress)
	if err != nil {
		return nil, err
	}
	sessions{p.Sessions}.sweep(time.Now())
	var done []Pushed
	for _, tag := range d.tags {
		pushed, err := d.push(ctx, tag)
		if ctx.Err() != nil {
			return done, context.Cause(ctx)
		}
		if err != nil {
			return done, p.explain(tag, err)
		}
		done = append(done, pushed...)
	}
	return done, nil
}

// Name returns the whole name that an image gets in a registry, with the
// registry and the tag. Errors are *fault.Error.
func Name(text string) (string, error) {
	tag, err := parseTag(text)
	return tag.Name(), err
}

func parseTag(text string, options ...name.Option) (name.Tag, error) {
	tag, err := name.NewTag(text, options...)
	if err != nil {
		return tag, badName(text, `Write one such as "registry.example/team/mini:1.0", in small letters up to the colon.`, err)
	}
	return tag, nil
}
