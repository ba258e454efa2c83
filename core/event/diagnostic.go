package event

import (
	"errors"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// Diagnostic is a message to the user, with all that a program needs to show
// it by a line of the configuration.
type Diagnostic struct {
	Severity sdk.Severity `json:"severity"`
	// Summary is terse, capitalised, with no period.
	Summary string `json:"summary"`
	// Detail is the cause, and Remedy what to do next, each in one sentence.
	Detail string `json:"detail,omitempty"`
	Remedy string `json:"remedy,omitempty"`
	// Range is what it is about in the configuration, and Related another
	// place; nil if there is none.
	Range   *Range `json:"range,omitempty"`
	Related *Range `json:"related,omitempty"`
	// Excerpt holds lines that explain it, such as the first compiler error.
	Excerpt []string `json:"excerpt,omitempty"`
	// Log is the path of the full log.
	Log string `json:"log,omitempty"`
	// Usage says that the configuration or the command line is at fault.
	Usage bool `json:"usage,omitempty"`
}

// Range is a piece of a configuration file. Lines and columns count from 1;
// the end is behind the last character.
type Range struct {
	File      string `json:"file"`
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	EndLine   int    `json:"end_line"`
	EndColumn int    `json:"end_column"`
}

// Diagnose returns what an error has to say to the user: one diagnostic for
// each error that errors.Join put together, none for nil.
func Diagnose(err error) []Diagnostic {
	if err == nil {
		return nil
	}
	if found := find(err); len(found) > 0 {
		return found
	}
	return []Diagnostic{{Severity: sdk.Error, Summary: err.Error()}}
}

// find looks through an error for those that are made for users. Errors that
// are not count only where they were joined with others: elsewhere the text of
// the whole says more than that of its innermost part.
func find(err error) []Diagnostic {
	for ; err != nil; err = errors.Unwrap(err) {
		switch e := err.(type) {
		case *fault.Error:
			return []Diagnostic{fromFault(e)}
		case sdk.Diagnostics:
			return FromPlugin(e)
		case interface{ Unwrap() []error }:
			var all []Diagnostic
			for _, one := range e.Unwrap() {
				all = append(all, Diagnose(one)...)
			}
			return all
		}
	}
	return nil
}

// FromPlugin returns a plugin's diagnostics without their places in the
// configuration, for warnings.
func FromPlugin(ds sdk.Diagnostics) []Diagnostic {
	all := make([]Diagnostic, len(ds))
	for i, d := range ds {
		severity := d.Severity
		if severity == "" {
			severity = sdk.Error
		}
		all[i] = Diagnostic{
			Severity: severity,
			Summary:  d.Summary,
			Detail:   d.Detail,
			Remedy:   d.Remedy,
			Excerpt:  d.Excerpt,
			Log:      d.Log,
		}
	}
	return all
}

func fromFault(f *fault.Error) Diagnostic {
	return Diagnostic{
		Severity: sdk.Error,
		Summary:  f.Summary,
		Detail:   f.Detail,
		Remedy:   f.Remedy,
		Range:    At(f.Range),
		Related:  At(f.Related),
		Excerpt:  f.Excerpt,
		Log:      f.Log,
		Usage:    f.Usage,
	}
}

// At returns a place in the configuration as data; nil for none.
func At(r *fault.Range) *Range {
	if r == nil {
		return nil
	}
	return &Range{
		File: r.File,
		Line: r.Start.Line, Column: r.Start.Column,
		EndLine: r.End.Line, EndColumn: r.End.Column,
	}
}
