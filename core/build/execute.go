package build

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/mkmini/mkmini/core/event"
	"github.com/mkmini/mkmini/core/plan"
)

// errSkipped marks a step whose needs weren't met; their failure is told.
// errTold marks one whose own failure has been told.
var (
	errSkipped = errors.New("what it needs was not made")
	errTold    = errors.New("it failed before")
)

// execute does what is left of a plan: each step as soon as those it needs
// are done.
func (r *run) execute(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	wanted := r.wanted()
	done := make(map[string]chan struct{}, len(r.plan.Steps))
	for _, s := range r.plan.Steps {
		done[s.ID] = make(chan struct{})
	}
	var mu sync.Mutex
	failed := map[string]bool{}
	var errs []error
	var wg sync.WaitGroup
	for _, s := range r.plan.Steps {
		wg.Go(func() {
			defer close(done[s.ID])
			err := r.after(ctx, s, done, func(id string) bool {
				mu.Lock()
				defer mu.Unlock()
				return failed[id]
			}, wanted[s.ID])
			if err == nil {
				return
			}
			if errors.Is(err, errSkipped) {
				e := r.event(s)
				e.Kind, e.Message = event.Skipped, err.Error()
				r.emit(e)
			}
			mu.Lock()
			defer mu.Unlock()
			failed[s.ID] = true
			if errors.Is(err, errSkipped) || errors.Is(err, errTold) || errors.Is(err, context.Canceled) && len(errs) > 0 {
				return
			}
			errs = append(errs, err)
			if !r.KeepGoing {
				cancel(err)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// after waits for what a step needs, and then does it.
func (r *run) after(ctx context.Context, s plan.Step, done map[string]chan struct{}, failed func(string) bool, wanted bool) error {
	for _, need := range s.Needs {
		<-done[need]
		if failed(need) {
			return fmt.Errorf("%w: %s", errSkipped, need)
		}
	}
	if s.Key == "" {
		return errTold // it is a toolchain, and the probe found none
	}
	if err := ctx.Err(); err != nil {
		return context.Canceled
	}
	return r.step(ctx, s, wanted)
}

// wanted returns the steps that have to be there: exports, SBOMs and checks, and
// whatever a missing one of these is made from. A result in the middle that
// nobody is going to read may be missing.
func (r *run) wanted() map[string]bool {
	wanted := map[string]bool{}
	for _, s := range slices.Backward(r.plan.Steps) {
		if slices.Contains(r.ends, s.Kind) {
			wanted[s.ID] = true
		}
		if wanted[s.ID] && !r.cached(s) {
			for _, need := range s.Needs {
				wanted[need] = true
			}
		}
	}
	return wanted
}

// cached reports whether a step's result is there.
func (r *run) cached(s plan.Step) bool {
	if s.Kind == plan.Toolchain {
		return s.Key != ""
	}
	return s.Key != "" && r.Store.Has(s.Key)
}

// step makes a step's result, or finds it in the store.
func (r *run) step(ctx context.Context, s plan.Step, wanted bool) error {
	return r.settle(ctx, s, wanted, r.course(r.event(s)))
}

// settle is step for one whose events may have begun.
func (r *run) settle(ctx context.Context, s plan.Step, wanted bool, c *course) error {
	e := c.e
	e.Kind = event.Cached
	if wanted && !r.cached(s) {
		made, err := r.make(ctx, s, c)
		if err != nil {
			return c.fail(ctx, err)
		}
		if made {
			e.Kind = event.Done
		}
	}
	if err := r.finish(ctx, s, &e, c.start); err != nil {
		return c.fail(ctx, err)
	}
	e.Elapsed = r.Now().Sub(c.start)
	r.history.note(s)
	r.used(s)
	if s.Kind != plan.Toolchain || !r.probed[s.Arch] {
		r.emit(e) // a probe of this build has told already
	}
	return nil
}

// finish does what is left once a step's result is in the store, and tells
// what the result is.
func (r *run) finish(ctx context.Context, s plan.Step, e *event.Event, start time.Time) error {
	switch s.Kind {
	case plan.Export, plan.SBOM:
		artifacts, err := r.place(ctx, s, e.Kind == event.Cached, start)
		e.Artifacts = artifacts
		return err
	case plan.Toolchain:
		describe(e, r.compilers[s.Arch])
	case plan.Libc:
		return r.describeLibc(s, e)
	case plan.Busybox:
		return r.describeBusybox(s, e)
	case plan.Check:
		var c checked
		if err := r.Store.Load(s.Key, &c); err != nil {
			return err
		}
		e.Message = c.Said
		if !c.Ran {
			e.Message = "not run: " + c.Why
		}
	}
	return nil
}

// event returns the start of every event of a step.
func (r *run) event(s plan.Step) event.Event {
	return event.Event{Step: s.Title(r.job.Config), Arch: s.Arch, Key: s.Hash()}
}

// make makes a step's result unless another process does at the same time.
func (r *run) make(ctx context.Context, s plan.Step, c *course) (bool, error) {
	work := map[plan.Kind]func(context.Context, plan.Step, string, *course) (any, error){
		plan.Source: r.source, plan.Patch: r.patch, plan.Libc: r.libc, plan.Busybox: r.busybox, plan.Rootfs: r.rootfs, plan.Check: r.check, plan.Export: r.export, plan.SBOM: r.sbom,
	}[s.Kind]
	if work == nil {
		return false, fmt.Errorf("there is no way to do step %s", s.ID)
	}
	if s.Kind == plan.Busybox || s.Kind == plan.Libc {
		select {
		case r.slots <- struct{}{}:
			defer func() { <-r.slots }()
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
	c.begin()
	return r.Store.Make(ctx, s.Key, c.wait, func(ctx context.Context, dir string) (any, error) {
		c.resume()
		result, err := work(ctx, s, dir, c)
		if err != nil {
			return nil, r.keepLogs(s.Key, err)
		}
		return result, nil
	})
}
