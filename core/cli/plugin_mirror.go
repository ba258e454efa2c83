package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mkmini/mkmini/core/config/lockfile"
	"github.com/mkmini/mkmini/core/pluginstore"
)

func (a *app) pluginLockCommand() *cobra.Command {
	var upgrade bool
	cmd := &cobra.Command{
		Use:   "lock -c FILE",
		Short: "Pin the plugins that a configuration requires, and install none",
		Long: `Write into mkmini.lock.hcl which releases of required_plugins are used, with the
hashes for all platforms that they are made for. Only lists of hashes are
fetched.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := a.eachListed(cmd.Context(), upgrade, func(r required, _ pluginstore.Request, rel *pluginstore.Release) error {
				r.lock.Update("", nil, []lockfile.Entry{lockEntry(r.plugin, rel)})
				a.told(rel, "locked", strings.Join(rel.Platforms(), ", "))
				return nil
			})
			if a.locked == nil {
				return err
			}
			return errors.Join(err, a.saveLock(a.locked))
		},
	}
	a.configFlags(cmd)
	a.networkFlags(cmd)
	cmd.Flags().BoolVar(&upgrade, "upgrade", false, "take the newest versions that will do, in place of those that the lock names")
	return cmd
}

func (a *app) pluginMirrorCommand() *cobra.Command {
	var platforms []string
	cmd := &cobra.Command{
		Use:   "mirror -c FILE DIR",
		Short: "Copy the plugins that a configuration requires into a folder",
		Long: `Copy the releases of required_plugins into a folder that mkmini can install from
without a network: as the source of a plugin, or as mirror in the plugins block
of the settings. The releases are those of the lock, if that names some.`,
		Args: exactly("DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, p := range platforms {
				if len(strings.Split(p, "/")) != 2 {
					return &usageError{fmt.Sprintf("--platform %s: write one such as linux/arm64", p)}
				}
			}
			dir, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			return a.mirrorPlugins(cmd.Context(), dir, platforms)
		},
	}
	a.configFlags(cmd)
	a.networkFlags(cmd)
	cmd.Flags().StringArrayVar(&platforms, "platform", nil, "copy the archives for `OS/ARCH` alone (repeatable; default: all)")
	return cmd
}

func (a *app) mirrorPlugins(ctx context.Context, dir string, platforms []string) error {
	return a.eachListed(ctx, false, func(r required, req pluginstore.Request, rel *pluginstore.Release) error {
		names, err := r.depot.store.Copy(ctx, req, rel, dir, platforms, a.fetchProgress(rel.Name))
		for _, name := range names {
			fmt.Fprintln(a.Streams.Out, shown(filepath.Join(dir, rel.Name, rel.Version, name)))
		}
		return err
	})
}

// eachListed calls do with the release of each plugin that a configuration
// requires, whose list of hashes was read.
func (a *app) eachListed(ctx context.Context, upgrade bool, do func(required, pluginstore.Request, *pluginstore.Release) error) error {
	_, err := a.eachRequired(ctx, func(r required) error {
		req, err := a.request(r.lock, r.plugin, upgrade)
		if err != nil {
			return err
		}
		req.Listed = true
		rel, err := r.depot.store.Resolve(ctx, req)
		if err != nil {
			return err
		}
		return do(r, req, rel)
	})
	return err
}
