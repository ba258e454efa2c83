package cli

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/mkmini/mkmini/core/doctor"
	"github.com/mkmini/mkmini/core/ui"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// errUnhealthy makes `doctor` fail without a further word.
var errUnhealthy = errors.New("something that every build needs is missing")

func (a *app) doctorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Examine this machine: programs, disk, apt, emulators, docker, KVM",
		Long: `Examine this machine, and say what to do about what is missing. Failures stand
in the way of every build; warnings only of some. Nothing is changed and the
network isn't used.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.doctor(cmd.Context()) },
	}
	a.storeFlags(cmd)
	a.jsonFlag(cmd)
	return cmd
}

func (a *app) doctor(ctx context.Context) (err error) {
	w, err := a.workshop(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	facts := doctor.Examine(ctx, doctor.Machine{
		Store: w.store.Sub(""), Toolchains: w.infos(), Uname: w.manager.Host.Machine, Getenv: os.Getenv,
	})
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := a.facts(facts); err != nil {
		return err
	}
	if !doctor.Healthy(facts) {
		return errUnhealthy
	}
	return nil
}

// facts writes facts as a table or as JSON.
func (a *app) facts(facts []sdk.Fact) error {
	if a.flags.json {
		return a.writeJSON(facts)
	}
	return ui.WriteFacts(a.Streams.Out, ui.Detect(a.Streams.Out, os.Getenv), facts)
}
