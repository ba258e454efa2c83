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
	"github.com/mkmini/mkmini/plugins/sdk/distro"
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
		lines = append(lines, fmt.Sprintf("%s was passed over: %s", r.CC, r.problems().Error()))
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
	if len(o.from(o.req)) == 1 && len(o.failed) == 1 {
		return onlyPlace(o.req, o.failed[0])
	}
	where := "None of the places of this block"
	if o.req.Toolchain.Range.File == "" {
		where = "None of the places below"
	}
	return &fault.Error{
		Step:    "toolchain for " + o.req.Info.Arch,
		Summary: notFoundSummary(o.req),
		Detail:  where + " has a C compiler for " + o.req.Info.Arch + ".",
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
	return distro.Here().Install("one", req.Info.Packages...) + " Or " + point + "."
}

// problems are why the compiler was refused, without warnings. There is
// always one.
func (r refusal) problems() sdk.Diagnostics {
	problems := slices.DeleteFunc(slices.Clone(r.diags), func(d sdk.Diagnostic) bool { return d.Severity == sdk.Warning })
	if len(problems) == 0 {
		return sdk.Diagnostics{{
			Summary: "Compiler refused without a reason",
			Detail:  fmt.Sprintf("The plugin refuses %s and does not say why.", r.CC),
			Remedy:  "Report this to whoever makes the plugin, or use another compiler.",
		}}
	}
	return problems
}

// unusable is the error for compilers that were found and can't be used. All
// that is wrong with the first one is told in full, each at its place, since
// it is the one that would have been taken.
func unusable(req Request, refused []refusal, tried []string) error {
	var faults []error
	for i, d := range refused[0].problems() {
		f := &fault.Error{
			Step:    "toolchain for " + req.Info.Arch,
			Summary: d.Summary, Detail: d.Detail, Remedy: cmp.Or(d.Remedy, remedy(req)),
			Excerpt: d.Excerpt, Log: d.Log, Range: &req.Toolchain.Range,
		}
		if r, ok := written(req, d.Path); ok {
			f.Range, f.Usage = &r, true
		}
		if i == 0 {
			f.Excerpt = slices.Concat(d.Excerpt, remarks(refused[1:]), tried)
		}
		faults = append(faults, f)
	}
	if len(faults) == 1 {
		return faults[0]
	}
	return errors.Join(faults...)
}

// written returns where the attribute stands that a path names, or else the
// innermost one around it whose place is known.
func written(req Request, path []string) (fault.Range, bool) {
	for n := len(path); n > 1 && path[0] == "attributes"; n-- {
		if r, ok := req.Toolchain.AttributeRanges[strings.Join(path[1:n], ".")]; ok {
			return r, true
		}
	}
	return fault.Range{}, false
}
