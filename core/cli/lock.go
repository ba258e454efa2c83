package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/config/lockfile"
	"github.com/mkmini/mkmini/core/event"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/toolchain"
	"github.com/mkmini/mkmini/plugins/sdk"
)

func (a *app) lockCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lock -c FILE",
		Short: "Pin compilers, busybox and plugins in mkmini.lock.hcl",
		Long: `Write mkmini.lock.hcl beside the configuration: which compilers, which busybox
and which plugins it is built with on this kind of machine. What the file has
for other kinds of machines is kept. Compilers are looked for and probed as for
a build; busybox isn't compiled.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.lock(cmd.Context()) },
	}
	a.configFlags(cmd)
	a.placeFlags(cmd)
	return cmd
}

// lock writes the lock.
func (a *app) lock(ctx context.Context) (err error) {
	a.relock = true
	view := a.view()
	defer func() { err = errors.Join(err, view.Close()) }()
	t, s, err := a.system(ctx, view)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.host.Close()) }()
	file, err := a.loadLock()
	if err != nil {
		return err
	}
	compilers, err := t.builder.Compilers(ctx, t.job(s))
	if err != nil {
		return err
	}
	entries, err := pinned(ctx, t, s)
	if err != nil {
		return err
	}
	entries = append(entries, pinnedCompilers(compilers)...)
	file.Update(hostPlatform(), archs(compilers), entries)
	wrote, err := file.Save()
	if err != nil {
		return err
	}
	did := "is up to date"
	if wrote {
		did = "written"
	}
	fmt.Fprintf(a.Streams.Out, "%s %s: %s on %s\n", file.Path, did, strings.Join(archs(compilers), ", "), hostPlatform())
	return nil
}

// hostPlatform names the kind of machine that mkmini runs on.
func hostPlatform() string { return runtime.GOOS + "/" + runtime.GOARCH }

// loadLock reads the lock beside the configuration, and makes its text known
// for messages.
func (a *app) loadLock() (*lockfile.File, error) {
	if a.locked != nil {
		return a.locked, nil
	}
	file, diags := lockfile.Load(lockfile.Beside(a.flags.config))
	a.show(file.Path, file.Source)
	if diags.HasErrors() {
		return nil, diags
	}
	a.locked = file
	return file, nil
}

// pinned returns the entries of what is known before a compiler is.
func pinned(ctx context.Context, t *tools, s *system) ([]lockfile.Entry, error) {
	var entries []lockfile.Entry
	for _, target := range s.config.Targets {
		if target.Busybox.Disabled {
			continue
		}
		entries = append(entries, lockfile.Entry{
			Kind: lockfile.Busybox, Name: target.Arch,
			Values: map[string]string{"version": target.Busybox.Version, "sha256": target.Busybox.SHA256},
		})
		if m := target.Musl; m != nil {
			entries = append(entries, lockfile.Entry{
				Kind: lockfile.Libc, Name: target.Arch,
				Values: map[string]string{"name": target.Toolchain.Libc, "version": m.Version, "sha256": m.SHA256},
			})
		}
	}
	required := map[string]bool{}
	for _, p := range s.config.Required {
		required[p.Name] = true
	}
	for name := range used(s.config) {
		found, err := t.host.Find(ctx, name)
		if err != nil {
			return nil, err
		}
		if found.Builtin || found.Override || required[name] {
			continue // it is mkmini itself, or is pinned otherwise
		}
		entries = append(entries, lockfile.Entry{
			Kind: lockfile.Plugin, Host: hostPlatform(), Name: name,
			Values: map[string]string{"version": found.Manifest.Version, "sha256": strings.TrimPrefix(found.Digest, "sha256:")},
		})
	}
	return entries, nil
}

// used yields the names of the plugins that a configuration uses, each once.
func used(c *config.Config) func(yield func(string) bool) {
	var names []string
	for _, target := range c.Targets {
		names = append(names, target.Toolchain.Plugin)
	}
	for _, e := range c.Exports {
		names = append(names, e.Plugin)
	}
	slices.Sort(names)
	return slices.Values(slices.Compact(names))
}

// keyFacts are the facts of a probe that say what a compiler is. The others
// say where it is or what this machine can run, or follow from these.
var keyFacts = []string{"libc", "kernel_headers", "elf"}

// pinnedCompilers returns the entries of compilers.
func pinnedCompilers(compilers map[string]toolchain.Probed) []lockfile.Entry {
	var entries []lockfile.Entry
	for _, arch := range archs(compilers) {
		p := compilers[arch]
		e := lockfile.Entry{Kind: lockfile.Toolchain, Host: hostPlatform(), Name: arch, Values: map[string]string{
			"kind": p.Kind, "target": p.Compiler.Target, "version": p.Compiler.Version, "fingerprint": p.Fingerprint,
		}}
		for name, v := range p.Pins {
			e.Values["pins."+name] = v
		}
		for _, f := range p.Compiler.Facts {
			if slices.Contains(keyFacts, f.Name) {
				e.Values["facts."+f.Name] = f.Value
			}
		}
		entries = append(entries, e)
	}
	return entries
}

// archs returns the architectures of compilers, sorted.
func archs(compilers map[string]toolchain.Probed) []string {
	return slices.Sorted(maps.Keys(compilers))
}

// guarded is system, held against the lock.
func (a *app) guarded(ctx context.Context, sink event.Sink) (*tools, *system, error) {
	t, s, err := a.system(ctx, sink)
	if err != nil {
		return nil, nil, err
	}
	if err := a.guard(ctx, t, s, sink); err != nil {
		return nil, nil, errors.Join(err, t.host.Close())
	}
	return t, s, nil
}

// guard compares with the lock what is about to be used: at once what is
// known already, and the compilers when the builder knows them. A difference
// is an error with --locked, else a warning.
func (a *app) guard(ctx context.Context, t *tools, s *system, sink event.Sink) error {
	file, err := a.loadLock()
	if err != nil {
		return err
	}
	if file.Source == nil && !a.flags.locked {
		return nil
	}
	if file.Source == nil {
		return &fault.Error{
			Summary: "No lock", Detail: fmt.Sprintf("--locked asks for what %s pins, and there is no such file.", file.Path),
			Remedy: "Run `mkmini lock` with this configuration, or leave --locked out.", Usage: true,
		}
	}
	compare := func(entries []lockfile.Entry) error {
		faults := file.Compare(entries, a.flags.locked)
		if a.flags.locked {
			return joined(faults)
		}
		for _, f := range faults {
			sink.Event(event.Event{Kind: event.Warning, Diagnostics: warning(f)})
		}
		return nil
	}
	entries, err := pinned(ctx, t, s)
	if err != nil {
		return err
	}
	t.builder.Settled = func(compilers map[string]toolchain.Probed) error { return compare(pinnedCompilers(compilers)) }
	return compare(entries)
}

func joined(faults []*fault.Error) error {
	var errs []error
	for _, f := range faults {
		errs = append(errs, f)
	}
	return errors.Join(errs...)
}

// warning returns a fault as a remark.
func warning(f *fault.Error) []event.Diagnostic {
	diags := event.Diagnose(f)
	for i := range diags {
		diags[i].Severity = sdk.Warning
	}
	return diags
}
