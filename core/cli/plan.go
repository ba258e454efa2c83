package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/mkmini/mkmini/core/build"
	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/ui"
)

func (a *app) planCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plan -c FILE",
		Short: "Show the steps of a build, which of them must run, and why",
		Long: `Show the steps of a build in order, each with the key of its result, whether
that is cached, and why it must run. Nothing is built and nothing is probed.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.plan(cmd.Context()) },
	}
	a.configFlags(cmd)
	a.buildFlags(cmd)
	return cmd
}

func (a *app) plan(ctx context.Context) (err error) {
	view := a.view()
	defer func() { err = errors.Join(err, view.Close()) }()
	t, s, err := a.guarded(ctx, view)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.host.Close()) }()
	preview, err := t.builder.Preview(ctx, t.job(s))
	if err != nil {
		return err
	}
	if a.flags.json {
		return ui.WritePlanJSON(a.Streams.Out, preview.Steps)
	}
	screen := ui.Detect(a.Streams.Out, os.Getenv)
	if err := ui.WritePlan(a.Streams.Out, screen, preview.Steps); err != nil || a.flags.verbose == 0 {
		return err
	}
	return a.compilers(screen, s.config, preview)
}

// compilers shows what is known of the compilers.
func (a *app) compilers(screen ui.Screen, c *config.Config, preview build.Preview) error {
	for _, t := range c.Targets {
		p, ok := preview.Compilers[t.Arch]
		if !ok {
			continue
		}
		fmt.Fprintf(a.Streams.Out, "\ncompiler for %s: %s, from %s\n", t.Arch, p.Compiler.CC, p.From)
		if err := ui.WriteFacts(a.Streams.Out, screen, p.Compiler.Facts); err != nil {
			return err
		}
	}
	return nil
}
