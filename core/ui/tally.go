package ui

import (
	"fmt"
	"strings"
	"time"

	"github.com/mkmini/mkmini/core/event"
)

// id names one step of a build.
type id struct{ step, arch string }

func of(e event.Event) id { return id{e.Step, e.Arch} }

// tally knows when steps began and counts how they ended.
type tally struct {
	began map[id]time.Time
	first time.Time
	ended map[event.Kind]int
}

func newTally() *tally {
	return &tally{began: make(map[id]time.Time), ended: make(map[event.Kind]int)}
}

// add takes note of an event, and fills in how long its step or the build
// took, or has taken so far, if the sender left that out.
func (t *tally) add(e *event.Event) {
	if t.first.IsZero() {
		t.first = e.Time
	}
	switch {
	case e.Kind == event.Start:
		t.began[of(*e)] = e.Time
	case e.Kind == event.Summary:
		if e.Elapsed == 0 {
			e.Elapsed = e.Time.Sub(t.first)
		}
	case e.Kind == event.Progress:
		if start, ok := t.began[of(*e)]; ok && e.Elapsed == 0 {
			e.Elapsed = e.Time.Sub(start)
		}
	case e.Kind.Ends():
		t.ended[e.Kind]++
		if start, ok := t.began[of(*e)]; ok && e.Elapsed == 0 {
			e.Elapsed = e.Time.Sub(start)
		}
		delete(t.began, of(*e))
	}
}

// verdict is the sentence at the end of a build.
func (t *tally) verdict(e event.Event) string {
	took := duration(e.Elapsed)
	ran := t.ended[event.Done]
	switch {
	case e.Result == event.ResultFailed:
		return fmt.Sprintf("failed after %s: %s", took, t.counts())
	case e.Result == event.ResultCancelled:
		return fmt.Sprintf("cancelled after %s: %s", took, t.counts())
	case ran == 0 && t.ended[event.Cached] > 0:
		return fmt.Sprintf("nothing to do, %s cached (%s)", count(t.ended[event.Cached], "step"), took)
	}
	return fmt.Sprintf("built in %s: %s", took, t.counts())
}

func (t *tally) counts() string {
	parts := []string{count(t.ended[event.Done], "step") + " run"}
	for _, kind := range []event.Kind{event.Cached, event.Failed, event.Cancelled, event.Skipped} {
		if n := t.ended[kind]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, kind))
		}
	}
	return strings.Join(parts, ", ")
}
