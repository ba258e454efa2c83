package build

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/event"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/plan"
	"github.com/mkmini/mkmini/core/toolchain"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// libc has the plugin build a C library for a compiler.
func (r *run) libc(ctx context.Context, s plan.Step, dir string, c *course) (any, error) {
	t := r.job.Config.Targets[s.Target]
	plugin, err := r.Plugins.Toolchain(ctx, t.Toolchain.Plugin)
	if err != nil {
		return nil, err
	}
	builder, ok := plugin.(sdk.LibcBuilder)
	if !ok {
		at := t.Toolchain.AttributeRanges["libc"]
		return nil, &fault.Error{
			Summary: fmt.Sprintf("Plugin %q builds no C library", t.Toolchain.Plugin),
			Detail:  fmt.Sprintf("The block asks for %s, and the plugin can only use what a compiler has.", t.Toolchain.Libc),
			Remedy:  "Remove libc from the block.", Range: &at, Usage: true,
		}
	}
	work, out, err := folders(dir)
	if err != nil {
		return nil, err
	}
	result, err := builder.BuildLibc(ctx, sdk.LibcRequest{
		Compiler: r.compilers[t.Arch].Compiler, Attributes: t.Toolchain.Attributes,
		Name: t.Toolchain.Libc, Version: t.Musl.Version, SourceDir: r.sourceDir(s),
		WorkDir: work, OutDir: out, Jobs: r.Jobs, Shared: t.Busybox.Dynamic,
	}, c.report)
	if err != nil {
		return nil, diagnosedLibc(t, err)
	}
	if t.Busybox.Dynamic && result.Loader == "" {
		at := t.Toolchain.AttributeRanges["libc"]
		return nil, &fault.Error{
			Summary: fmt.Sprintf("Plugin %q builds only a static C library", t.Toolchain.Plugin),
			Detail:  fmt.Sprintf("A busybox with static = false needs a shared %s, which the plugin did not make.", t.Toolchain.Libc),
			Remedy:  "Leave out static = false, or get a newer release of the plugin.", Range: &at,
		}
	}
	c.warn(result.Warnings, placeTarget(t))
	return result, os.RemoveAll(work)
}

// compiler returns the compiler that a step uses: as it was found, or with
// the C library that was built for it.
func (r *run) compiler(ctx context.Context, s plan.Step, plugin sdk.Toolchain, work string) (sdk.Compiler, error) {
	t := r.job.Config.Targets[s.Target]
	keys := r.needs(s, plan.Libc)
	if len(keys) == 0 {
		return r.compilers[t.Arch].Compiler, nil
	}
	return r.withLibc(ctx, t, keys[0], plugin, work)
}

// withLibc probes the compiler of a target with a C library that was built for
// it: what the library's result says of it holds for the folder it was made
// in, and the machine may have got an emulator since.
func (r *run) withLibc(ctx context.Context, t config.Target, key string, plugin sdk.Toolchain, work string) (sdk.Compiler, error) {
	c := r.compilers[t.Arch].Compiler
	var library sdk.LibcResult
	if err := r.Store.Load(key, &library); err != nil {
		return sdk.Compiler{}, err
	}
	dir := filepath.Join(work, "probe")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return sdk.Compiler{}, err
	}
	c, _, err := toolchain.Probe(ctx, plugin, sdk.ProbeRequest{
		CC: c.CC, Prefix: c.Prefix, Attributes: t.Toolchain.Attributes, WorkDir: dir,
		Libc: filepath.Join(r.Store.Path(key), outName, filepath.FromSlash(library.Dir)),
	})
	if err != nil {
		return sdk.Compiler{}, diagnosedLibc(t, err)
	}
	return c, os.RemoveAll(dir)
}

// sourceDir returns the folder of the source that a step reads, patched if
// the toolchain has patches.
func (r *run) sourceDir(s plan.Step) string {
	keys := append(r.needs(s, plan.Patch), r.needs(s, plan.Source)...)
	return filepath.Join(r.Store.Path(keys[0]), treeName)
}

// factValue returns the value of a fact, empty if there is none.
func factValue(facts []sdk.Fact, name string) string {
	for _, f := range facts {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// libcs names the C libraries of what a step exports, each once.
func (r *run) libcs(s plan.Step) string {
	var names []string
	for i, t := range r.job.Config.Targets {
		if s.Target >= 0 && s.Target != i {
			continue
		}
		name := factValue(r.compilers[t.Arch].Compiler.Facts, "libc")
		if t.Musl != nil {
			name = t.Toolchain.Libc + " " + t.Musl.Version
		}
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// describeLibc tells which C library it is.
func (r *run) describeLibc(s plan.Step, e *event.Event) error {
	if !r.Store.Has(s.Key) {
		return nil // nobody needed it
	}
	var library sdk.LibcResult
	if err := r.Store.Load(s.Key, &library); err != nil {
		return err
	}
	e.Message, e.Facts = factValue(library.Facts, "libc"), library.Facts
	return nil
}

// describeBusybox tells what the binary is, and of which C library.
func (r *run) describeBusybox(s plan.Step, e *event.Event) error {
	if !r.Store.Has(s.Key) {
		return nil // nobody needed it
	}
	var built sdk.BuildResult
	if err := r.Store.Load(s.Key, &built); err != nil {
		return err
	}
	e.Facts = built.Facts
	var said []string
	for _, name := range []string{"libc", "binary"} {
		if value := factValue(built.Facts, name); value != "" {
			said = append(said, value)
		}
	}
	e.Message = strings.Join(said, ", ")
	return nil
}
