package ui

import (
	"strings"

	"github.com/mkmini/mkmini/core/event"
)

// archName is what the rows of an architecture are called.
func archName(arch string) string {
	if arch == "" {
		return "all"
	}
	return clean(arch)
}

// head is the start of the lines about a step.
func (t *terminal) head(arch, step string) string {
	return pad(archName(arch), t.archCells) + "  " + pad(clean(step), t.labels) + "  "
}

// ended writes the line of a step that has ended, cut to the screen's width
// unless it says what went wrong.
func (t *terminal) ended(e event.Event, c color, verdict, message string) {
	t.tell(e.Arch)
	time := ""
	if e.Kind != event.Skipped {
		time = duration(e.Elapsed)
	}
	head, tail := t.head(e.Arch, e.Step), "  "+padLeft(time, 6)
	if message != "" {
		tail += "  " + message
	}
	limit, _ := t.screen.size(t.o.Err)
	if c == green && limit > 0 {
		tail = truncate(tail, limit-width(head)-9)
	}
	t.line(head + t.screen.paint(c, pad(verdict, 9)) + strings.TrimRight(tail, " "))
}

// hit notes a cached step. What is cached at the start of an architecture's
// way is told in one line once something else happens to it; a build with
// nothing to do says so at its end alone.
func (t *terminal) hit(e event.Event) {
	if t.o.Verbosity == 0 {
		t.cached[e.Arch] = append(t.cached[e.Arch], clean(e.Step))
		return
	}
	t.line(t.head(e.Arch, e.Step) + t.screen.paint(dim, "cached"))
	t.facts(e)
}

// tell writes the line about cached steps of an architecture.
func (t *terminal) tell(arch string) {
	steps := t.cached[arch]
	if len(steps) == 0 {
		return
	}
	delete(t.cached, arch)
	t.place(arch)
	t.line(pad(archName(arch), t.archCells) + "  " + t.screen.paint(dim, "cached: "+strings.Join(steps, ", ")))
}

func (t *terminal) facts(e event.Event) {
	if t.o.Verbosity == 0 {
		return
	}
	for _, line := range factLines(t.screen, e.Facts) {
		t.line("    " + line)
	}
}

func (t *terminal) warn(e event.Event) {
	where := join(" ", clean(e.Step), clean(e.Arch))
	mark := t.screen.paint(yellow, "warning:") + " "
	if len(e.Diagnostics) == 0 {
		t.line(mark + join(": ", where, clean(e.Message)))
	}
	limit, _ := t.screen.size(t.o.Err)
	for _, d := range e.Diagnostics {
		text := wrap(join(": ", "warning", where, sentence(d)), limit, 4)
		t.line(mark + strings.TrimPrefix(text, "warning: "))
		for _, line := range attached(d) {
			t.line("    " + line)
		}
	}
}

func (t *terminal) log(e event.Event) {
	text := label(e) + join(": ", levelOf(e), clean(e.Message))
	switch e.Level {
	case "warn":
		text = t.screen.paint(yellow, text)
	case "error":
		text = t.screen.paint(red, text)
	default:
		text = t.screen.paint(dim, text)
	}
	t.line(text)
}
