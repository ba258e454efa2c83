package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"golang.org/x/term"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/event"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/ui"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// usageError is a mistake on the command line.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

// sources are the files of a configuration by name, for snippets.
type sources map[string]*hcl.File

// atFault reports whether the configuration or the command line is at fault.
// Of several failures one is enough, in whatever order they came: until it is
// mended, trying again is of no use.
func atFault(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		switch e := err.(type) {
		case hcl.Diagnostics, *usageError, *trouble:
			return true
		case *fault.Error:
			return e.Usage
		case interface{ Unwrap() []error }:
			return slices.ContainsFunc(e.Unwrap(), atFault)
		}
	}
	return false
}

// at gives an error a place in the configuration, if it is one for people
// that has none.
func at(err error, r fault.Range) error {
	var f *fault.Error
	if !errors.As(err, &f) || f.Range != nil {
		return err
	}
	placed := *f
	placed.Range = &r
	return &placed
}

// printer writes errors for people.
type printer struct {
	w     io.Writer
	files sources
	width uint
	color bool
}

func (a *app) printer() printer {
	p := printer{w: a.Streams.Err, files: a.files, width: 78}
	if f, ok := p.w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.color = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 20 {
			p.width = uint(w)
		}
	}
	return p
}

// warn writes warnings.
func (p printer) warn(diags hcl.Diagnostics) { p.diagnostics(diags) }

// print writes an error, or each of several that were joined.
func (p printer) print(err error) {
	var diags hcl.Diagnostics
	var f *fault.Error
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			p.print(e)
		}
		return
	}
	switch {
	case errors.As(err, &diags):
		p.diagnostics(diags)
	case errors.As(err, &f):
		p.fault(f)
	default:
		fmt.Fprintf(p.w, "Error: %s\n", err)
	}
}

// diagnostics writes through hcl's own writer, so that all messages look
// alike, whoever they come from.
func (p printer) diagnostics(diags hcl.Diagnostics) {
	for i, d := range diags {
		if d.Subject != nil && p.files[d.Subject.Filename] == nil {
			bare := *d // there is no text to show: the detail names the file
			bare.Subject = nil
			diags[i] = &bare
		}
	}
	w := hcl.NewDiagnosticTextWriter(p.w, p.files, p.width, p.color)
	_ = w.WriteDiagnostics(diags) // stderr is gone: nobody to tell
}

// fault writes what failed and where in the form of hcl's diagnostics, then
// the cause, the lines that explain it, and what to do next. Sentences are
// wrapped; commands, what a compiler said, and paths stay as they are, since
// they are there to be copied.
func (p printer) fault(f *fault.Error) {
	d := &hcl.Diagnostic{Severity: hcl.DiagError, Summary: f.Summary}
	if f.Step != "" {
		d.Summary += " (" + f.Step + ")"
	}
	if f.Range != nil {
		r := config.HCLRange(*f.Range)
		d.Subject = &r
	}
	p.diagnostics(hcl.Diagnostics{d})
	var excerpt []string
	for _, line := range f.Excerpt {
		excerpt = append(excerpt, "  "+strings.ReplaceAll(line, "\n", "\n  "))
	}
	parts := []string{p.wrap(f.Detail), strings.Trim(strings.Join(excerpt, "\n"), "\n"), p.wrap(f.Remedy)}
	if f.Log != "" {
		parts = append(parts, "The full log is "+f.Log)
	}
	for _, part := range parts {
		if strings.TrimSpace(part) != "" {
			fmt.Fprintf(p.w, "%s\n\n", part)
		}
	}
}

// wrap breaks the lines of a text at spaces.
func (p printer) wrap(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = ui.Wrap(line, int(p.width))
	}
	return strings.Join(lines, "\n")
}

// diagnostics returns what an error says as data.
func diagnostics(err error) []event.Diagnostic {
	var diags hcl.Diagnostics
	if !errors.As(err, &diags) {
		return event.Diagnose(err)
	}
	var all []event.Diagnostic
	for _, d := range diags {
		one := event.Diagnostic{Severity: sdk.Error, Summary: d.Summary, Detail: d.Detail, Usage: true}
		if d.Severity == hcl.DiagWarning {
			one.Severity = sdk.Warning
		}
		if s := d.Subject; s != nil {
			one.Range = &event.Range{
				File: s.Filename, Line: s.Start.Line, Column: s.Start.Column, EndLine: s.End.Line, EndColumn: s.End.Column,
			}
		}
		all = append(all, one)
	}
	return all
}
