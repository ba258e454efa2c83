package oci

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/mkmini/mkmini/core/source"
)

// Registry finds an image in a registry: by tag, or by a digest, which is
// that of an image or of an index over several platforms. blobs is the
// absolute path of the folder of fetched files by sha256. Errors are one
// clause, apart from the end of ctx.
func (r *Reader) Registry(ctx context.Context, image, blobs string) (*Image, error) {
	ref, err := name.ParseReference(image)
	if err != nil {
		return nil, fmt.Errorf("%q is no name of an image", image)
	}
	if r.Fetcher.Offline {
		return nil, fmt.Errorf("%s was not unpacked before, and the network is off", image)
	}
	s, err := r.session(ctx, ref, blobs)
	if err == nil {
		i := &Image{parts: s, want: r.Platform}
		if err = s.open(ctx, i); err == nil {
			return i, nil
		}
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return nil, explain(ref, err)
}

// session is a connection to a registry about one image.
type session struct {
	ref     name.Reference
	blobs   string
	fetcher source.Fetcher
	options []remote.Option
}

func (r *Reader) session(ctx context.Context, ref name.Reference, blobs string) (*session, error) {
	base := r.Transport
	if base == nil {
		base = r.dial()
	}
	keychain := r.Keychain
	if keychain == nil {
		keychain = authn.DefaultKeychain
	}
	auth, err := authn.Resolve(ctx, keychain, ref.Context())
	if err != nil {
		return nil, fmt.Errorf("docker's credentials can't be read: %w", err)
	}
	base = transport.NewRetry(Guard(base, ""))
	rt, err := transport.NewWithContext(ctx, ref.Context().Registry, auth, base, []string{ref.Scope(transport.PullScope)})
	if err != nil {
		return nil, err
	}
	s := &session{ref: ref, blobs: blobs, fetcher: r.Fetcher}
	s.fetcher.Client, s.fetcher.Apt = &http.Client{Transport: rt}, nil
	s.options = []remote.Option{remote.WithContext(ctx), remote.WithTransport(rt), remote.WithPlatform(r.Platform)}
	return s, nil
}

// dial returns a transport like the Fetcher's own.
func (r *Reader) dial() http.RoundTripper {
	proxy := r.Fetcher.Proxy
	if proxy == nil {
		proxy = http.ProxyFromEnvironment
	}
	connect := r.Fetcher.Retry.Connect
	if connect == 0 {
		connect = 15 * time.Second
	}
	return &http.Transport{
		Proxy: proxy, DialContext: (&net.Dialer{Timeout: connect}).DialContext, TLSHandshakeTimeout: connect,
		ResponseHeaderTimeout: 2 * connect, ForceAttemptHTTP2: true, DisableCompression: true,
	}
}

// open reads the manifest that the name leads to.
func (s *session) open(_ context.Context, i *Image) error {
	d, err := remote.Get(s.ref, s.options...)
	if err != nil {
		return err
	}
	data := d.Manifest
	if d.MediaType.IsIndex() {
		chosen, err := pick(data, i.want, s.read)
		if err != nil {
			return err
		}
		if data, err = s.read(chosen); err != nil {
			return err
		}
	}
	i.Digest = digest(data).String()
	return i.manifest(data)
}

// read returns a manifest by its digest, which remote checks.
func (s *session) read(d v1.Descriptor) ([]byte, error) {
	got, err := remote.Get(s.ref.Context().Digest(d.Digest.String()), s.options...)
	if err != nil {
		return nil, err
	}
	return got.Manifest, nil
}

// blob fetches a blob like any other file, so that what broke off goes on.
func (s *session) blob(ctx context.Context, h v1.Hash, progress Progress) (string, error) {
	repo := s.ref.Context()
	url := fmt.Sprintf("%s://%s/v2/%s/blobs/%s", repo.Scheme(), repo.RegistryStr(), repo.RepositoryStr(), h)
	req := source.Request{Name: s.ref.String(), SHA256: h.Hex, URLs: []string{url}}
	return s.fetcher.Fetch(ctx, req, s.blobs, func(p source.Progress) {
		progress("fetch", p.Done, p.Total, "")
	})
}

// explain puts a registry's error in one clause.
func explain(ref name.Reference, err error) error {
	registry := ref.Context().RegistryStr()
	var answer *transport.Error
	var dial *net.OpError
	switch {
	case errors.As(err, &answer) && (answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden):
		return fmt.Errorf("the registry %s gives no access to %s: log in with `docker login %s`", registry, ref, registry)
	case errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound:
		return fmt.Errorf("the registry %s has no image %s", registry, ref)
	case errors.As(err, &answer):
		return fmt.Errorf("the registry %s answers %d %s for %s", registry, answer.StatusCode, http.StatusText(answer.StatusCode), ref)
	case errors.Is(err, ErrPlain):
		return fmt.Errorf("the registry %s: %w", registry, ErrPlain)
	case errors.As(err, &dial):
		return fmt.Errorf("the registry %s can't be reached: %w", registry, dial)
	}
	return fmt.Errorf("%s: %w", ref, err)
}

// ErrPlain is the reason of a request that was not made.
var ErrPlain = errors.New("it offers plain http only, which is taken from this machine alone")

// Guard makes requests by plain http to this machine only: whoever is on the
// way could read the credentials. Another host that they may go to is plain,
// without a port; it may be empty.
func Guard(base http.RoundTripper, plain string) http.RoundTripper { return guarded{base, plain} }

type guarded struct {
	http.RoundTripper
	plain string
}

func (g guarded) RoundTrip(req *http.Request) (*http.Response, error) {
	host := req.URL.Hostname()
	if req.URL.Scheme != "https" && !loopback(host) && (g.plain == "" || host != g.plain) {
		return nil, ErrPlain
	}
	return g.RoundTripper.RoundTrip(req)
}

func loopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
