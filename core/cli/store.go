package cli

import (
	"context"
	"fmt"

	"github.com/mkmini/mkmini/core/store"
)

// store opens the store to work with it, until leave: nothing is removed from
// it meanwhile.
func (a *app) store(ctx context.Context) (*store.Store, error) {
	return a.hold(ctx, "another mkmini is cleaning the store; waiting for it", (*store.Store).Use)
}

// ownStore opens the store for this mkmini alone, until leave.
func (a *app) ownStore(ctx context.Context) (*store.Store, error) {
	return a.hold(ctx, "another mkmini works with the store; waiting for it", (*store.Store).Own)
}

// hold opens the store and takes it in one of the two ways.
func (a *app) hold(ctx context.Context, waiting string, take func(*store.Store, context.Context, func()) (func(), error)) (*store.Store, error) {
	st, err := a.openStore()
	if err != nil {
		return nil, err
	}
	release, err := take(st, ctx, func() { fmt.Fprintln(a.Streams.Err, waiting) })
	if err != nil {
		return nil, err
	}
	a.releases = append(a.releases, release)
	return st, nil
}

// leave gives back the stores.
func (a *app) leave() {
	for _, release := range a.releases {
		release()
	}
	a.releases = nil
}
