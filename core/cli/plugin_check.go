package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/event"
	"github.com/mkmini/mkmini/core/plugincheck"
	"github.com/mkmini/mkmini/core/sandbox"
	"github.com/mkmini/mkmini/core/source"
	"github.com/mkmini/mkmini/core/store"
	"github.com/mkmini/mkmini/core/toolchain"
	"github.com/mkmini/mkmini/core/ui"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// errBroken makes `plugin check` fail without a further word.
var errBroken = errors.New("the plugin does not keep to the contract")

// pluginChecks are the flags of `plugin check`.
type pluginChecks struct {
	attributes  []string
	cc, busybox string
}

func (a *app) pluginCheckCommand() *cobra.Command {
	var given pluginChecks
	cmd := &cobra.Command{
		Use:   "check FILE",
		Short: "Hold a plugin against the contract",
		Long: `Run a plugin with good requests, bad ones and none at all, and say what it does
not keep to. FILE is its executable; nothing has to be installed. The exit code
is 1 if a check fails.

  mkmini plugin check ./mkmini-plugin-riscv64 --busybox busybox-1.36.1.tar.bz2`,
		Args: atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &usageError{"which plugin? Name its executable"}
			}
			return a.pluginCheck(cmd.Context(), args[0], given)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringArrayVar(&given.attributes, "attribute", nil, "give an attribute a value in JSON: `NAME=VALUE` (repeatable)")
	f.StringVar(&given.cc, "cc", "", "probe the compiler `PATH` (default: those that a build finds)")
	f.StringVar(&given.busybox, "busybox", "", "build busybox from `SOURCE`, an archive or a folder")
	f.IntVarP(&a.flags.jobs, "jobs", "j", 0, "run `N` compiles at once (default: one for each processor)")
	a.jsonFlag(cmd)
	f.BoolVar(&a.flags.plain, "plain", false, "write plain lines, also on a terminal")
	f.CountVarP(&a.flags.verbose, "verbose", "v", "say more; -vv says all")
	_ = cmd.MarkFlagFilename("cc")
	_ = cmd.MarkFlagFilename("busybox")
	return cmd
}

func (a *app) pluginCheck(ctx context.Context, path string, given pluginChecks) (err error) {
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return &usageError{path + " is no file"}
	}
	attributes, err := parseAttributes(given.attributes)
	if err != nil {
		return err
	}
	if given.cc != "" && !filepath.IsAbs(given.cc) {
		return &usageError{"--cc needs the absolute path of a compiler"}
	}
	view := a.talk()
	defer func() { err = errors.Join(err, view.Close()) }()
	opts := plugincheck.Options{
		Path: path, Attributes: attributes, CC: given.cc, Compilers: hostCompilers, Jobs: a.jobs(),
		Sandbox: sandbox.Detect(),
		Logger:  a.logger(view),
		Report: func(check string, done, total int) {
			view.Event(event.Event{Kind: event.Progress, Step: "check", Phase: "check", Done: done, Total: total, Message: check})
		},
	}
	if given.busybox != "" {
		remove, err := unpackSource(ctx, given.busybox, &opts)
		if err != nil {
			return err
		}
		defer remove()
	}
	results, err := plugincheck.Run(ctx, opts)
	if err != nil {
		return err
	}
	if err := a.writeResults(results); err != nil {
		return err
	}
	if !plugincheck.Passed(results) {
		return errBroken
	}
	return nil
}

// writeResults writes a table, or JSON.
func (a *app) writeResults(results []plugincheck.Result) error {
	if a.flags.json {
		return a.writeJSON(results)
	}
	var facts []sdk.Fact
	for _, r := range results {
		facts = append(facts, sdk.Fact{Name: r.Check, Value: r.Detail, Status: r.Status, Remedy: r.Remedy})
	}
	if err := ui.WriteFacts(a.Streams.Out, ui.Detect(a.Streams.Out, os.Getenv), facts); err != nil {
		return err
	}
	for _, r := range results {
		if len(r.Excerpt) == 0 {
			continue
		}
		fmt.Fprintf(a.Streams.Out, "\n%s:\n", r.Check)
		for _, line := range r.Excerpt {
			fmt.Fprintf(a.Streams.Out, "  %s\n", line)
		}
	}
	return nil
}

// parseAttributes reads NAME=VALUE. A value that is no JSON is a string.
func parseAttributes(given []string) (map[string]json.RawMessage, error) {
	values := map[string]json.RawMessage{}
	for _, one := range given {
		name, value, ok := strings.Cut(one, "=")
		if !ok || name == "" {
			return nil, &usageError{fmt.Sprintf("--attribute %q is not NAME=VALUE", one)}
		}
		if !json.Valid([]byte(value)) {
			quoted, err := json.Marshal(value)
			if err != nil {
				return nil, err
			}
			value = string(quoted)
		}
		values[name] = json.RawMessage(value)
	}
	return values, nil
}

// hostCompilers are those that a build finds on this machine.
func hostCompilers(info sdk.ToolchainInfo) []plugincheck.Compiler {
	manager := &toolchain.Manager{Host: toolchain.ThisHost()}
	found := manager.Found(toolchain.Request{Toolchain: config.Toolchain{From: []config.From{{Kind: "host"}}}, Info: info})
	var list []plugincheck.Compiler
	for _, c := range found {
		list = append(list, plugincheck.Compiler{CC: c.CC, Prefix: c.Prefix})
	}
	return list
}

// unpackSource finds out which busybox it is, in a folder or an archive, which
// is unpacked until remove is called.
func unpackSource(ctx context.Context, path string, opts *plugincheck.Options) (remove func(), err error) {
	remove = func() {}
	if opts.Source, err = filepath.Abs(path); err != nil {
		return remove, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return remove, &usageError{"--busybox: " + err.Error()}
	}
	if !info.IsDir() {
		dir, err := os.MkdirTemp("", "mkmini-busybox-")
		if err != nil {
			return remove, err
		}
		remove = func() { _ = store.RemoveAll(dir) }
		if err := source.Unpack(ctx, opts.Source, dir, source.Limits{}); err != nil {
			remove()
			return remove, err
		}
		opts.Source = dir
	}
	opts.Version = makefileVersion(filepath.Join(opts.Source, "Makefile"))
	return remove, nil
}

// makefileVersion returns what the first lines of busybox's makefile make it
// call itself; "" if there is no such file.
func makefileVersion(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	parts := []string{"VERSION", "PATCHLEVEL", "SUBLEVEL"}
	var version []string
	for lines := bufio.NewScanner(f); lines.Scan() && len(version) < len(parts); {
		name, value, ok := strings.Cut(lines.Text(), "=")
		if ok && slices.Contains(parts, strings.TrimSpace(name)) {
			version = append(version, strings.TrimSpace(value))
		}
	}
	return strings.Join(version, ".")
}
