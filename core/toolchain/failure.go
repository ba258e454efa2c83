package toolchain

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// refusal is a compiler that failed its probe.
type refusal struct {
	Candidate
	diags sdk.Diagnostics
}

// remarks returns a line for each compiler that was passed over.
func (o *obtaining) remarks() []string { return remarks(o.refused) }

func remarks(refused []refusal) []string {
	var lines []string
	for _, r := range refused {
		lines = append(lines, fmt.Sprintf("%s was passed over: %s", r.CC, r.diags.Error()))
	}
	return lines
}

// failure explains that no place had a compiler of use.
func (o *obtaining) failure() error {
	if len(o.refused) == 0 {
		return o.notFound()
	}
	return unusable(o.req, o.refused, o.tried)
}

// failed is a block whose provider brought nothing, and what was the matter
// with the compiler that was kept for it, if there was one.
type failed struct {
	block     config.From
	err, kept error
}

// notFound is the first error a newcomer sees: it says what was looked for,
// where, which package has it, and how to point to a compiler. If a
// configuration names one place alone, it is about that.
func (o *obtaining) notFound() error {
	if len(o.req.Toolchain.From) == 1 && len(o.failed) == 1 {
		return onlyPlace(o.req, o.failed[0])
	}
	return &fault.Error{
		Step:    "toolchain for " + o.req.Info.Arch,
		Summary: notFoundSummary(o.req),
		Detail:  "None of the places of this block has a C compiler for " + o.req.Info.Arch + ".",
		Excerpt: o.tried,
		Remedy:  remedy(o.req),
		Range:   &o.req.Toolchain.Range,
	}
}

func notFoundSummary(req Request) string { return "No compiler for " + req.Info.Arch + " found" }

// onlyPlace explains why the only block that there is brought nothing. What
// the provider knows of it is told as it is.
func onlyPlace(req Request, from failed) error {
	f := &fault.Error{
		Step: "toolchain for " + req.Info.Arch, Summary: notFoundSummary(req),
		Detail: capital(from.err.Error()) + ".", Remedy: remedy(req), Range: &from.block.Range, Err: from.err,
	}
	var known *fault.Error
	if errors.As(from.err, &known) {
		f.Summary, f.Detail, f.Excerpt, f.Log, f.Usage = known.Summary, known.Detail, known.Excerpt, known.Log, known.Usage
		f.Remedy = cmp.Or(known.Remedy, f.Remedy)
	}
	if from.kept != nil {
		f.Detail += " " + capital(from.kept.Error()) + "."
	}
	if from.block.Range.File == "" {
		f.Range = &req.Toolchain.Range
	}
	return f
}

// beginnings are words, and no names, that clauses begin with.
var beginnings = []string{"it", "its", "no", "none", "the", "there"}

// capital makes a sentence of a clause, unless it begins with a name.
func capital(clause string) string {
	word, _, _ := strings.Cut(clause, " ")
	if !slices.Contains(beginnings, word) {
		return clause
	}
	return strings.ToUpper(clause[:1]) + clause[1:]
}

func remedy(req Request) string {
	point := fmt.Sprintf(`point to a compiler's folder with from "path" { dir = "/path/to/compiler" } in toolchain %q`, req.Toolchain.Plugin)
	if len(req.Info.Packages) == 0 {
		return "No Debian package holds this compiler: get it from the vendor of the processor, then " + point + "."
	}
	return fmt.Sprintf("Install it with `apt-get install %s`, or %s.", strings.Join(req.Info.Packages, " "), point)
}

// unusable is the error for compilers that were found and can't be used. The
// first one's is told in full.
func unusable(req Request, refused []refusal, tried []string) error {
	first := refused[0].diags[0]
	f := &fault.Error{
		Step:    "toolchain for " + req.Info.Arch,
		Summary: first.Summary,
		Detail:  first.Detail,
		Remedy:  first.Remedy,
		Excerpt: first.Excerpt,
		Log:     first.Log,
		Range:   &req.Toolchain.Range,
	}
	if f.Remedy == "" {
		f.Remedy = remedy(req)
	}
	if len(first.Path) == 2 && first.Path[0] == "attributes" {
		if r, ok := req.Toolchain.AttributeRanges[first.Path[1]]; ok {
			f.Range, f.Usage = &r, true
		}
	}
	f.Excerpt = append(f.Excerpt, remarks(refused[1:])...)
	f.Excerpt = append(f.Excerpt, tried...)
	return f
}
