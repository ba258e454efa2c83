package ui

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/core/event"
)

// report writes the results of a build: what was made, and how to run it.
type report struct {
	out    *writer
	screen Screen
	// raw is the writer that the screen's size is asked of.
	raw io.Writer
	// full shows digests in full on any screen.
	full bool
}

func (r *report) write(artifacts []event.Artifact) {
	if len(artifacts) == 0 {
		return
	}
	r.out.text(r.table(artifacts) + r.commands(artifacts))
}

// table shows digests in full, for people copy them, unless a terminal is too
// narrow for it. If it is too narrow even so, or they must be full, each
// artifact gets lines of its own.
func (r *report) table(artifacts []event.Artifact) string {
	limit, _ := r.screen.size(r.raw)
	lines := artifactLines(artifacts, func(s string) string { return s })
	fits := func() bool { return limit == 0 || widest(lines) <= limit }
	if !fits() && !r.full {
		lines = artifactLines(artifacts, short)
	}
	if !fits() {
		return r.stacked(artifacts)
	}
	lines[0] = r.screen.paint(bold, lines[0])
	return indent("", lines)
}

func artifactLines(artifacts []event.Artifact, digest func(string) string) []string {
	columns := []column{
		{title: "artifact"}, {title: "format"}, {title: "arch"}, {title: "libc"},
		{title: "size", right: true}, {title: "sha256"}, {title: "time", right: true},
	}
	// Not every artifact holds programs.
	libc := slices.ContainsFunc(artifacts, func(a event.Artifact) bool { return a.Libc != "" })
	if !libc {
		columns = slices.Delete(columns, 3, 4)
	}
	rows := make([][]string, len(artifacts))
	for i, a := range artifacts {
		rows[i] = []string{
			clean(a.Path), clean(a.Format), orDash(a.Arch), orDash(a.Libc),
			size(a.Size), orDash(digest(a.SHA256)), took(a),
		}
		if !libc {
			rows[i] = slices.Delete(rows[i], 3, 4)
		}
	}
	return layout(columns, rows)
}

func (r *report) stacked(artifacts []event.Artifact) string {
	var b strings.Builder
	for _, a := range artifacts {
		digest := "  " + orDash(short(a.SHA256))
		if r.full && a.SHA256 != "" {
			digest = "\n  " + clean(a.SHA256)
		}
		fmt.Fprintf(&b, "%s\n  %s  %s  %s  %s%s\n", r.screen.paint(bold, clean(a.Path)),
			clean(a.Format), join(", ", orDash(a.Arch), clean(a.Libc)), size(a.Size), took(a), digest)
	}
	return b.String()
}

func took(a event.Artifact) string {
	if a.Cached {
		return "cached"
	}
	return duration(a.Elapsed)
}

// commands lists what to type; what it says beside the commands is a comment
// for a shell, so that all of it can be pasted.
func (r *report) commands(artifacts []event.Artifact) string {
	var b strings.Builder
	for _, a := range artifacts {
		if len(a.Run) == 0 {
			continue
		}
		what := clean(a.Format)
		if a.Arch != "" {
			what += ", " + clean(a.Arch)
		}
		fmt.Fprintf(&b, "\n%s\n", r.screen.paint(dim, "# "+what))
		for _, command := range Commands(a) {
			b.WriteString(command + "\n")
		}
	}
	return b.String()
}
