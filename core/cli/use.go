package cli

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/pluginhost"
	"github.com/mkmini/mkmini/core/toolchain"
	"github.com/mkmini/mkmini/plugins/sdk"
)

func (a *app) toolchainUseCommand() *cobra.Command {
	var p place
	var reset bool
	cmd := &cobra.Command{
		Use:   "use ARCH KEY|DIR | use ARCH deb|archive|oci|path|host [WHERE...]",
		Short: "Choose the compiler where a configuration names no place",
		Long: `Choose where the compiler of an architecture comes from if a configuration has
no from block for it: the one in the store with that key, those in a folder, or
a place as for "mkmini toolchain add". It is brought and probed first.

` + kindList("use") + `

The choice is kept in toolchains.hcl beside the user's settings.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case reset && len(args) == 1:
				return a.onArch(cmd.Context(), args[0], func(_ *workshop, found *pluginhost.Found) error { return a.useNone(found) })
			case reset || len(args) < 2:
				return &usageError{"which compiler? Name an architecture, and a key, a folder or a place; or an architecture and --reset"}
			}
			return a.onArch(cmd.Context(), args[0], func(w *workshop, found *pluginhost.Found) error {
				return a.use(cmd.Context(), w, found, p, args[1:])
			})
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().BoolVar(&reset, "reset", false, "take the choice back")
	p.flags(cmd)
	a.bringFlags(cmd)
	return cmd
}

// use brings a compiler, and notes that it is the chosen one.
func (a *app) use(ctx context.Context, w *workshop, found *pluginhost.Found, p place, args []string) error {
	from, err := a.wanted(w, found, p, args)
	if err != nil {
		return err
	}
	if from, err = hashed(ctx, from); err != nil {
		return err
	}
	got, err := w.obtain(ctx, found, from)
	if err != nil {
		return err
	}
	path, err := a.choose(found.Name, &from)
	if err != nil {
		return err
	}
	if err := w.view.Close(); err != nil {
		return err
	}
	fmt.Fprintf(a.Streams.Out, "%s  %s  %s\n", found.Name, got.Compiler.CC, got.Compiler.Version)
	fmt.Fprintf(a.Streams.Err, "It is used where a configuration has no from block for %s; noted in %s.\n", found.Name, path)
	return nil
}

// wanted returns the place that arguments mean: a kind and what follows it, a
// folder, or the start of a key.
func (a *app) wanted(w *workshop, found *pluginhost.Found, p place, args []string) (config.From, error) {
	if isKind(args[0]) {
		from, err := p.from(args[0], args[1:])
		if err != nil {
			return from, err
		}
		return a.decoded(found.Name, from)
	}
	if len(args) > 1 {
		return config.From{}, &usageError{fmt.Sprintf("what is %q? Name one key or folder, or a kind of place first", args[1])}
	}
	if info, err := os.Stat(args[0]); err == nil && info.IsDir() {
		from, err := p.from("path", args)
		if err != nil {
			return from, err
		}
		return a.decoded(found.Name, from)
	}
	return w.kept(*found.Manifest.Toolchain, args[0])
}

// kept returns the place that a compiler in the store came from, by the start
// of its key.
func (w *workshop) kept(info sdk.ToolchainInfo, which string) (config.From, error) {
	records, err := w.manager.Records(w.store.Sub("steps"))
	if err != nil {
		return config.From{}, err
	}
	blocks := map[string]config.From{} // by key
	for _, r := range records {
		key := w.store.KeyOf(r.Compiler.CC)
		if r.Arch == info.Arch && key != "" && strings.HasPrefix(key, which) {
			blocks[key] = withHash(r)
		}
	}
	switch len(blocks) {
	case 0:
		return config.From{}, &usageError{fmt.Sprintf("%q is neither a folder nor the key of a compiler for %s in the store; `mkmini toolchain list` shows these", which, info.Arch)}
	case 1:
		for _, block := range blocks {
			return block, nil
		}
	}
	return config.From{}, &usageError{fmt.Sprintf("%q begins several keys; `mkmini toolchain list` shows them", which)}
}

// withHash returns what a compiler came from, with the hash of an archive: that
// need not be there any more.
func withHash(r toolchain.Record) config.From {
	if r.Block.Archive == nil || r.Block.Archive.SHA256 != "" {
		return r.Block
	}
	archive := *r.Block.Archive
	archive.SHA256 = r.Pins["sha256"]
	r.Block.Archive = &archive
	return r.Block
}

// useNone takes a choice back.
func (a *app) useNone(found *pluginhost.Found) error {
	if len(a.chosen[found.Name]) == 0 {
		return &usageError{fmt.Sprintf("no compiler for %s is chosen", found.Name)}
	}
	path, err := a.choose(found.Name, nil)
	if err == nil {
		fmt.Fprintf(a.Streams.Err, "No compiler for %s is chosen any more; noted in %s.\n", found.Name, path)
	}
	return err
}
