package gcc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/mkmini/mkmini/plugins/sdk"
	"github.com/mkmini/mkmini/plugins/sdk/distro"
)

// headers is what a preprocessor left of a source: the macros that hold at
// its end, and the header files that were read.
type headers struct {
	macros map[string]string
	files  []string
}

// preprocess runs the preprocessor over a source.
func (t tools) preprocess(ctx context.Context, cc string, flags []string, name, source string) (headers, error) {
	file := filepath.Join(t.dir, name+".c")
	if err := os.WriteFile(file, []byte(source), 0o644); err != nil {
		return headers{}, err
	}
	args := append(slices.Clone(flags), "-E", "-dD", file)
	out, err := t.output(ctx, cc, args...)
	if err != nil {
		return headers{}, err
	}
	return parseHeaders(out), nil
}

// parseHeaders reads what `-E -dD` prints: #define and #undef lines, and
// linemarkers, `# 1 "/usr/include/features.h" 1 3 4`.
func parseHeaders(text string) headers {
	h := headers{macros: map[string]string{}}
	seen := map[string]bool{}
	for line := range strings.Lines(text) {
		fields := strings.SplitN(strings.TrimSpace(line), " ", 3)
		if len(fields) < 2 {
			continue
		}
		switch fields[0] {
		case "#define":
			value := ""
			if len(fields) == 3 {
				value = fields[2]
			}
			h.macros[fields[1]] = value
		case "#undef":
			delete(h.macros, fields[1])
		case "#":
			if len(fields) < 3 {
				continue
			}
			_, rest, _ := strings.Cut(fields[2], `"`)
			name, _, ok := strings.Cut(rest, `"`)
			if ok && filepath.IsAbs(name) && !seen[name] {
				seen[name] = true
				h.files = append(h.files, name)
			}
		}
	}
	return h
}

// sysroot says where the compiler looks for headers and libraries.
func (p *probe) sysroot(ctx context.Context) finding {
	out, err := p.output(ctx, p.cc, append(slices.Clone(p.flags.compile), "-print-sysroot")...)
	root := strings.TrimSpace(out)
	if err != nil || root == "" {
		return ok("sysroot", "built in")
	}
	return ok("sysroot", filepath.Clean(root))
}

// libc says which C library the compiler's headers are of.
func (p *probe) libc(ctx context.Context, target string) finding {
	h, err := p.preprocess(ctx, p.cc, p.flags.compile, "libc", "#include <features.h>\n#include <stdlib.h>\n")
	if err != nil {
		return fail("libc", "no headers", p.headersMissing(err, "the C library", p.libcPackage()))
	}
	name := libcVersion(h.macros, target)
	if name == "musl" {
		name = strings.TrimSpace(name + " " + p.muslVersion(ctx))
	}
	return ok("libc", name, named(h.files, "features.h")...)
}

// libcVersion names a C library by its macros. musl has none on purpose.
func libcVersion(macros map[string]string, target string) string {
	switch {
	case macros["__UCLIBC__"] != "":
		return fmt.Sprintf("uclibc %s.%s.%s", macros["__UCLIBC_MAJOR__"], macros["__UCLIBC_MINOR__"], macros["__UCLIBC_SUBLEVEL__"])
	case macros["__GLIBC__"] != "":
		return fmt.Sprintf("glibc %s.%s", macros["__GLIBC__"], macros["__GLIBC_MINOR__"])
	case macros["__BIONIC__"] != "" || strings.Contains(target, "android"):
		return "bionic"
	}
	return "musl"
}

// parseLibc reads what the probe says of a C library.
func parseLibc(value string) (name string, number version) {
	name, text, _ := strings.Cut(value, " ")
	return name, parseVersion(text)
}

// headerMacros returns the macros that breakages look for, as far as a
// compiler's headers have them.
func (t tools) headerMacros(ctx context.Context, cc string, flags []string) map[string]string {
	found := map[string]string{}
	for _, one := range breakages {
		if one.header == "" {
			continue
		}
		h, err := t.preprocess(ctx, cc, flags, one.name, fmt.Sprintf("#include <%s>\n", one.header))
		if value, ok := h.macros[one.macro]; ok && err == nil {
			found[one.macro] = value
		}
	}
	return found
}

// kernelHeaders says which version of Linux the compiler's headers describe.
func (p *probe) kernelHeaders(ctx context.Context) finding {
	h, err := p.preprocess(ctx, p.cc, p.flags.compile, "kernel", "#include <linux/version.h>\n")
	if err != nil {
		return fail("kernel_headers", "missing", p.headersMissing(err, "the Linux kernel", p.kernelPackage()))
	}
	code, err := strconv.Atoi(h.macros["LINUX_VERSION_CODE"])
	if err != nil {
		return finding{fact: sdk.Fact{Name: "kernel_headers", Value: "unknown", Status: sdk.Warn,
			Remedy: "Check that linux/version.h defines LINUX_VERSION_CODE."}}
	}
	return ok("kernel_headers", fmt.Sprintf("%d.%d.%d", code>>16, code>>8&0xff, code&0xff), named(h.files, "version.h")...)
}

// macros says which of the compiler's own macros name the architecture.
func (p *probe) macros(ctx context.Context, target string) (finding, map[string]string) {
	h, err := p.preprocess(ctx, p.cc, p.flags.compile, "macros", "\n")
	if err != nil {
		problem := sdk.Diagnostic{
			Summary: "Compiler refuses its options",
			Detail:  fmt.Sprintf("%s does not preprocess an empty file with %q.", p.cc, p.flags.compile),
			Remedy:  "Check `cpu` and `cflags` of the toolchain block against what this compiler takes.",
			Excerpt: excerpt(err),
		}
		switch said := strings.Join(problem.Excerpt[1:], " "); {
		case p.flags.cpu != "" && strings.Contains(said, p.flags.cpu):
			problem.Path = []string{"attributes", "cpu"}
		case p.flags.own:
			problem.Path = []string{"attributes", "cflags"}
		}
		return fail("macros", "none", problem), nil
	}
	machine, _, _ := strings.Cut(target, "-")
	// Some have a part of the name only: __riscv, __mips64, __powerpc64__.
	for _, part := range []string{machine, strings.TrimRight(machine, "el"), strings.TrimRight(machine, "el0123456789")} {
		var names []string
		for _, name := range slices.Sorted(maps.Keys(h.macros)) {
			if part != "" && strings.HasPrefix(strings.TrimLeft(name, "_"), part) && h.macros[name] == "1" {
				names = append(names, name)
			}
		}
		if len(names) > 0 {
			return ok("macros", strings.Join(names, " ")), h.macros
		}
	}
	return ok("macros", "none that name "+machine), h.macros
}

func (p *probe) headersMissing(err error, whose, debian string) sdk.Diagnostic {
	return sdk.Diagnostic{
		Summary: "Compiler has no headers of " + whose,
		Detail:  fmt.Sprintf("%s does not find the header files of %s.", p.cc, whose),
		Remedy:  p.install(debian, "the headers of "+whose),
		Excerpt: excerpt(err),
	}
}

// cross says whether the compiler is one of Debian's cross compilers.
func (p *probe) cross() bool { return strings.HasSuffix(p.pre, "-") }

// debianArch is Debian's name of the architecture, as far as it is known.
func (p *probe) debianArch() string { return cmp.Or(p.info.DebianArch, p.info.Platform.Architecture) }

func (p *probe) libcPackage() string {
	if p.cross() {
		return "libc6-dev-" + p.debianArch() + "-cross"
	}
	return "libc6-dev"
}

func (p *probe) kernelPackage() string {
	if p.cross() {
		return "linux-libc-dev-" + p.debianArch() + "-cross"
	}
	return "linux-libc-dev"
}

// install is the remedy for a part of the compiler that is missing.
func (p *probe) install(debian, what string) string {
	if len(p.info.Packages) == 0 {
		return fmt.Sprintf("Install %s into the sysroot of the compiler, or use a complete compiler.", what)
	}
	return distro.Here().Install(what, strings.Fields(debian)...)
}

// excerpt returns a failed command and what it said.
func excerpt(err error) []string {
	var failed *commandError
	if errors.As(err, &failed) {
		return failed.lines()
	}
	return []string{err.Error()}
}

// named returns the files of a name.
func named(files []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(files), func(file string) bool { return filepath.Base(file) != name })
}
