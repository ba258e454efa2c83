package build

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/mkmini/mkmini/core/artifact"
	"github.com/mkmini/mkmini/core/event"
	"github.com/mkmini/mkmini/core/plan"
	"github.com/mkmini/mkmini/core/store"
)

// unpacked is what the store says of a tree of sources.
type unpacked struct {
	// Digest is that of the tree: a damaged one has another.
	Digest string `json:"digest"`
}

// digested returns what is to be noted of the tree in the folder of a step.
func digested(dir string) (unpacked, error) {
	digest, _, err := artifact.Digest(filepath.Join(dir, treeName))
	return unpacked{digest}, err
}

// intact removes the trees of sources that are about to be compiled and that
// were damaged in the store, so that they are unpacked again. A tree is read
// for that, which takes a fiftieth of what compiling it does.
func (r *run) intact(ctx context.Context) error {
	// What a damaged copy with patches was made of isn't wanted before.
	for _, kind := range []plan.Kind{plan.Patch, plan.Source} {
		wanted := r.wanted()
		for _, s := range r.plan.Steps {
			if s.Kind == kind && wanted[s.ID] && r.cached(s) && !r.whole(s) {
				if err := r.discard(ctx, s); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// whole says whether the tree of a step is what it was when it was made.
func (r *run) whole(s plan.Step) bool {
	var noted unpacked
	if r.Store.Load(s.Key, &noted) != nil {
		return false
	}
	now, err := digested(r.Store.Path(s.Key))
	return err == nil && now == noted
}

// discard removes a damaged result, unless somebody else has mended it.
func (r *run) discard(ctx context.Context, s plan.Step) error {
	unlock, err := r.Store.Lock(ctx, s.Key, nil)
	if err != nil {
		return err
	}
	defer unlock()
	if !r.cached(s) || r.whole(s) {
		return nil
	}
	e := r.event(s)
	e.Kind, e.Level = event.Log, "warn"
	e.Message = fmt.Sprintf("the source in %s is damaged, unpacking it again", r.Store.Path(s.Key))
	r.emit(e)
	if err := store.RemoveAll(r.Store.Path(s.Key)); err != nil {
		return fmt.Errorf("remove a damaged source: %w", err)
	}
	return nil
}
