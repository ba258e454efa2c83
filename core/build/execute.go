package build

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/mkmini/mkmini/core/event"
	"github.com/mkmini/mkmini/core/plan"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// errSkipped marks a step whose needs weren't met; their failure is told.
var errSkipped = errors.New("what it needs was not made")

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
			if errors.Is(err, errSkipped) || errors.Is(err, context.Canceled) && len(errs) > 0 {
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
		return errSkipped // its compiler wasn't found, which has been told
	}
	if err := ctx.Err(); err != nil {
		return context.Canceled
	}
	return r.step(ctx, s, wanted)
}

// wanted returns the steps that have to be there: exports and checks, and
// whatever a missing one of these is made from. A result in the middle that
// nobody is going to read may be missing.
func (r *run) wanted() map[string]bool {
	wanted := map[string]bool{}
	for _, s := range slices.Backward(r.plan.Steps) {
		if s.Kind == plan.Export || s.Kind == plan.Check {
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
	e := r.event(s)
	start := r.Now()
	e.Kind = event.Cached
	if wanted && !r.cached(s) {
		made, err := r.make(ctx, s, e)
		if err != nil {
			return r.fail(ctx, e, start, err)
		}
		if made {
			e.Kind = event.Done
		}
	}
	if err := r.finish(ctx, s, &e, start); err != nil {
		return r.fail(ctx, e, start, err)
	}
	e.Elapsed = r.Now().Sub(start)
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
	case plan.Export:
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

// fail tells that a step failed, or was cancelled.
func (r *run) fail(ctx context.Context, e event.Event, start time.Time, err error) error {
	e.Elapsed = r.Now().Sub(start)
	if ctx.Err() != nil && !isFault(err) {
		e.Kind = event.Cancelled
		r.emit(e)
		return context.Canceled
	}
	err = explain(e, err)
	e.Kind, e.Message, e.Diagnostics = event.Failed, err.Error(), event.Diagnose(err)
	r.emit(e)
	return err
}

// make makes a step's result unless another process does at the same time.
func (r *run) make(ctx context.Context, s plan.Step, e event.Event) (bool, error) {
	work := map[plan.Kind]func(context.Context, plan.Step, string, reporter) (any, error){
		plan.Source: r.source, plan.Patch: r.patch, plan.Libc: r.libc, plan.Busybox: r.busybox, plan.Rootfs: r.rootfs, plan.Check: r.check, plan.Export: r.export,
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
	waiting := func() {
		w := e
		w.Kind, w.Message = event.Waiting, "another mkmini is making the same; waiting for it"
		r.emit(w)
	}
	return r.Store.Make(ctx, s.Key, waiting, func(ctx context.Context, dir string) (any, error) {
		started := e
		started.Kind = event.Start
		r.emit(started)
		result, err := work(ctx, s, dir, reporter{r, e})
		if err != nil {
			return nil, r.keepLogs(s.Key, err)
		}
		return result, nil
	})
}

// reporter sends a step's progress.
type reporter struct {
	r *run
	e event.Event
}

// progress sends a plugin's report.
func (p reporter) progress(phase string, done, total int, message string) {
	e := p.e
	e.Kind, e.Phase, e.Done, e.Total, e.Message = event.Progress, phase, done, total, message
	if phase == "fetch" {
		e.Unit = event.Bytes
	}
	p.r.emit(e)
}

// warn sends remarks that don't stop the step, each with its place in the
// configuration if it names one that find knows. Their logs are kept.
func (p reporter) warn(ds sdk.Diagnostics, find place) {
	if len(ds) == 0 {
		return
	}
	e := p.e
	e.Kind, e.Diagnostics = event.Warning, event.FromPlugin(ds)
	keep := p.r.keeper("warning-" + cmp.Or(p.e.Key, p.e.Arch))
	for i, d := range ds {
		e.Diagnostics[i].Severity = sdk.Warning
		e.Diagnostics[i].Log = keep(d.Log)
		if len(d.Path) > 1 {
			if at, ok := find(d.Path); ok {
				e.Diagnostics[i].Range = event.At(&at)
			}
		}
	}
	p.r.emit(e)
}
