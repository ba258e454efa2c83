// Package ui shows a build: bars on a terminal, plain lines off one, JSON
// lines for programs, and at the end what was made and how to run it.
package ui

import (
	"io"
	"sync"
	"time"

	"github.com/mkmini/mkmini/core/event"
)

// Mode is how a build is shown.
type Mode int

// The modes.
const (
	// Auto draws bars if Err is a terminal, and is Plain if not.
	Auto Mode = iota
	// Plain writes lines without control characters.
	Plain
	// JSON writes every event to Out as one line of JSON.
	JSON
)

// Options say where and how a build is shown.
type Options struct {
	// Out takes the results, and Err all else. In JSON mode Out takes the
	// events and Err nothing.
	Out, Err io.Writer
	// OutScreen and ErrScreen are what Detect says of them.
	OutScreen, ErrScreen Screen
	Mode                 Mode
	// Verbosity is how often -v was given: 1 adds facts, full digests and
	// log lines, 2 adds log lines of level "debug".
	Verbosity int
	// Now is the clock, safe for concurrent use; time.Now if nil.
	Now func() time.Time
}

// UI is an event.Sink that shows a build.
type UI struct {
	mu      sync.Mutex
	options Options
	out     *writer
	view    view
	tally   *tally
	closed  bool
}

var _ event.Sink = (*UI)(nil)

// view shows events one after the other.
type view interface {
	event(e event.Event, t *tally)
	// close takes away whatever is in motion; events may follow it.
	close()
}

// New returns a UI. Its owner calls Close on every path.
func New(o Options) *UI {
	if o.Now == nil {
		o.Now = time.Now
	}
	out := &writer{w: o.Out}
	u := &UI{options: o, out: out, tally: newTally()}
	// Width and height are asked of the writers as they were given.
	report := &report{out: out, screen: o.OutScreen, raw: o.Out, full: o.Verbosity > 0}
	switch {
	case o.Mode == JSON:
		u.view = &lines{out: out}
	case o.Mode == Auto && o.ErrScreen.Terminal:
		u.view = newTerminal(o, report)
	default:
		u.view = &plain{err: &writer{w: o.Err}, report: report, verbosity: o.Verbosity, now: o.Now, paces: make(map[id]*pace)}
	}
	return u
}

// Event shows an event; it may be called from several goroutines at once.
// Events after Close are dropped.
func (u *UI) Event(e event.Event) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed || e.Kind == event.Log && !u.wants(e.Level) {
		return
	}
	if e.Time.IsZero() {
		e.Time = u.options.Now()
	}
	u.tally.add(&e)
	u.view.event(e, u.tally)
}

// Close takes the bars away, those of unfinished steps too, and leaves the
// cursor at the start of a line. It returns the first error of writing to Out.
func (u *UI) Close() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.closed {
		u.closed = true
		u.view.close()
	}
	return u.out.failed
}

// wants says whether log lines of a level are to be shown.
func (u *UI) wants(level string) bool {
	switch level {
	case "warn", "error":
		return true
	case "debug":
		return u.options.Verbosity >= 2
	}
	return u.options.Verbosity >= 1
}

// writer remembers its first error and writes nothing after it.
type writer struct {
	w      io.Writer
	failed error
}

func (w *writer) Write(p []byte) (int, error) {
	if w.failed != nil {
		return 0, w.failed
	}
	n, err := w.w.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	w.failed = err
	return n, err
}

// text writes a string; an error is remembered.
func (w *writer) text(s string) { _, _ = io.WriteString(w, s) }
