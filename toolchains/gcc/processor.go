package gcc

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// processor says which processor the compiler makes code for, as it tells
// itself: "-march=armv7-a+fp". Compilers that aren't gcc have no such option.
func (p *probe) processor(ctx context.Context) finding {
	out, err := p.output(ctx, p.cc, append(slices.Clone(p.flags.compile), "-Q", "--help=target")...)
	if options := processorOptions(out); err == nil && len(options) > 0 {
		return ok("cpu", strings.Join(options, " "))
	}
	if p.flags.cpu != "" {
		return ok("cpu", p.info.CPUFlag+p.flags.cpu)
	}
	return ok("cpu", "the compiler's own choice")
}

// processorOptions reads what `gcc -Q --help=target` prints of -mcpu and
// -march: an option, blanks and its value, which may be missing.
func processorOptions(text string) []string {
	var options []string
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 2 && (fields[0] == "-mcpu=" || fields[0] == "-march=") {
			options = append(options, fields[0]+fields[1])
		}
	}
	slices.Sort(options)
	return slices.Compact(options)
}

// noProcessor is the name of no processor.
const noProcessor = "mkmini-asks"

// processors says which processors the attribute `cpu` may name. gcc lists
// them when it refuses one, since version 8 and not for all architectures.
func (p *probe) processors(ctx context.Context) finding {
	source := filepath.Join(p.dir, "processors.c")
	if err := os.WriteFile(source, []byte("int x;\n"), 0o644); err != nil {
		return fail("cpus", "", diskProblem(err))
	}
	_, err := p.output(ctx, p.cc, p.info.CPUFlag+noProcessor, "-fsyntax-only", source)
	var failed *commandError
	if errors.As(err, &failed) {
		if names := refusedFor(failed.output); len(names) > 0 {
			return ok("cpus", p.info.CPUFlag+" "+strings.Join(names, " "))
		}
	}
	return ok("cpus", p.info.CPUFlag+", for which the compiler has no list")
}

// refusedFor reads the names of a compiler's note "valid arguments are: a b;
// did you mean a?", sorted. Clang says "valid target CPU values are: a, b".
func refusedFor(text string) []string {
	for line := range strings.Lines(text) {
		before, list, ok := strings.Cut(line, " are: ")
		if !ok || !strings.Contains(before, "valid ") {
			continue
		}
		list, _, _ = strings.Cut(list, ";")
		names := strings.FieldsFunc(list, func(r rune) bool { return r == ' ' || r == ',' || r == '\n' || r == '\r' })
		slices.Sort(names)
		return slices.Compact(names)
	}
	return nil
}
