package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mkmini/mkmini/core/ui"
)

func (a *app) validateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "validate -c FILE",
		Short: "Check a configuration without building anything",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.validate(cmd.Context()) },
	}
	a.configFlags(cmd)
	cmd.Flags().StringArrayVar(&a.flags.only, "only", nil, "leave all architectures but `ARCH` out (repeatable)")
	cmd.Flags().StringVar(&a.flags.store, "store", "", "the store's `DIR`, where descriptions of plugins are kept")
	return cmd
}

func (a *app) validate(ctx context.Context) (err error) {
	view := a.view()
	defer func() { err = errors.Join(err, view.Close()) }()
	t, s, err := a.system(ctx, view)
	if err != nil {
		return err
	}
	if err := a.deliverable(s.config, view); err != nil {
		return errors.Join(err, t.host.Close())
	}
	fmt.Fprintf(a.Streams.Out, "%s is valid: %s, %s.\n", a.flags.config,
		ui.Count(len(s.config.Targets), "architecture"), ui.Count(len(s.config.Exports), "export"))
	return t.host.Close()
}
