package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/pluginhost"
	"github.com/mkmini/mkmini/core/scaffold"
	"github.com/mkmini/mkmini/core/store"
	"github.com/mkmini/mkmini/core/toolchain"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// newPlugin are the flags of `plugin new`.
type newPlugin struct {
	dir, sdk, module, like string
}

func (a *app) pluginNewCommand() *cobra.Command {
	return group("new", "Begin a plugin of your own",
		a.pluginNewKind(sdk.KindToolchain, "Begin a plugin for an architecture",
			`Write a Go module that is a toolchain plugin: a literal with what mkmini has to
know of an architecture. It begins with the data of the architecture of that
name, of the one of --like, or of this machine's, and works at once.`),
		a.pluginNewKind(sdk.KindExporter, "Begin a plugin for a format",
			`Write a Go module that is an exporter plugin: it writes the names of all files,
and works at once.`))
}

func (a *app) pluginNewKind(kind, short, long string) *cobra.Command {
	var n newPlugin
	cmd := &cobra.Command{
		Use: kind + " NAME", Short: short, Long: long, Args: exactly("NAME"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.newPlugin(cmd.Context(), kind, args[0], n)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&n.dir, "dir", "", "write it into `DIR` (default mkmini-plugin-NAME)")
	f.StringVar(&n.sdk, "sdk", "", "use the checkout of mkmini in `DIR` in place of a release")
	f.StringVar(&n.module, "module", "", "the `PATH` of the Go module (default example.com/mkmini-plugin-NAME)")
	_ = cmd.MarkFlagDirname("dir")
	_ = cmd.MarkFlagDirname("sdk")
	if kind == sdk.KindToolchain {
		f.StringVar(&n.like, "like", "", "begin with the data of the toolchain `NAME`")
		_ = cmd.RegisterFlagCompletionFunc("like", a.completePlugins)
	}
	a.storeFlags(cmd)
	return cmd
}

// newPluginName and modulePath are what may stand in file names and imports.
var (
	newPluginName = regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]{0,63}$`)
	modulePath    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._~-]*(/[A-Za-z0-9._~-]+)*$`)
)

func (a *app) newPlugin(ctx context.Context, kind, name string, n newPlugin) error {
	if !newPluginName.MatchString(name) {
		return &usageError{fmt.Sprintf("%q is no name of a plugin: it has small letters, digits, dots, dashes and underscores only", name)}
	}
	o := scaffold.Options{Kind: kind, Name: name, Dir: n.dir, Module: n.module}
	if o.Dir == "" {
		o.Dir = pluginhost.Prefix + name
	}
	if o.Module == "" {
		o.Module = "example.com/" + pluginhost.Prefix + name
	}
	if !modulePath.MatchString(o.Module) {
		return &usageError{fmt.Sprintf("%q is no path of a Go module, such as example.com/mkmini-plugin-%s", o.Module, name)}
	}
	checkout, err := a.require(&o, n.sdk)
	if err != nil {
		return err
	}
	if err := a.withPlugins(ctx, func(_ *store.Store, host *pluginhost.Host) error { return model(ctx, host, n.like, &o) }); err != nil {
		return err
	}
	written, err := scaffold.Write(o)
	if errors.Is(err, fs.ErrExist) {
		return &fault.Error{
			Summary: "A file is there already", Detail: err.Error() + ".",
			Remedy: "Give another folder with --dir DIR; nothing was changed.", Usage: true, Err: err,
		}
	}
	if err != nil {
		return err
	}
	return a.tidyPlugin(ctx, o, checkout, written)
}

// releasedVersion is a version that the Go command can find.
var releasedVersion = regexp.MustCompile(`^v?\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?$`)

// require says which mkmini a plugin needs: a checkout, whose absolute path
// it returns, or the release that runs.
func (a *app) require(o *scaffold.Options, sdkDir string) (string, error) {
	if sdkDir == "" {
		version := a.Version
		if !releasedVersion.MatchString(version) {
			return "", &usageError{fmt.Sprintf("this mkmini is no release, but %s: say with --sdk DIR where a checkout of mkmini is", version)}
		}
		o.Require = "v" + strings.TrimPrefix(version, "v")
		return "", nil
	}
	checkout, err := filepath.Abs(sdkDir)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(filepath.Join(checkout, "plugins", "sdk", "plugin.go")); err != nil {
		return "", &usageError{fmt.Sprintf("--sdk %s: there is no checkout of mkmini: %s", sdkDir, err)}
	}
	o.Require, o.SDK = "v0.0.0", checkout
	if !filepath.IsAbs(sdkDir) {
		dir, err := filepath.Abs(o.Dir)
		if err != nil {
			return "", err
		}
		// Who names it by its place beside the plugin wants it found so.
		if o.SDK, err = filepath.Rel(dir, checkout); err != nil {
			return "", err
		}
	}
	return checkout, nil
}

// model chooses the architecture that a toolchain begins with, or that an
// exporter is tried out on.
func model(ctx context.Context, host *pluginhost.Host, like string, o *scaffold.Options) error {
	machine := toolchain.ThisHost().Machine
	names := host.Names(ctx, sdk.KindToolchain)
	wanted := like
	if wanted == "" && o.Kind == sdk.KindToolchain && slices.Contains(names, o.Name) {
		wanted = o.Name
	}
	for _, name := range names {
		found, err := host.Find(ctx, name)
		if err != nil {
			continue
		}
		info := *found.Manifest.Toolchain
		if name == wanted || wanted == "" && slices.Contains(info.HostMachines, machine) {
			o.Model, o.Toolchain = info, name
			return nil
		}
	}
	if like != "" {
		return &usageError{fmt.Sprintf("--like %s: there is no such toolchain; there are: %s", like, strings.Join(names, ", "))}
	}
	return &usageError{fmt.Sprintf("no toolchain is for machines like this one, %s: say with --like NAME which one to begin with", machine)}
}

// tidyPlugin completes a module and says what to do next.
func (a *app) tidyPlugin(ctx context.Context, o scaffold.Options, checkout string, written []string) error {
	for _, name := range written {
		fmt.Fprintln(a.Streams.Out, filepath.Join(o.Dir, name))
	}
	switch err := scaffold.Tidy(ctx, o.Dir, checkout); {
	case errors.Is(err, scaffold.ErrNoGo):
		fmt.Fprintf(a.Streams.Err, "There is no go command: install Go, then run `go mod tidy` in %s.\n", o.Dir)
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return &fault.Error{
			Summary: "The plugin's requirements can't be found", Detail: "All files are written, but " + firstLine(err) + ".",
			Remedy:  fmt.Sprintf("Run `go mod tidy` in %s when there is a network.", o.Dir),
			Excerpt: strings.Split(err.Error(), "\n")[1:], Err: err,
		}
	}
	fmt.Fprintf(a.Streams.Err, "Next: cd %s && make test example\n", o.Dir)
	return nil
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
