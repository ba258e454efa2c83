package ui

import (
	"fmt"
	"strings"

	"github.com/mkmini/mkmini/core/event"
)

// sentence says what a diagnostic says, but for its excerpt and log.
func sentence(d event.Diagnostic) string {
	s := clean(d.Summary)
	if d.Range != nil {
		s = fmt.Sprintf("%s:%d: %s", clean(d.Range.File), d.Range.Line, s)
	}
	return join(": ", s, join(" ", clean(d.Detail), clean(d.Remedy)))
}

// summaries names what went wrong in a few words; the whole of a failure is
// for the command line to show once the build has ended.
func summaries(ds []event.Diagnostic) string {
	var names []string
	for _, d := range ds {
		names = append(names, clean(d.Summary))
	}
	return strings.Join(names, "; ")
}

// attached are the lines that go below a warning.
func attached(d event.Diagnostic) []string {
	var lines []string
	for _, line := range d.Excerpt {
		// Excerpts keep their indentation: it is code.
		text := clean(line)
		lead := len(line) - len(strings.TrimLeft(line, " \t"))
		lines = append(lines, "| "+strings.ReplaceAll(line[:lead], "\t", "    ")+text)
	}
	if d.Log != "" {
		lines = append(lines, "log: "+clean(d.Log))
	}
	return lines
}

// amount writes how much of a step is done: "283/566", "1.20/2.40 MiB"; empty
// if nothing is counted.
func amount(e event.Event) string {
	switch {
	case e.Unit == event.Bytes && e.Total > 0:
		return sizes(int64(e.Done), int64(e.Total))
	case e.Unit == event.Bytes && e.Done > 0:
		return size(int64(e.Done))
	case e.Total > 0:
		return fmt.Sprintf("%d/%d", e.Done, e.Total)
	case e.Done > 0:
		return fmt.Sprint(e.Done)
	}
	return ""
}

// join puts what isn't empty together.
func join(sep string, parts ...string) string {
	var some []string
	for _, p := range parts {
		if p != "" {
			some = append(some, p)
		}
	}
	return strings.Join(some, sep)
}

// planned counts the steps of a plan.
func planned(steps []event.Step) string {
	cached := 0
	for _, s := range steps {
		if s.State == event.StateCached {
			cached++
		}
	}
	return fmt.Sprintf("%s, %d cached", count(len(steps), "step"), cached)
}
