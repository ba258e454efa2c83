package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/event"
	"github.com/mkmini/mkmini/core/pluginhost"
	"github.com/mkmini/mkmini/core/store"
	"github.com/mkmini/mkmini/core/toolchain"
	"github.com/mkmini/mkmini/core/ui"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// workshop are the parts of mkmini that work with compilers and need no
// configuration.
type workshop struct {
	store   *store.Store
	host    *pluginhost.Host
	manager *toolchain.Manager
	view    *ui.UI
	// plugins are the toolchains there are, sorted by name.
	plugins []*pluginhost.Found
}

// workshop puts the parts together. Plugins are those of the folder that one
// is in, the user's and the built-in ones.
func (a *app) workshop(ctx context.Context) (*workshop, error) {
	st, err := a.store(ctx)
	if err != nil {
		return nil, err
	}
	w := &workshop{store: st, view: a.talk()}
	logger := a.logger(w.view)
	if w.host, err = a.host(st, ".", logger); err != nil {
		return nil, err
	}
	w.manager = a.manager(st, logger)
	for _, name := range w.host.Names(ctx, sdk.KindToolchain) {
		found, err := w.host.Find(ctx, name)
		if err != nil {
			return nil, errors.Join(err, w.close())
		}
		w.plugins = append(w.plugins, found)
	}
	if err := ctx.Err(); err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

func (w *workshop) close() error { return errors.Join(w.host.Close(), w.view.Close()) }

// infos are the descriptions of the toolchains.
func (w *workshop) infos() []sdk.ToolchainInfo {
	infos := make([]sdk.ToolchainInfo, len(w.plugins))
	for i, p := range w.plugins {
		infos[i] = *p.Manifest.Toolchain
	}
	return infos
}

// find returns the toolchain of a name.
func (w *workshop) find(name string) (*pluginhost.Found, error) {
	var names []string
	for _, p := range w.plugins {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return nil, &usageError{fmt.Sprintf("there is no architecture %q; there are: %s", name, strings.Join(names, ", "))}
}

// request asks for a toolchain's compiler as an empty block does.
func request(p *pluginhost.Found, from ...config.From) toolchain.Request {
	return toolchain.Request{
		Toolchain: config.Toolchain{Plugin: p.Name, From: from, Attributes: json.RawMessage("{}")},
		Info:      *p.Manifest.Toolchain, Plugin: p.Digest,
	}
}

// work calls do with the running plugin and a folder to work in, and shows
// how it goes.
func (w *workshop) work(ctx context.Context, p *pluginhost.Found, do func(sdk.Toolchain, string, toolchain.Report) error) error {
	plugin, err := w.host.Toolchain(ctx, p.Name)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(w.store.Sub("tmp"), "probe-"+p.Name+".")
	if err != nil {
		return fmt.Errorf("make a folder to work in: %w", err)
	}
	defer store.RemoveAll(dir)
	return do(plugin, dir, func(phase string, done, total int, what string) {
		e := event.Event{Kind: event.Progress, Step: "toolchain", Arch: p.Manifest.Toolchain.Arch, Phase: phase, Done: done, Total: total, Message: what}
		if phase == "fetch" {
			e.Unit = event.Bytes
		}
		w.view.Event(e)
	})
}

// obtain returns the compiler of a toolchain, from the places that are given
// or else as for an empty block; it is brought if need be.
func (w *workshop) obtain(ctx context.Context, p *pluginhost.Found, from ...config.From) (toolchain.Probed, error) {
	req := request(p, from...)
	if known, ok := w.manager.Known(req); ok && w.manager.Sound(known) {
		return known, nil
	}
	e := event.Event{Kind: event.Start, Step: "toolchain", Arch: req.Info.Arch}
	w.view.Event(e)
	start := time.Now()
	var got toolchain.Probed
	err := w.work(ctx, p, func(plugin sdk.Toolchain, dir string, report toolchain.Report) (err error) {
		var remarks []string
		got, remarks, err = w.manager.Obtain(ctx, req, plugin, dir, report)
		for _, remark := range remarks {
			w.view.Event(event.Event{Kind: event.Warning, Step: e.Step, Arch: e.Arch, Diagnostics: []event.Diagnostic{
				{Severity: sdk.Warning, Summary: "Compiler passed over", Detail: remark},
			}})
		}
		return err
	})
	e.Kind, e.Elapsed = event.Done, time.Since(start)
	e.Message = got.Compiler.CC + ": " + got.Compiler.Version
	switch {
	case ctx.Err() != nil:
		e.Kind, e.Message = event.Cancelled, ""
	case err != nil:
		e.Kind, e.Message, e.Diagnostics = event.Failed, err.Error(), event.Diagnose(err)
	}
	w.view.Event(e)
	return got, err
}

// talk returns what shows work whose result is on standard output, as text or
// as JSON.
func (a *app) talk() *ui.UI {
	mode := ui.Auto
	if a.flags.plain {
		mode = ui.Plain
	}
	return ui.New(ui.Options{
		Out: a.Streams.Err, Err: a.Streams.Err,
		OutScreen: ui.Detect(a.Streams.Err, os.Getenv), ErrScreen: ui.Detect(a.Streams.Err, os.Getenv),
		Mode: mode, Verbosity: a.flags.verbose,
	})
}

// fromConfig returns the compiler of a configuration for an architecture,
// which may be left out if there is but one, and the architecture's data.
func (a *app) fromConfig(ctx context.Context, arch string) (info sdk.ToolchainInfo, got toolchain.Probed, err error) {
	if arch != "" {
		a.flags.only = []string{arch}
	}
	view := a.talk()
	defer func() { err = errors.Join(err, view.Close()) }()
	t, s, err := a.system(ctx, view)
	if err != nil {
		return info, got, err
	}
	defer func() { err = errors.Join(err, t.host.Close()) }()
	if len(s.config.Targets) != 1 {
		var archs []string
		for _, target := range s.config.Targets {
			archs = append(archs, target.Arch)
		}
		return info, got, &usageError{fmt.Sprintf("the configuration has %s: name one of them", strings.Join(archs, ", "))}
	}
	compilers, err := t.builder.Lend(ctx, t.job(s))
	target := s.config.Targets[0]
	return s.toolchains[target.Toolchain.Plugin], compilers[target.Arch], err
}

// onArch has something done with the toolchain of an architecture.
func (a *app) onArch(ctx context.Context, arch string, do func(w *workshop, found *pluginhost.Found) error) (err error) {
	w, err := a.workshop(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	found, err := w.find(arch)
	if err != nil {
		return err
	}
	return do(w, found)
}

// compiler returns the compiler that arguments ask for: `ARCH` or `-c FILE`.
func (a *app) compiler(ctx context.Context, args []string) (info sdk.ToolchainInfo, got toolchain.Probed, err error) {
	switch {
	case a.flags.config != "":
		return a.fromConfig(ctx, strings.Join(args, ""))
	case len(args) == 0:
		return info, got, &usageError{"which compiler? Name an architecture, or give a configuration with -c FILE"}
	}
	w, err := a.workshop(ctx)
	if err != nil {
		return info, got, err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	p, err := w.find(args[0])
	if err != nil {
		return info, got, err
	}
	got, err = w.obtain(ctx, p)
	return *p.Manifest.Toolchain, got, err
}

// storeFlags are the flags of commands that look into the store.
func (a *app) storeFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&a.flags.store, "store", "", "keep results in `DIR` (default $MKMINI_STORE, or mkmini in the user's cache folder)")
	_ = cmd.MarkFlagDirname("store")
}

func (a *app) jsonFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&a.flags.json, "json", false, "write JSON")
}

// writeJSON writes a command's result for programs.
func (a *app) writeJSON(v any) error {
	enc := json.NewEncoder(a.Streams.Out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// atMost allows up to n arguments.
func atMost(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) <= n {
			return nil
		}
		return &usageError{fmt.Sprintf("%s takes no argument %q", cmd.CommandPath(), args[n])}
	}
}

// group is a command that only holds others.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: noArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	slices.SortFunc(commands, func(x, y *cobra.Command) int { return strings.Compare(x.Use, y.Use) })
	cmd.SuggestionsMinimumDistance = 2
	cmd.AddCommand(commands...)
	return cmd
}
