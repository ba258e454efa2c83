package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/pluginhost"
	"github.com/mkmini/mkmini/core/source"
)

func (a *app) toolchainAddCommand() *cobra.Command {
	var p place
	cmd := &cobra.Command{
		Use:   "add ARCH deb|archive|oci|path|host [WHERE...]",
		Short: "Bring a compiler into the store, and examine it",
		Long: `Bring a compiler into the store without a configuration, and show what a probe
finds out about it:

` + kindList("add") + `

A configuration whose from block says the same uses it; see "mkmini toolchain
use" for all that name no place.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return &usageError{"which compiler? Name an architecture, a kind of place and the place: add riscv64 deb"}
			}
			return a.onArch(cmd.Context(), args[0], func(w *workshop, found *pluginhost.Found) error {
				return a.add(cmd.Context(), w, found, args[0], p, args[1], args[2:])
			})
		},
	}
	cmd.Flags().SortFlags = false
	p.flags(cmd)
	a.bringFlags(cmd)
	return cmd
}

// bringFlags are the flags of commands that bring one compiler.
func (a *app) bringFlags(cmd *cobra.Command) {
	a.storeFlags(cmd)
	f := cmd.Flags()
	f.VarPF(toggle{&a.flags.offline, &a.flags.offlineGiven}, "offline", "", "fetch nothing: use what is there").NoOptDefVal = "true"
	f.BoolVar(&a.flags.plain, "plain", false, "write plain lines, also on a terminal")
	f.CountVarP(&a.flags.verbose, "verbose", "v", "say more; -vv says all")
}

func (a *app) add(ctx context.Context, w *workshop, found *pluginhost.Found, arch string, p place, kind string, args []string) error {
	from, err := p.from(kind, args)
	if err != nil {
		return err
	}
	if from, err = a.decoded(arch, from); err != nil {
		return err
	}
	if from, err = hashed(ctx, from); err != nil {
		return err
	}
	got, err := w.obtain(ctx, found, from)
	if err != nil {
		return err
	}
	if err := w.view.Close(); err != nil {
		return err
	}
	return a.verdicts([]verdict{{Toolchain: found.Name, CC: got.Compiler.CC, From: got.From, Facts: got.Compiler.Facts}})
}

// hashed adds the hash of an archive on this machine to its place.
func hashed(ctx context.Context, from config.From) (config.From, error) {
	if a := from.Archive; a == nil || a.File == "" || a.SHA256 != "" {
		return from, nil
	}
	archive := *from.Archive
	var err error
	archive.SHA256, err = source.Hash(ctx, archive.File)
	from.Archive = &archive
	return from, err
}
