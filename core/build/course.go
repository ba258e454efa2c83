package build

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/mkmini/mkmini/core/event"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// course is a step on its way: it sends the step's events in an order that
// those who watch can rely on.
type course struct {
	r *run
	// e is the start of every event of the step.
	e event.Event
	// start is when the step began.
	start time.Time
	once  sync.Once
	begun bool
	// waited says that another process was waited for.
	waited bool
}

func (r *run) course(e event.Event) *course { return &course{r: r, e: e, start: r.Now()} }

// begin tells that the step begins, if that hasn't been told.
func (c *course) begin() {
	c.once.Do(func() {
		c.start, c.begun = c.r.Now(), true
		e := c.e
		e.Kind = event.Start
		c.r.emit(e)
	})
}

// wait tells that another process does the same at the moment.
func (c *course) wait() {
	c.begin()
	c.waited = true
	e := c.e
	e.Kind, e.Message = event.Waiting, "another mkmini is making the same; waiting for it"
	c.r.emit(e)
}

// resume tells that there is nothing to wait for any more.
func (c *course) resume() {
	if c.waited {
		c.progress("", 0, 0, "")
	}
}

// progress sends a report.
func (c *course) progress(phase string, done, total int, message string) {
	c.begin()
	e := c.e
	e.Kind, e.Phase, e.Done, e.Total, e.Message = event.Progress, phase, done, total, message
	e.Elapsed = c.r.Now().Sub(c.start)
	if phase == "fetch" {
		e.Unit = event.Bytes
	}
	c.r.emit(e)
}

// report is progress as plugins call it.
func (c *course) report(p sdk.Report) { c.progress(p.Phase, p.Done, p.Total, p.Message) }

// warn sends remarks that don't stop the step, each with its place in the
// configuration if it names one that find knows. Their logs are kept.
func (c *course) warn(ds sdk.Diagnostics, find place) {
	if len(ds) == 0 {
		return
	}
	c.begin()
	e := c.e
	e.Kind, e.Diagnostics = event.Warning, event.FromPlugin(ds)
	keep := c.r.keeper("warning-" + cmp.Or(c.e.Key, c.e.Arch))
	for i, d := range ds {
		e.Diagnostics[i].Severity = sdk.Warning
		e.Diagnostics[i].Log = keep(d.Log)
		if len(d.Path) > 1 {
			if at, ok := find(d.Path); ok {
				e.Diagnostics[i].Range = event.At(&at)
			}
		}
	}
	c.r.emit(e)
}

// fail tells that the step failed, or was cancelled if it had begun.
func (c *course) fail(ctx context.Context, err error) error {
	cancelled := ctx.Err() != nil && !isFault(err)
	if cancelled && !c.begun {
		return context.Canceled
	}
	c.begin()
	e := c.e
	e.Elapsed = c.r.Now().Sub(c.start)
	if cancelled {
		e.Kind = event.Cancelled
		c.r.emit(e)
		return context.Canceled
	}
	err = explain(e, err)
	e.Kind, e.Message, e.Diagnostics = event.Failed, err.Error(), event.Diagnose(err)
	c.r.emit(e)
	return err
}
