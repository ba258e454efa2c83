package ui

import (
	"fmt"
	"time"

	"github.com/mkmini/mkmini/core/event"
)

// heartbeat is how long a plain line of progress is worth waiting for.
const heartbeat = 10 * time.Second

// plain is the view off a terminal: lines that begin with "[ARCH] STEP:", or
// "STEP:" if the architectures share it.
type plain struct {
	err       *writer
	report    *report
	verbosity int
	now       func() time.Time
	paces     map[id]*pace
}

func (p *plain) close() {}

func (p *plain) event(e event.Event, t *tally) {
	switch e.Kind {
	case event.Plan:
		p.plan(e)
	case event.Start:
		p.say(e, join(": ", "started", clean(e.Message)))
	case event.Progress:
		p.progress(e)
	case event.Waiting:
		p.say(e, join(": ", "waiting", clean(e.Message)))
	case event.Cached:
		p.say(e, "cached")
		p.facts(e)
	case event.Done:
		p.say(e, join(": ", "done in "+duration(e.Elapsed), clean(e.Message)))
		p.facts(e)
	case event.Skipped:
		p.say(e, join(": ", "skipped", clean(e.Message)))
	case event.Warning:
		p.warn(e)
	case event.Failed:
		p.say(e, join(": ", "failed after "+duration(e.Elapsed), summaries(e.Diagnostics)))
	case event.Cancelled:
		p.say(e, "cancelled after "+duration(e.Elapsed))
	case event.Log:
		p.say(e, join(": ", levelOf(e), clean(e.Message)))
	case event.Summary:
		p.err.text(t.verdict(e) + "\n")
		p.report.write(e.Artifacts)
	}
	if e.Kind.Ends() {
		delete(p.paces, of(e))
	}
}

// say writes a line about a step.
func (p *plain) say(e event.Event, what string) {
	p.err.text(label(e) + what + "\n")
}

// label is the start of each line about a step.
func label(e event.Event) string {
	s := ""
	if e.Arch != "" {
		s = "[" + clean(e.Arch) + "] "
	}
	if e.Step != "" {
		s += clean(e.Step) + ": "
	}
	return s
}

func levelOf(e event.Event) string {
	if e.Level == "" {
		return "info"
	}
	return clean(e.Level)
}

func (p *plain) plan(e event.Event) {
	p.err.text("plan: " + planned(e.Steps) + "\n")
	if p.verbosity == 0 {
		return
	}
	for _, s := range e.Steps {
		step := event.Event{Step: s.Step, Arch: s.Arch}
		p.err.text("plan: " + label(step) + join(": ", string(s.State), clean(s.Why)) + "\n")
	}
}

func (p *plain) warn(e event.Event) {
	if len(e.Diagnostics) == 0 {
		p.say(e, join(": ", "warning", clean(e.Message)))
	}
	for _, d := range e.Diagnostics {
		p.say(e, "warning: "+sentence(d))
		for _, line := range attached(d) {
			p.say(e, line)
		}
	}
}

func (p *plain) facts(e event.Event) {
	if p.verbosity == 0 {
		return
	}
	for _, line := range factLines(Screen{}, e.Facts) {
		p.say(e, "  "+line)
	}
}

// pace is what was last said about the progress of a step.
type pace struct {
	phase string
	tenth int
	at    time.Time
}

// progress writes a line for each phase, each tenth of it, and each heartbeat.
func (p *plain) progress(e event.Event) {
	now, tenth := p.now(), 0
	if e.Total > 0 {
		tenth = e.Done * 10 / e.Total
	}
	last, ok := p.paces[of(e)]
	if ok && e.Phase == last.phase && tenth <= last.tenth && now.Sub(last.at) < heartbeat {
		return
	}
	p.paces[of(e)] = &pace{phase: e.Phase, tenth: tenth, at: now}
	what := join(" ", clean(e.Phase), amount(e))
	if amount(e) != "" && e.Elapsed > 0 {
		what += fmt.Sprintf(" (%s)", duration(e.Elapsed))
	}
	if e.Total == 0 {
		what = join(": ", what, clean(e.Message))
	}
	if what != "" {
		p.say(e, what)
	}
}
