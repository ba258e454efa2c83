package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/mkmini/mkmini/core/build"
	"github.com/mkmini/mkmini/core/config/lockfile"
	"github.com/mkmini/mkmini/core/legal"
)

func (a *app) legalCommand() *cobra.Command {
	var out string
	var toolchains bool
	cmd := &cobra.Command{
		Use:   "legal -c FILE -o DIR",
		Short: "Put sources, licences and build instructions into one folder",
		Long: `Put what the licences of a system's programs ask for into one folder, or into an
archive if its name ends in .tar, .tar.gz or .tar.zst: the exact sources, patches,
the final configuration of busybox, the licences, and a script that builds the
very same busybox again. What isn't built yet is built.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if out == "" {
				return &usageError{"where to? Name a folder or an archive with -o DIR"}
			}
			if info, err := os.Stat(filepath.Dir(filepath.Clean(out))); err != nil || !info.IsDir() {
				return &usageError{filepath.Dir(filepath.Clean(out)) + " is no folder"}
			}
			return a.legal(cmd.Context(), out, toolchains)
		},
	}
	a.configFlags(cmd)
	a.placeFlags(cmd)
	a.lockedFlag(cmd)
	cmd.Flags().IntVarP(&a.flags.jobs, "jobs", "j", 0, "run `N` compiles at once (default: one for each processor)")
	cmd.Flags().StringVarP(&out, "output", "o", "", "write the folder, or the archive, `DIR`")
	cmd.Flags().BoolVar(&toolchains, "with-toolchain-sources", false, "add the sources of the C libraries that came with compilers")
	return cmd
}

// legal writes the folder, and lists what is in it.
func (a *app) legal(ctx context.Context, out string, toolchains bool) (err error) {
	view := a.talk()
	defer func() { err = errors.Join(err, view.Close()) }()
	t, s, err := a.guarded(ctx, view)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.host.Close()) }()
	o := build.LegalOptions{Toolchains: toolchains}
	if !a.flags.offline {
		o.Packages = a.sourcePackages(t.builder.Store, a.logger(view))
	}
	facts, err := t.builder.Legal(ctx, t.job(s), o)
	if err != nil {
		return err
	}
	if facts.Configuration, err = a.configuration(ctx, t, s); err != nil {
		return err
	}
	if err := legal.Place(ctx, facts, out); err != nil {
		return err
	}
	if err := view.Close(); err != nil {
		return err
	}
	for _, p := range facts.Programs {
		what := "source and licence"
		if len(p.Sources) == 0 {
			what = "not in it"
		}
		fmt.Fprintf(a.Streams.Out, "%s %s  %s  %s\n", p.Name, p.Version, p.License, what)
	}
	for _, b := range facts.Builds {
		fmt.Fprintf(a.Streams.Out, "%s  busybox sha256:%s\n", b.Arch, b.SHA256)
	}
	return nil
}

// configuration returns what the system is built from: the files of the
// configuration, and the lock, as it is or as it would be.
func (a *app) configuration(ctx context.Context, t *tools, s *system) ([]legal.File, error) {
	document, err := a.read()
	if err != nil {
		return nil, err
	}
	var files []legal.File
	for _, name := range document.Files() {
		files = append(files, legal.File{Name: filepath.Base(name), Path: name})
	}
	file, err := a.loadLock()
	if err != nil {
		return nil, err
	}
	entries, err := pinned(ctx, t, s)
	if err != nil {
		return nil, err
	}
	compilers, err := t.builder.Compilers(ctx, t.job(s))
	if err != nil {
		return nil, err
	}
	file.Update(hostPlatform(), archs(compilers), append(entries, pinnedCompilers(compilers)...))
	return append(files, legal.File{Name: lockfile.Name, Data: file.Bytes()}), nil
}
