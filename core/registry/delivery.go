package registry

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

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
