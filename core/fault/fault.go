// Package fault is the error that people see: the step that failed, the
// cause, the line of the configuration or the first compiler error, and what
// to do next.
package fault

import "fmt"

// Position is a place in a file. Line and Column count from 1, Byte from 0.
type Position struct {
	Line, Column, Byte int
}

// Range is a piece of a configuration file.
type Range struct {
	File       string
	Start, End Position
}

// String returns the range as file:line,column.
func (r Range) String() string {
	return fmt.Sprintf("%s:%d,%d", r.File, r.Start.Line, r.Start.Column)
}

// Error is a failure that tells the user what to do.
type Error struct {
	// Step names what was being done: "busybox for aarch64".
	Step string
	// Summary is terse, capitalised, with no period.
	Summary string
	// Detail is the cause in one full sentence.
	Detail string
	// Remedy is what to do next in one full sentence.
	Remedy string
	// Range is what it is about in the configuration; nil if nothing is.
	Range *Range
	// Related is another place that it is about; nil if there is none.
	Related *Range
	// Excerpt holds lines that explain it: the first compiler error, the
	// places that were tried.
	Excerpt []string
	// Log is the path of the full log; empty if there is none.
	Log string
	// Usage says that the configuration or the command line is at fault.
	Usage bool
	// Err is the cause for programs; it may be nil.
	Err error
}

// Error returns step, summary and detail in one line.
func (e *Error) Error() string {
	s := e.Summary
	if e.Step != "" {
		s = e.Step + ": " + s
	}
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

// Unwrap returns the cause for programs.
func (e *Error) Unwrap() error { return e.Err }
