package sdk

import "strings"

// Severity says whether a diagnostic stops the work.
type Severity string

// The severities.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Diagnostic is a message to the user.
type Diagnostic struct {
	// Severity is Error if empty.
	Severity Severity
	// Summary is terse, capitalised, with no period.
	Summary string
	// Detail is the cause in one full sentence.
	Detail string
	// Remedy is what to do next in one full sentence.
	Remedy string
	// Path names the configuration that it is about, from the top:
	// ["busybox", "set", "FOO"], ["busybox", "applets", "only", "2"], or
	// ["attributes", "cpu"] for an attribute of the plugin's own block. Empty
	// if it is about nothing the user wrote.
	Path []string
	// Excerpt holds lines that explain it, such as the first compiler error
	// with its command.
	Excerpt []string
	// Log is the absolute path of the full log.
	Log string
}

// Diagnostics is an error that plugins return for what the user can mend.
type Diagnostics []Diagnostic

// Error returns all summaries and details in one line.
func (d Diagnostics) Error() string {
	texts := make([]string, len(d))
	for i, one := range d {
		texts[i] = one.Summary
		if one.Detail != "" {
			texts[i] += ": " + one.Detail
		}
	}
	return strings.Join(texts, "; ")
}
