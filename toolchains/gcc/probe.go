package gcc

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// probe examines one compiler.
type probe struct {
	tools
	info  sdk.ToolchainInfo
	flags flags
	cc    string
	pre   string // the tools' prefix
	// emulator is what the plugin named to run programs; empty to look.
	emulator []string
}

// finding is what one check found out.
type finding struct {
	fact sdk.Fact
	// problem is set if the fact stands in the way.
	problem *sdk.Diagnostic
	// files have a say in what the compiler makes.
	files []string
	// shared have one in programs that load their C library.
	shared []string
}

// fail returns a finding that stands in the way.
func fail(name, value string, problem sdk.Diagnostic) finding {
	return finding{
		fact:    sdk.Fact{Name: name, Value: value, Status: sdk.Fail, Remedy: problem.Remedy},
		problem: &problem,
	}
}

func ok(name, value string, files ...string) finding {
	return finding{fact: sdk.Fact{Name: name, Value: value, Status: sdk.OK}, files: files}
}

// Probe examines a compiler by running it. Facts are in a fixed order; those
// that need the compiler to be of the right kind are missing if it isn't.
func (t *Toolchain) Probe(ctx context.Context, req sdk.ProbeRequest) (sdk.Compiler, error) {
	f, err := t.flags(req.Attributes)
	if err != nil {
		return sdk.Compiler{}, err
	}
	if err := os.MkdirAll(req.WorkDir, 0o755); err != nil {
		return sdk.Compiler{}, err
	}
	p := &probe{
		tools: tools{dir: req.WorkDir, env: environment(req.WorkDir)},
		info:  t.info, flags: f, cc: req.CC, pre: req.Prefix, emulator: req.Emulator,
	}
	c := sdk.Compiler{CC: req.CC, Prefix: req.Prefix, Libc: req.Libc}
	version, target := p.identity(ctx)
	if err := ctx.Err(); err != nil {
		return c, err
	}
	first := []finding{version}
	if version.problem == nil {
		c.Version, c.Target = version.fact.Value, target.fact.Value
		first = []finding{ok("runs", req.CC), version, target}
	}
	if err := take(&c, first); err != nil {
		return c, err
	}
	if p.flags, err = p.flags.withLibc(ctx, p.tools, p.cc, p.info, req.Libc); err != nil {
		return c, err
	}
	c.CFlags, c.LDFlags = p.flags.compile, p.flags.link
	// If it refuses its options, all other checks fail for that reason.
	naming, macros := p.macros(ctx, c.Target)
	if naming.problem != nil {
		return c, take(&c, []finding{naming})
	}
	return c, p.examine(ctx, &c, naming, macros)
}

// examine does all checks of a compiler that is known to run and to be for
// the right architecture, side by side.
func (p *probe) examine(ctx context.Context, c *sdk.Compiler, naming finding, macros map[string]string) error {
	var libc, kernel, elf, static, run finding
	var headers map[string]string
	var emulator []string
	var canRun bool
	checks := []func() finding{
		func() finding { return p.sysroot(ctx) },
		func() finding { libc = p.libc(ctx, c.Target); return libc },
		func() finding { kernel = p.kernelHeaders(ctx); return kernel },
		func() finding { return naming },
		func() finding { return p.processor(ctx) },
		func() finding { return p.processors(ctx) },
		func() finding { return p.c99(ctx) },
		func() finding { return p.largeFiles(ctx) },
		func() finding {
			elf, static, run, emulator, canRun = p.hello(ctx)
			return elf
		},
		func() finding { return p.binutils() },
		func() finding { return p.hostTools(ctx) },
		func() finding { return p.files(ctx) },
		func() finding { headers = p.headerMacros(ctx, p.cc, p.flags.compile); return finding{} },
	}
	found := make([]finding, len(checks))
	var group sync.WaitGroup
	for i, check := range checks {
		group.Go(func() { found[i] = check() })
	}
	group.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	found = slices.Insert(found, slices.IndexFunc(found, func(f finding) bool { return f.fact.Name == "elf" })+1, static, run)
	s := situation{kernelArch: p.info.KernelArch, macros: headers}
	s.libc, s.libcVersion = parseLibc(libc.fact.Value)
	if libc.problem == nil && kernel.problem == nil {
		found = append(found, known(combination{target: c.Target, platform: p.info.Platform, link: p.flags.link, macros: macros}, s)...)
	}
	err := take(c, found)
	c.Emulator, c.CanRun = emulator, canRun
	c.Version += ", " + libc.fact.Value + ", linux headers " + kernel.fact.Value
	return err
}

// real returns the paths of the files that names lead to, as far as they are
// there.
func real(names []string) []string {
	var files []string
	for _, name := range names {
		if file, err := filepath.EvalSymlinks(name); err == nil && filepath.IsAbs(file) {
			files = append(files, file)
		}
	}
	return files
}

func take(c *sdk.Compiler, found []finding) error {
	var problems sdk.Diagnostics
	for _, f := range found {
		if f.fact.Name != "" {
			c.Facts = append(c.Facts, f.fact)
		}
		if f.problem != nil {
			problems = append(problems, *f.problem)
		}
		c.Files = append(c.Files, real(f.files)...)
		c.Shared = append(c.Shared, real(f.shared)...)
	}
	slices.Sort(c.Files)
	c.Files = slices.Compact(c.Files)
	slices.Sort(c.Shared)
	c.Shared = slices.Compact(c.Shared)
	if len(problems) > 0 {
		return problems
	}
	return nil
}
