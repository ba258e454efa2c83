package build

import (
	"context"
	"errors"
	"maps"

	"github.com/mkmini/mkmini/core/plan"
	"github.com/mkmini/mkmini/core/toolchain"
)

// Compilers finds and probes the compilers of a job, and returns them by
// architecture. It makes nothing with them.
func (b *Builder) Compilers(ctx context.Context, job Job) (map[string]toolchain.Probed, error) {
	r, err := b.lender(ctx, job)
	if err != nil {
		return nil, err
	}
	return maps.Clone(r.compilers), nil
}

// lender returns a run that has probed a job's compilers for others to use.
func (b *Builder) lender(ctx context.Context, job Job) (*run, error) {
	r, err := b.start(ctx, job)
	if err != nil {
		return nil, err
	}
	r.damaged()
	r.lending = true
	return r, r.probe(ctx)
}

// Inputs are what a build reads beside its configuration.
type Inputs struct {
	// Compilers are by architecture.
	Compilers map[string]toolchain.Probed
	// Sources are the paths of fetched files in the store, each named by its
	// sha256, and SourceKeys the keys of their unpacked trees.
	Sources, SourceKeys []string
}

// Fetch gets all that a build of a job needs, so that it can be done without
// a network afterwards.
func (b *Builder) Fetch(ctx context.Context, job Job) (Inputs, error) {
	r, err := b.start(ctx, job)
	if err != nil {
		return Inputs{}, err
	}
	r.damaged()
	if err := r.probe(ctx); err != nil {
		return Inputs{}, err
	}
	if b.Settled != nil {
		if err := b.Settled(r.compilers); err != nil {
			return Inputs{}, err
		}
	}
	r.plan = plan.Make(r.input)
	in := Inputs{Compilers: maps.Clone(r.compilers)}
	for _, s := range r.plan.Steps {
		if s.Kind == plan.Source && r.cached(s) && !r.whole(s) {
			if err := r.discard(ctx, s); err != nil {
				return Inputs{}, err
			}
		}
	}
	var errs []error
	for _, s := range r.plan.Steps {
		switch s.Kind {
		case plan.Toolchain:
			errs = append(errs, r.step(ctx, s, true))
		case plan.Source:
			path, err := r.fetchSource(ctx, s)
			errs = append(errs, err)
			if err == nil {
				in.Sources, in.SourceKeys = append(in.Sources, path), append(in.SourceKeys, s.Key)
			}
		}
	}
	return in, errors.Join(append(errs, r.history.save(r.artifacts, r.folders.Known()))...)
}

// fetchSource has both the file and the tree of a source step in the store:
// a store may have lost one of them.
func (r *run) fetchSource(ctx context.Context, s plan.Step) (string, error) {
	c := r.course(r.event(s))
	unlock, err := r.Store.Lock(ctx, s.Key, c.wait)
	if err != nil {
		return "", c.fail(ctx, err)
	}
	c.resume()
	path, err := r.fetch(ctx, s, c)
	unlock()
	if err != nil {
		return "", c.fail(ctx, err)
	}
	return path, r.settle(ctx, s, true, c)
}
