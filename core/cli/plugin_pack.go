package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/pluginhost"
	"github.com/mkmini/mkmini/core/pluginstore"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// packing are the flags of `plugin pack`.
type packing struct {
	out, push string
	zip       bool
	add       []string
}

func (a *app) pluginPackCommand() *cobra.Command {
	var p packing
	cmd := &cobra.Command{
		Use:   "pack [OS/ARCH=]FILE...",
		Short: "Make a release of a plugin",
		Long: `Make a release of a plugin from its executables, one for each platform: an
archive of each, a description, and SHA256SUMS. What an executable is made for
is read from it. Name and version are what the plugin says; one of the
executables has to run on this machine. The same executables give the same
bytes. To sign the release, sign SHA256SUMS with minisign.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 && p.push == "" {
				return &usageError{"pack what? Give the plugin's executables, one for each platform"}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.pack(cmd.Context(), p, args) },
	}
	a.networkFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&p.out, "out", "dist", "put the release into `DIR`")
	f.StringArrayVar(&p.add, "add", nil, "put `FILE` into each archive as well, such as a licence (repeatable)")
	f.BoolVar(&p.zip, "zip", false, "make .zip archives in place of .tar.gz")
	f.StringVar(&p.push, "push", "", "write the release to a registry as well: `REFERENCE` is oci://HOST/REPOSITORY:VERSION; without FILE, the one that is in --out")
	_ = cmd.MarkFlagDirname("out")
	return cmd
}

func (a *app) pack(ctx context.Context, p packing, args []string) error {
	if p.push != "" {
		if _, err := config.PluginSource(p.push); err != nil || !strings.HasPrefix(p.push, config.OCIScheme) {
			return &usageError{fmt.Sprintf("--push %s: write one such as oci://registry.example/board:1.2.0", p.push)}
		}
	}
	if len(args) > 0 {
		if err := a.makeRelease(ctx, p, args); err != nil {
			return err
		}
	}
	if p.push == "" {
		return nil
	}
	r, err := a.depot(ctx)
	if err != nil {
		return err
	}
	defer r.done()
	digest, err := pluginstore.Push(ctx, r.store.Registry, strings.TrimPrefix(p.push, config.OCIScheme), p.out)
	if err != nil && ctx.Err() == nil {
		return &fault.Error{
			Summary: "Release not pushed", Detail: fmt.Sprintf("%s could not be written: %v.", p.push, err),
			Remedy: "Correct the reference, log in with docker login, or make the release first.", Err: err,
		}
	}
	if err == nil {
		fmt.Fprintf(a.Streams.Out, "%s@%s\n", p.push, digest)
	}
	return err
}

func (a *app) makeRelease(ctx context.Context, p packing, args []string) error {
	epoch, err := epochFrom(os.Getenv("SOURCE_DATE_EPOCH"))
	if err != nil {
		return err
	}
	executables := map[pluginstore.Platform]string{}
	for _, arg := range args {
		platform, path, err := target(arg)
		if err != nil {
			return err
		}
		if other, ok := executables[platform]; ok {
			return &usageError{fmt.Sprintf("%s and %s are both for %s: give one of them", other, path, platform)}
		}
		executables[platform] = path
	}
	m, err := a.runnable(ctx, executables)
	if err != nil {
		return err
	}
	pack := pluginstore.Pack{Plugin: m, Executables: executables, Texts: p.add, Zip: p.zip, Epoch: epoch}
	names, err := pack.Make(ctx, p.out)
	for _, name := range names {
		fmt.Fprintln(a.Streams.Out, filepath.Join(p.out, name))
	}
	if err == nil {
		fmt.Fprintf(a.Streams.Err, "To sign the release: minisign -S -m %s\n", filepath.Join(p.out, pluginstore.SumsName))
	}
	return err
}

// target reads OS/ARCH=FILE or FILE.
func target(arg string) (pluginstore.Platform, string, error) {
	if platform, path, ok := strings.Cut(arg, "="); ok {
		if system, arch, ok := strings.Cut(platform, "/"); ok && system != "" && arch != "" && !strings.Contains(arch, "/") {
			return pluginstore.Platform{OS: system, Arch: arch}, path, nil
		}
	}
	platform, err := pluginstore.TargetOf(arg)
	if err != nil {
		return platform, arg, &usageError{fmt.Sprintf("what is %s made for? %v; write OS/ARCH=%s", arg, err, arg)}
	}
	return platform, arg, nil
}

// runnable returns the description that one of a plugin's executables gives:
// the first of those that run here, this machine's own before others.
func (a *app) runnable(ctx context.Context, executables map[pluginstore.Platform]string) (m sdk.Manifest, err error) {
	this := pluginstore.ThisPlatform()
	var order []pluginstore.Platform
	for platform := range executables {
		order = append(order, platform)
	}
	rank := func(p pluginstore.Platform) string {
		switch {
		case p == this:
			return "0"
		case p.Arch == "any":
			return "1"
		}
		return "2" + p.String()
	}
	slices.SortFunc(order, func(x, y pluginstore.Platform) int { return strings.Compare(rank(x), rank(y)) })
	var opts pluginhost.Options
	if err := a.limit(&opts); err != nil {
		return m, err
	}
	host := pluginhost.New(opts)
	defer func() { err = errors.Join(err, host.Close()) }()
	var first error
	for _, platform := range order {
		found, err := host.FindFile(ctx, executables[platform])
		if err == nil {
			return found.Manifest, nil
		}
		if first == nil {
			first = err
		}
	}
	return m, first
}
