package registry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/mkmini/mkmini/core/source/oci"
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

// delivery is one push.
type delivery struct {
	pusher *Pusher
	layout *Layout
	chosen chosen
	tags   []name.Tag
	// mount is a repository to mount from; nil if there is none.
	mount   *name.Repository
	perArch bool
	counter *counter
	// writers are what writes to a registry, by its name.
	writers map[string]writer
	// seen are the repositories that have the image, by registry.
	seen map[string]name.Repository
}

// delivery finds out what is to be done.
func (p *Pusher) delivery(l *Layout, req Request, progress Progress) (*delivery, error) {
	d := &delivery{
		pusher: p, layout: l, perArch: req.PerArch, writers: map[string]writer{}, seen: map[string]name.Repository{},
	}
	var options []name.Option
	if p.Insecure {
		options = append(options, name.Insecure)
	}
	for _, text := range req.Names {
		tag, err := parseTag(text, options...)
		if err != nil {
			return nil, err
		}
		d.tags = append(d.tags, tag)
	}
	if req.MountFrom != "" {
		repo, err := name.NewRepository(req.MountFrom, options...)
		if err != nil {
			return nil, badName(req.MountFrom, "Write a repository without a tag.", err)
		}
		d.mount = &repo
	}
	var err error
	if d.chosen, err = l.choose(req.Image); err != nil {
		return nil, unusable(err)
	}
	total := int64(0)
	if d.chosen.img == nil {
		blobs := map[v1.Hash]int64{}
		if err := l.extent(d.chosen.entry, map[v1.Hash]bool{}, blobs, maxNested); err != nil {
			return nil, unusable(err)
		}
		for _, size := range blobs {
			total += size
		}
	}
	d.counter = &counter{told: func(n int64) {
		if progress != nil {
			progress(min(n, total), total)
		}
	}}
	return d, nil
}

// push writes everything under one name, the name itself last.
func (d *delivery) push(ctx context.Context, tag name.Tag) ([]Pushed, error) {
	w, err := d.writer(tag.Registry)
	if err != nil {
		return nil, err
	}
	u, err := d.uploader(ctx, w.pace, tag.Repository)
	if err != nil {
		return nil, err
	}
	defer func() { d.seen[tag.RegistryStr()] = tag.Repository }()
	if d.chosen.img != nil {
		return d.pushSaved(ctx, w, u, tag)
	}
	names := map[name.Tag]v1.Descriptor{tag: d.chosen.entry}
	order := []name.Tag{tag}
	if d.perArch {
		list := d.layout.perArch(d.chosen)
		for _, arch := range slices.Sorted(maps.Keys(list)) {
			one := tag.Context().Tag(tag.TagStr() + "-" + arch)
			names[one], order = list[arch], append(order, one)
		}
	}
	blobs, about, err := d.extent(slices.Collect(maps.Values(names)))
	if err != nil {
		return nil, err
	}
	p := parcel{layout: d.layout, sent: d.counter.add}
	if err := u.sendAll(ctx, p.contents(blobs)); err != nil {
		return nil, err
	}
	var done []Pushed
	for _, tag := range order {
		if err := send(ctx, w, tag, p, names[tag]); err != nil {
			return done, err
		}
		done = append(done, Pushed{tag.Name(), names[tag].Digest.String()})
	}
	// What is about an image comes after it.
	for _, entry := range about {
		if err := send(ctx, w, tag.Context().Digest(entry.Digest.String()), p, entry); err != nil {
			return done, err
		}
	}
	return done, nil
}

// extent returns the blobs of entries and of what is about them, and the latter.
func (d *delivery) extent(entries []v1.Descriptor) (map[v1.Hash]int64, []v1.Descriptor, error) {
	manifests, blobs := map[v1.Hash]bool{}, map[v1.Hash]int64{}
	for _, entry := range entries {
		if err := d.layout.extent(entry, manifests, blobs, maxNested); err != nil {
			return nil, nil, err
		}
	}
	about, err := d.layout.about(manifests)
	for _, entry := range about {
		err = errors.Join(err, d.layout.extent(entry, manifests, blobs, maxNested))
	}
	return blobs, about, err
}

// pushSaved writes what docker saved.
func (d *delivery) pushSaved(ctx context.Context, w writer, u *uploader, tag name.Tag) ([]Pushed, error) {
	digest, err := d.chosen.img.Digest()
	if err != nil {
		return nil, err
	}
	blobs, err := savedContents(d.chosen.img)
	if err == nil {
		err = u.sendAll(ctx, blobs)
	}
	if err == nil {
		err = w.Push(ctx, tag, d.chosen.img)
	}
	return []Pushed{{tag.Name(), digest.String()}}, err
}

func send(ctx context.Context, w writer, ref name.Reference, p parcel, entry v1.Descriptor) error {
	what, err := p.taggable(entry)
	if err != nil {
		return err
	}
	return w.Push(ctx, ref, what)
}

// from returns where a repository may mount layers from: one that was pushed to
// just now, or that of the request.
func (d *delivery) from(repo name.Repository) *name.Repository {
	other, ok := d.seen[repo.RegistryStr()]
	if !ok && d.mount != nil && d.mount.RegistryStr() == repo.RegistryStr() {
		other, ok = *d.mount, true
	}
	if !ok || other.Name() == repo.Name() {
		return nil
	}
	return &other
}

// writer writes to a registry.
type writer struct {
	*remote.Pusher
	pace *pace
}

// writer returns what writes to a registry.
func (d *delivery) writer(registry name.Registry) (writer, error) {
	if w, ok := d.writers[registry.Name()]; ok {
		return w, nil
	}
	p := d.pusher
	pace := p.pace(registry)
	pusher, err := remote.NewPusher(
		remote.WithTransport(pace), remote.WithAuthFromKeychain(p.keychain()), remote.WithJobs(jobs),
		remote.WithRetryBackoff(pace.backoff()), remote.WithRetryPredicate(pace.temporary),
	)
	d.writers[registry.Name()] = writer{pusher, pace}
	return d.writers[registry.Name()], err
}

// pace returns the way to a registry.
func (p *Pusher) pace(registry name.Registry) *pace {
	patience := p.Patience.orDefault()
	base, plain := p.Transport, ""
	if base == nil {
		base = p.dial(patience)
	}
	if p.Insecure {
		plain = (&url.URL{Host: registry.RegistryStr()}).Hostname()
	}
	return &pace{RoundTripper: faithful{oci.Guard(base, plain)}, patience: patience, logger: p.Logger, failures: map[string]int{}}
}

// keychain returns what has the credentials.
func (p *Pusher) keychain() authn.Keychain {
	if p.Keychain != nil {
		return credentials{p.Keychain}
	}
	return credentials{authn.DefaultKeychain}
}

// connect is how long a connection may take.
const connect = 15 * time.Second

// commit is how long a registry may take to answer: it may copy a blob that is
// complete.
const commit = 5 * time.Minute

func (p *Pusher) dial(patience Patience) http.RoundTripper {
	proxy := p.Proxy
	if proxy == nil {
		proxy = http.ProxyFromEnvironment
	}
	dialer := &net.Dialer{Timeout: connect}
	return &http.Transport{
		Proxy: proxy, TLSHandshakeTimeout: connect, ResponseHeaderTimeout: commit, ForceAttemptHTTP2: true, DisableCompression: true,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return impatient{c, patience.Idle}, nil
		},
	}
}

// impatient is a connection that fails when nothing can be sent for too long.
type impatient struct {
	net.Conn
	idle time.Duration
}

func (c impatient) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.idle)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(p)
	var ne net.Error
	if errors.As(err, &ne) && ne.Timeout() {
		err = fmt.Errorf("the registry took nothing for %v: %w", c.idle, err)
	}
	return n, err
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
