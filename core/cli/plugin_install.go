package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/pluginhost"
	"github.com/mkmini/mkmini/core/pluginstore"
)

// installable is what a plugin may be called.
var installable = regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]{0,63}$`)

func (a *app) pluginInstallCommand() *cobra.Command {
	var dir, constraint string
	cmd := &cobra.Command{
		Use:   "install [NAME] SOURCE",
		Short: "Install a plugin for all of your configurations",
		Long: `Install a release of a plugin into your own folder of plugins. SOURCE is what
required_plugins takes: a URL, oci://…, a folder, or an archive, whose name says
the plugin's. A configuration that names the plugin in required_plugins gets it
by "mkmini init" instead, pinned.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &usageError{"install what? Give the plugin's NAME and a SOURCE, or the path of an archive"}
			}
			return atMost(2)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.installPlugin(cmd.Context(), args, constraint, dir)
		},
	}
	a.networkFlags(cmd)
	cmd.Flags().StringVar(&constraint, "version", "", "install the newest version that `MEETS` this: 1.2.0, \"~> 1.2\"")
	a.pluginDirFlag(cmd, &dir)
	return cmd
}

func (a *app) pluginDirFlag(cmd *cobra.Command, dir *string) {
	cmd.Flags().StringVar(dir, "dir", "", "the folder `DIR` of plugins (default mkmini/plugins in the user's data folder)")
	_ = cmd.MarkFlagDirname("dir")
}

// pluginDir returns the folder that a flag names, or the user's.
func pluginDir(dir string) (string, error) {
	if dir == "" {
		dir = userPlugins()
	}
	if dir == "" {
		return "", &usageError{"there is no home folder to install into: give a folder with --dir DIR"}
	}
	return filepath.Abs(dir)
}

func (a *app) installPlugin(ctx context.Context, args []string, constraint, dir string) error {
	name, text := args[0], args[len(args)-1]
	if len(args) == 1 {
		archive, err := pluginstore.ParseName(filepath.Base(text))
		if err != nil {
			return &usageError{fmt.Sprintf("which plugin of %s? Write `mkmini plugin install NAME %s`", text, text)}
		}
		name = archive.Plugin
	}
	if !installable.MatchString(name) {
		return &usageError{fmt.Sprintf("%q can't be a plugin's name: it has small letters, digits, dots, dashes and underscores only", name)}
	}
	if constraint != "" && !config.ValidConstraint(constraint) {
		return &usageError{fmt.Sprintf("--version %s: write a version such as 1.2.0, or one such as \"~> 1.2\"", constraint)}
	}
	src, err := config.PluginSource(text)
	if _, statErr := os.Stat(text); err != nil && statErr == nil {
		src, err = filepath.Abs(text)
	}
	if err != nil {
		return &usageError{fmt.Sprintf("%q is no place of releases: %v", text, err)}
	}
	if dir, err = pluginDir(dir); err != nil {
		return err
	}
	r, err := a.depot(ctx)
	if err != nil {
		return err
	}
	defer r.done()
	req := pluginstore.Request{Name: name, Source: src, Version: constraint}
	rel, err := r.store.Resolve(ctx, req)
	if err != nil {
		return err
	}
	in, err := r.store.Install(ctx, req, rel, dir, a.fetchProgress(name))
	if err != nil {
		return err
	}
	a.told(rel, "installed", in.Path)
	return nil
}

func (a *app) pluginRemoveCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "remove NAME",
		Short: "Remove a plugin that was installed",
		Long: `Remove a plugin from your own folder of plugins, or from the one of --dir. What
the lock says of it stays.`,
		Args: exactly("NAME"),
		RunE: func(_ *cobra.Command, args []string) error { return a.removePlugin(args[0], dir) },
	}
	a.pluginDirFlag(cmd, &dir)
	return cmd
}

func (a *app) removePlugin(name, dir string) error {
	dir, err := pluginDir(dir)
	if err != nil {
		return err
	}
	if !installable.MatchString(name) {
		return &usageError{fmt.Sprintf("%q can't be a plugin's name", name)}
	}
	path := filepath.Join(dir, pluginhost.Prefix+name)
	err = os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		here, _ := filepath.Glob(filepath.Join(dir, pluginhost.Prefix+"*"))
		names := []string{"none"}
		for i, path := range here {
			here[i] = strings.TrimPrefix(filepath.Base(path), pluginhost.Prefix)
			names = here
		}
		return &usageError{fmt.Sprintf("there is no plugin %q in %s; there are: %s", name, dir, strings.Join(names, ", "))}
	}
	if err != nil {
		return &fault.Error{
			Summary: fmt.Sprintf("Plugin %q can't be removed", name), Detail: err.Error() + ".", Remedy: "Correct the permissions of the folder.", Err: err,
		}
	}
	fmt.Fprintf(a.Streams.Out, "removed %s\n", path)
	return nil
}
