package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/mkmini/mkmini/core/build"
	"github.com/mkmini/mkmini/core/ui"
)

func (a *app) fetchCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "fetch -c FILE",
		Short: "Get all that a build needs, for a later one without a network",
		Long: `Get all that a build needs: sources, and compilers that aren't on the machine.
Compilers are probed; nothing is compiled. Afterwards "mkmini build --offline"
works with the same store.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.fetch(cmd.Context(), func(_ context.Context, view *ui.UI, _ *tools, _ *system, in build.Inputs) error {
				return a.fetched(view, in)
			})
		},
	}
	a.configFlags(cmd)
	a.placeFlags(cmd)
	a.lockedFlag(cmd)
	return cmd
}

// fetch gets what a build needs, and hands it on, with what shows how it goes.
func (a *app) fetch(ctx context.Context, then func(context.Context, *ui.UI, *tools, *system, build.Inputs) error) (err error) {
	view := a.view()
	defer func() { err = errors.Join(err, view.Close()) }()
	t, s, err := a.guarded(ctx, view)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.host.Close()) }()
	in, err := t.builder.Fetch(ctx, t.job(s))
	if err != nil {
		return err
	}
	return then(ctx, view, t, s, in)
}

// fetched tells what is there now.
func (a *app) fetched(view *ui.UI, in build.Inputs) error {
	if err := view.Close(); err != nil {
		return err
	}
	for _, path := range in.Sources {
		info, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("look at what was fetched: %w", err)
		}
		fmt.Fprintf(a.Streams.Out, "source    %s  %s\n", ui.Size(info.Size()), path)
	}
	for _, arch := range archs(in.Compilers) {
		c := in.Compilers[arch]
		fmt.Fprintf(a.Streams.Out, "compiler  %s  %s, from %s\n", arch, c.Compiler.CC, c.From)
	}
	return nil
}
