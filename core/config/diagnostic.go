package config

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/mkmini/mkmini/core/fault"
)

// related is the Extra of a diagnostic that is about two places.
type related struct{ hcl.Range }

// Related returns the second place that a diagnostic is about, such as the
// first of two duplicates, and false if it is about one only.
func Related(diag *hcl.Diagnostic) (fault.Range, bool) {
	r, ok := diag.Extra.(related)
	return Range(r.Range), ok
}

// Range returns a range of hcl as one of package fault.
func Range(r hcl.Range) fault.Range {
	return fault.Range{
		File:  r.Filename,
		Start: fault.Position{Line: r.Start.Line, Column: r.Start.Column, Byte: r.Start.Byte},
		End:   fault.Position{Line: r.End.Line, Column: r.End.Column, Byte: r.End.Byte},
	}
}

// HCLRange is the reverse of [Range].
func HCLRange(r fault.Range) hcl.Range {
	return hcl.Range{
		Filename: r.File,
		Start:    hcl.Pos{Line: r.Start.Line, Column: r.Start.Column, Byte: r.Start.Byte},
		End:      hcl.Pos{Line: r.End.Line, Column: r.End.Column, Byte: r.End.Byte},
	}
}

// problem returns an error about a place.
func problem(at hcl.Range, summary, format string, args ...any) *hcl.Diagnostic {
	return &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  summary,
		Detail:   fmt.Sprintf(format, args...),
		Subject:  &at,
	}
}

// clash returns an error about two places, of which at is the later one.
func clash(at, first hcl.Range, summary, format string, args ...any) *hcl.Diagnostic {
	diag := problem(at, summary, format, args...)
	diag.Detail += fmt.Sprintf(" The other one is at %s.", place(first))
	diag.Extra = related{first}
	return diag
}

// place names a place for people.
func place(r hcl.Range) string { return Range(r).String() }

// startOf is the first position of a file.
func startOf(file string) hcl.Range {
	return hcl.Range{Filename: file, Start: hcl.InitialPos, End: hcl.InitialPos}
}

// before orders ranges of one file by position.
func before(a, b hcl.Range) int { return cmp.Compare(a.Start.Byte, b.Start.Byte) }

// tidy sorts diagnostics by place, in the order of files, and drops those
// that say the same: a block is evaluated once for each architecture.
func tidy(diags hcl.Diagnostics, files []string) hcl.Diagnostics {
	type key struct {
		severity        hcl.DiagnosticSeverity
		summary, detail string
		subject         hcl.Range
	}
	seen := make(map[key]bool)
	var kept hcl.Diagnostics
	for _, diag := range diags {
		k := key{diag.Severity, diag.Summary, diag.Detail, subject(diag)}
		if !seen[k] {
			seen[k] = true
			kept = append(kept, diag)
		}
	}
	slices.SortStableFunc(kept, func(a, b *hcl.Diagnostic) int {
		x, y := subject(a), subject(b)
		return cmp.Or(
			cmp.Compare(slices.Index(files, x.Filename), slices.Index(files, y.Filename)),
			cmp.Compare(x.Start.Byte, y.Start.Byte))
	})
	return kept
}

func subject(diag *hcl.Diagnostic) hcl.Range {
	if diag.Subject == nil {
		return hcl.Range{}
	}
	return *diag.Subject
}
