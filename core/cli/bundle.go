package cli

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mkmini/mkmini/core/build"
	"github.com/mkmini/mkmini/core/bundle"
	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/event"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/toolchain"
	"github.com/mkmini/mkmini/core/ui"
)

func (a *app) bundleCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "bundle -c FILE -o BUNDLE",
		Short: "Pack all that a build needs for a machine without a network",
		Long: `Get all that a build needs, as "mkmini fetch" does, and pack it into one archive:
sources, compilers that mkmini brought, plugins, and the lock. On a machine of
the same kind "mkmini unbundle" installs it. The configuration and the files that
it names are not in it.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if out == "" {
				return &usageError{"where to? Name the archive with -o BUNDLE"}
			}
			if info, err := os.Stat(filepath.Dir(out)); err != nil || !info.IsDir() {
				return &usageError{filepath.Dir(out) + " is no folder"}
			}
			return a.fetch(cmd.Context(), func(ctx context.Context, view *ui.UI, t *tools, s *system, in build.Inputs) error {
				return a.bundle(ctx, view, t, s, in, out)
			})
		},
	}
	a.configFlags(cmd)
	a.placeFlags(cmd)
	a.lockedFlag(cmd)
	cmd.Flags().StringVarP(&out, "output", "o", "", "write the archive to `BUNDLE`, such as minios.tar.zst")
	_ = cmd.MarkFlagFilename("output", "zst")
	return cmd
}

// bundle packs what a build needs.
func (a *app) bundle(ctx context.Context, view *ui.UI, t *tools, s *system, in build.Inputs, out string) error {
	c, err := a.contents(ctx, view, t, s, in)
	if err != nil {
		return err
	}
	var packed bundle.Packed
	err = watched(view, "bundle", func(progress bundle.Progress) (err error) {
		packed, err = bundle.Pack(ctx, t.builder.Store, c, out, progress)
		return err
	})
	if err != nil {
		return err
	}
	if err := view.Close(); err != nil {
		return err
	}
	for _, f := range packed.Manifest.Files {
		a.listed(f, compilersIn(packed.Manifest, f))
	}
	fmt.Fprintf(a.Streams.Out, "%s  %s  sha256:%s\n", out, ui.Size(packed.Size), packed.SHA256)
	return nil
}

// contents returns what goes into a bundle, and warns of compilers that can't.
func (a *app) contents(ctx context.Context, view *ui.UI, t *tools, s *system, in build.Inputs) (bundle.Contents, error) {
	c := bundle.Contents{Host: hostPlatform(), Sources: in.Sources, Compilers: map[string]toolchain.Probed{}, Choices: map[string]config.From{}}
	for _, arch := range archs(in.Compilers) {
		p := in.Compilers[arch]
		if bundle.Packable(t.builder.Store, p) {
			c.Compilers[arch] = p
			a.carryChoice(&c, s, arch)
			continue
		}
		view.Event(event.Event{Kind: event.Warning, Step: "bundle", Arch: arch, Diagnostics: warning(&fault.Error{
			Summary: "Compiler not in the bundle", Detail: fmt.Sprintf("The compiler for %s is %s, from %q.", arch, p.Compiler.CC, p.Block.Kind),
			Remedy: leftOut(p),
		})})
	}
	for name := range used(s.config) {
		found, err := t.host.Find(ctx, name)
		if err != nil {
			return c, err
		}
		if !found.Builtin {
			c.Plugins = append(c.Plugins, found.Path)
		}
	}
	file, err := a.loadLock()
	if err != nil {
		return c, err
	}
	entries, err := pinned(ctx, t, s)
	if err != nil {
		return c, err
	}
	file.Update(hostPlatform(), archs(in.Compilers), append(entries, pinnedCompilers(in.Compilers)...))
	c.Lock = file.Bytes()
	return c, nil
}

// carryChoice adds the place that the user chose for an architecture's compiler,
// if the configuration names none.
func (a *app) carryChoice(c *bundle.Contents, s *system, arch string) {
	block := c.Compilers[arch].Block
	for _, target := range s.config.Targets {
		t := target.Toolchain
		if target.Arch != arch || len(t.From) > 0 {
			continue
		}
		for _, from := range a.chosen[t.Plugin] {
			if samePlace(from, block) {
				c.Choices[t.Plugin] = from
			}
		}
	}
}

// samePlace says whether two blocks mean the same on any machine.
func samePlace(one, other config.From) bool {
	one, _ = toolchain.Portable(one)
	other, _ = toolchain.Portable(other)
	return reflect.DeepEqual(one, other)
}

// leftOut says what to do about a compiler that isn't in a bundle.
func leftOut(p toolchain.Probed) string {
	switch b := p.Block; {
	case b.Archive != nil && b.Archive.File != "":
		return fmt.Sprintf("Copy %s as well, or write sha256 = %q beside its name.", b.Archive.File, p.Pins["sha256"])
	case b.OCI != nil && b.OCI.Path:
		return fmt.Sprintf("Copy %s as well.", b.OCI.Image)
	}
	if p.Block.Build != nil {
		return "It is built from patches or from files that no sha256 names: it has to be built on the other machine as well."
	}
	return "Install the same one on the other machine; the lock tells whether it is."
}

// watched does work on a bundle, and shows how it goes.
func watched(view *ui.UI, step string, work func(bundle.Progress) error) error {
	e := event.Event{Kind: event.Start, Step: step}
	view.Event(e)
	start := time.Now()
	err := work(func(phase string, done, total int64) {
		view.Event(event.Event{Kind: event.Progress, Step: step, Phase: phase, Done: int(done), Total: int(total), Unit: event.Bytes})
	})
	e.Kind, e.Elapsed = event.Done, time.Since(start)
	if err != nil {
		e.Kind = event.Cancelled
	}
	view.Event(e)
	return err
}

// compilersIn says which compilers an entry of a bundle has.
func compilersIn(m bundle.Manifest, f bundle.File) string {
	var found []string
	for _, c := range m.Compilers {
		if key, _, _ := strings.Cut(c.Dir, "/"); f.Name == "steps/"+key+".tar" {
			found = append(found, fmt.Sprintf("%s from %q", c.Arch, c.Block.Kind))
		}
	}
	return strings.Join(found, ", ")
}

// listed prints a line for an entry of a bundle.
func (a *app) listed(f bundle.File, remark string) {
	kind, name := path.Split(f.Name)
	switch kind {
	case "sources/":
		kind = "source"
	case "steps/":
		kind = "compiler"
	case "plugins/":
		kind = "plugin"
	default:
		kind = "lock"
	}
	if remark != "" {
		remark = "  " + remark
	}
	fmt.Fprintf(a.Streams.Out, "%-8s  %9s  %s%s\n", kind, ui.Size(f.Size), name, remark)
}
