package cli

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/mkmini/mkmini/core/event"
	"github.com/mkmini/mkmini/core/ui"
)

func (a *app) buildCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "build -c FILE",
		Short: "Build what a configuration describes",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.build(cmd.Context()) },
	}
	a.configFlags(cmd)
	a.buildFlags(cmd)
	return cmd
}

// build builds, and shows how it goes.
func (a *app) build(ctx context.Context) error {
	view := a.view()
	start := time.Now()
	artifacts, err := a.run(ctx, view)
	summary := event.Event{Kind: event.Summary, Result: result(ctx, err), Elapsed: time.Since(start), Artifacts: artifacts}
	if summary.Result == event.ResultFailed {
		summary.Diagnostics = diagnostics(err)
	}
	view.Event(summary)
	return errors.Join(err, view.Close())
}

func (a *app) run(ctx context.Context, view event.Sink) (artifacts []event.Artifact, err error) {
	t, s, err := a.guarded(ctx, view)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.host.Close()) }()
	if err := a.deliverable(s.config, view); err != nil {
		return nil, err
	}
	seal, err := a.sealer(ctx, s.config)
	if err != nil {
		return nil, err
	}
	t.builder.Provenance = seal.provenance()
	if artifacts, err = t.builder.Build(ctx, t.job(s)); err != nil {
		return artifacts, err
	}
	if err := seal.sign(ctx, view, artifacts); err != nil {
		return artifacts, err
	}
	return artifacts, a.deliver(ctx, view, artifacts)
}

// result classifies how a build ended.
func result(ctx context.Context, err error) event.Result {
	switch exitCode(ctx, err) {
	case exitOK:
		return event.ResultOK
	case exitCancelled:
		return event.ResultCancelled
	}
	return event.ResultFailed
}

// view returns what shows a build, as the flags want it.
func (a *app) view() *ui.UI {
	mode := ui.Auto
	switch {
	case a.flags.json:
		mode = ui.JSON
	case a.flags.plain:
		mode = ui.Plain
	}
	return ui.New(ui.Options{
		Out: a.Streams.Out, Err: a.Streams.Err,
		OutScreen: ui.Detect(a.Streams.Out, os.Getenv), ErrScreen: ui.Detect(a.Streams.Err, os.Getenv),
		Mode: mode, Verbosity: a.flags.verbose,
	})
}
