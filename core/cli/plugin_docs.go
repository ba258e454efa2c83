package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mkmini/mkmini/core/page"
	"github.com/mkmini/mkmini/core/pluginhost"
	"github.com/mkmini/mkmini/core/store"
)

func (a *app) pluginDocsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "docs NAME",
		Short: "Print the reference of a plugin in Markdown",
		Long: `Print what a plugin says of itself as a page in Markdown: the attributes of its
block with types, defaults and meanings, and the data of its architecture. The
plugin may be a built-in one, one of the folder that one is in, or the user's.`,
		Args:              exactly("NAME"),
		ValidArgsFunction: a.completePlugins,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withPlugins(cmd.Context(), func(_ *store.Store, host *pluginhost.Host) error {
				found, err := host.Find(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				return page.Write(a.Streams.Out, found.Manifest)
			})
		},
	}
	a.storeFlags(cmd)
	return cmd
}

// withPlugins calls do with a host of the plugins of the folder that one is
// in, the user's and the built-in ones.
func (a *app) withPlugins(ctx context.Context, do func(*store.Store, *pluginhost.Host) error) error {
	st, err := a.store(ctx)
	if err != nil {
		return err
	}
	view := a.talk()
	host, err := a.host(st, ".", a.logger(view))
	if err != nil {
		return errors.Join(err, view.Close())
	}
	return errors.Join(do(st, host), host.Close(), view.Close())
}

// completePlugins completes the name of a plugin as the first argument. It
// runs none.
func (a *app) completePlugins(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	err := a.withPlugins(cmd.Context(), func(_ *store.Store, host *pluginhost.Host) error {
		names = host.Names(cmd.Context(), "")
		return nil
	})
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// exactly asks for one argument for each name.
func exactly(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return &usageError{fmt.Sprintf("%s needs %s", cmd.CommandPath(), names[len(args)])}
		}
		return atMost(len(names))(cmd, args)
	}
}
