package registry

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"golang.org/x/sync/errgroup"
)

// DefaultChunk is the length in bytes of the pieces that large blobs are sent
// in. A connection that breaks costs a piece at most, with registries that keep
// the others; small blobs go in one request, which all registries know.
const DefaultChunk = 32 << 20

// maxSteps is how often a blob may break off at most without a try being counted.
const maxSteps = 1000

// content is a blob to send.
type content interface {
	Digest() (v1.Hash, error)
	Size() (int64, error)
	// Compressed opens it for one try.
	Compressed() (io.ReadCloser, error)
}

// uploader sends blobs to one repository. go-containerregistry, which writes
// the manifests, begins a blob anew whenever a connection breaks.
// Source: OCI distribution-spec, "Pushing blobs".
type uploader struct {
	repo   name.Repository
	client *http.Client
	pace   *pace
	// mount is a repository of the same registry that may have the blobs; nil
	// for none.
	mount    *name.Repository
	chunk    int64
	sessions sessions
}

// uploader returns one for a repository, which the registry lets write.
func (d *delivery) uploader(ctx context.Context, pace *pace, repo name.Repository) (*uploader, error) {
	u := &uploader{repo: repo, pace: pace, mount: d.from(repo), chunk: d.pusher.Chunk, sessions: sessions{d.pusher.Sessions}}
	if u.chunk == 0 {
		u.chunk = DefaultChunk
	}
	scopes := []string{repo.Scope(transport.PushScope)}
	if u.mount != nil {
		scopes = append(scopes, u.mount.Scope(transport.PullScope))
	}
	auth, err := authn.Resolve(ctx, d.pusher.keychain(), repo)
	if err != nil {
		return nil, err
	}
	err = pace.tries(func() (bool, error) {
		t, err := transport.NewWithContext(ctx, repo.Registry, auth, pace, scopes)
		u.client = &http.Client{Transport: t}
		return false, err
	})
	return u, err
}

// sendAll sends blobs, several at once.
func (u *uploader) sendAll(ctx context.Context, blobs []content) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(jobs)
	for _, b := range blobs {
		g.Go(func() error { return u.send(ctx, b) })
	}
	return g.Wait()
}

// send sends one blob unless the repository has it.
func (u *uploader) send(ctx context.Context, b content) error {
	digest, err := b.Digest()
	if err != nil {
		return err
	}
	size, err := b.Size()
	if err != nil {
		return err
	}
	up := &upload{uploader: u, content: b, digest: digest, size: size, chunks: u.chunk < size}
	up.session = u.sessions.open(u.repo, digest)
	up.location = up.session.location()
	up.remembered = up.location != ""
	err = u.pace.tries(func() (bool, error) {
		had := up.had
		err := up.try(ctx)
		// A registry must not keep a push going by a byte at a time.
		return up.had-had > size/maxSteps, err
	})
	up.session.close(err == nil || errors.Is(err, errDamaged))
	return err
}
