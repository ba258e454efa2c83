package lockfile

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/core/fault"
)

// Compare returns a fault for each of the entries that the file has with
// other values, or, if they have to be there, that it doesn't have.
func (f *File) Compare(entries []Entry, complete bool) []*fault.Error {
	var faults []*fault.Error
	for _, now := range entries {
		locked, ok := f.find(now)
		switch {
		case ok:
			if e := f.compare(locked, now); e != nil {
				faults = append(faults, e)
			}
		case complete:
			faults = append(faults, f.missing(now))
		}
	}
	return faults
}

// title names what an entry pins, for people.
func (e Entry) title() string {
	switch e.Kind {
	case Toolchain:
		return "compiler for " + e.Name
	case Plugin, Required:
		return fmt.Sprintf("plugin %q", e.Name)
	}
	return e.Kind + " for " + e.Name
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// remedy is what to do about any difference.
const remedy = "Get what the lock names, or run `mkmini lock` with this configuration to accept what is here."

func (f *File) missing(now Entry) *fault.Error {
	e := &fault.Error{
		Summary: upper(now.title()) + " is not in the lock",
		Detail:  fmt.Sprintf("%s has no entry for it", f.Path),
		Remedy:  "Run `mkmini lock` with this configuration to add what is here.",
	}
	if f.Source == nil {
		e.Detail = fmt.Sprintf("There is no %s", f.Path)
	}
	if now.Host != "" {
		e.Detail += " on " + now.Host
	}
	e.Detail += "."
	return e
}

// compare returns nil if two entries have the same values.
func (f *File) compare(locked, now Entry) *fault.Error {
	var lines []string
	var first *fault.Range
	for _, name := range names(locked, now) {
		was, is := locked.Values[name], now.Values[name]
		if was == is {
			continue
		}
		at, ok := locked.Ranges[name]
		if !ok {
			at = locked.Range
		}
		if first == nil {
			first = &at
		}
		lines = append(lines, fmt.Sprintf("%s:%d: %s is %s in the lock, and %s here", f.Path, at.Start.Line, name, quoted(was), quoted(is)))
	}
	if len(lines) == 0 {
		return nil
	}
	return &fault.Error{
		Summary: upper(now.title()) + " differs from the lock",
		Detail:  "What is about to be used is not what the lock pins.",
		Excerpt: lines, Remedy: remedy, Range: first,
	}
}

// quoted shows a value. Of a digest it shows as much as tells it from others
// and fits on a line: the whole one stands in the lock.
func quoted(v string) string {
	if v == "" {
		return "nothing"
	}
	return fmt.Sprintf("%q", digest.ReplaceAllString(v, "$1…"))
}

var digest = regexp.MustCompile(`\b([0-9a-f]{16})[0-9a-f]{48}\b`)

// names returns the names of both entries' values: fields in the order of the
// file, then the members of maps.
func names(a, b Entry) []string {
	k := kinds[kindIndex(a.Kind)]
	fields := slices.Concat(k.fields, k.optional)
	rank := func(name string) int {
		if i := slices.Index(fields, name); i >= 0 {
			return i
		}
		return len(fields)
	}
	all := slices.Concat(slices.Collect(maps.Keys(a.Values)), slices.Collect(maps.Keys(b.Values)))
	slices.SortFunc(all, func(x, y string) int { return cmp.Or(cmp.Compare(rank(x), rank(y)), cmp.Compare(x, y)) })
	return slices.Compact(all)
}
