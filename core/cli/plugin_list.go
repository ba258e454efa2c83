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

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/pluginhost"
	"github.com/mkmini/mkmini/core/store"
	"github.com/mkmini/mkmini/core/ui"
	"github.com/mkmini/mkmini/plugins/sdk"
)

func (a *app) pluginListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Show the plugins there are, and where they were found",
		Long: `Show the plugins that a configuration in this folder would use. With -v, show
the places that they are looked for in as well, in order, and what each has.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.listPlugins(cmd.Context()) },
	}
	a.storeFlags(cmd)
	a.fromPathFlag(cmd)
	cmd.Flags().CountVarP(&a.flags.verbose, "verbose", "v", "say more; -vv says all")
	a.jsonFlag(cmd)
	return cmd
}

// listed is a line of `plugin list`.
type listed struct {
	Name    string   `json:"name"`
	Version string   `json:"version,omitempty"`
	Kinds   []string `json:"kinds,omitempty"`
	// From is whose folder it is in, and Path the executable's.
	From string `json:"from"`
	Path string `json:"path,omitempty"`
	// SHA256 is of the executable.
	SHA256 string `json:"sha256,omitempty"`
	// Error says why it can't be used.
	Error string `json:"error,omitempty"`
}

// looked is a place of `plugin list -v`.
type looked struct {
	From    string   `json:"from"`
	Path    string   `json:"path,omitempty"`
	State   string   `json:"state"`
	Plugins []string `json:"plugins"`
}

func (a *app) listPlugins(ctx context.Context) error {
	return a.withPlugins(ctx, func(st *store.Store, host *pluginhost.Host) error {
		all := []listed{}
		whose := owners(st)
		for _, name := range host.Names(ctx, "") {
			all = append(all, a.listedPlugin(ctx, host, name, whose))
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		var where []looked
		if a.flags.verbose > 0 {
			overridden, err := a.overrides()
			if err != nil {
				return err
			}
			where = looking(host, overridden, whose)
		}
		if a.flags.json {
			return a.writeJSON(struct {
				Plugins []listed `json:"plugins"`
				Places  []looked `json:"places,omitempty"`
			}{all, where})
		}
		return a.writePlugins(all, where)
	})
}

// listedPlugin describes one plugin.
func (a *app) listedPlugin(ctx context.Context, host *pluginhost.Host, name string, whose func(string) string) listed {
	one := listed{Name: name}
	found, err := host.Find(ctx, name)
	if err != nil {
		one.Error = err.Error()
		var f *fault.Error
		if errors.As(err, &f) {
			one.Error = f.Detail
		}
		if candidates := host.Candidates(name); len(candidates) > 0 {
			one.Path, one.From = candidates[0], whose(candidates[0])
		}
		return one
	}
	one.Version, one.Kinds, one.SHA256 = found.Manifest.Version, kindsOf(found.Manifest), strings.TrimPrefix(found.Digest, "sha256:")
	switch {
	case found.Builtin:
		one.From = ofMkmini
	case found.Override || found.Attached != nil:
		one.From, one.Path = ofOverride, found.Path
	default:
		one.From, one.Path = whose(found.Path), found.Path
	}
	return one
}

// kindsOf names what a plugin is.
func kindsOf(m sdk.Manifest) []string {
	var all []string
	if m.Toolchain != nil {
		all = append(all, sdk.KindToolchain)
	}
	if m.Exporter != nil {
		all = append(all, sdk.KindExporter)
	}
	return all
}

// owners returns a function that says whose folder a path is in.
func owners(st *store.Store) func(path string) string {
	all := pluginPlaces(st, ".")
	return func(path string) string {
		for _, p := range all {
			if abs, err := filepath.Abs(p.dir); err == nil && filepath.Dir(path) == abs {
				return p.whose
			}
		}
		return ofPath
	}
}

// looking returns where plugins are looked for, in order.
func looking(host *pluginhost.Host, overridden map[string]string, whose func(string) string) []looked {
	all := []looked{}
	for _, name := range slices.Sorted(keys(overridden)) {
		all = append(all, looked{From: ofOverride, Path: overridden[name], State: "used for development", Plugins: []string{name}})
	}
	for _, p := range host.Places() {
		one := looked{From: ofMkmini, Path: p.Path, State: "used", Plugins: append([]string{}, p.Plugins...)}
		if p.Path != "" {
			one.From = whose(filepath.Join(p.Path, "x"))
		}
		switch {
		case p.Absent:
			one.State = "not there"
		case p.Refused != "":
			one.State = "refused: " + p.Refused
		}
		all = append(all, one)
	}
	return all
}

// keys yields the keys of a map.
func keys(m map[string]string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for key := range m {
			if !yield(key) {
				return
			}
		}
	}
}

func (a *app) writePlugins(all []listed, where []looked) error {
	screen := ui.Detect(a.Streams.Out, os.Getenv)
	var rows [][]string
	for _, one := range all {
		version := one.Version
		if one.Error != "" {
			version = "can't be used: " + one.Error
		}
		rows = append(rows, []string{one.Name, version, strings.Join(one.Kinds, ", "), one.From, shown(one.Path)})
	}
	err := ui.WriteTable(a.Streams.Out, screen, []string{"plugin", "version", "is", "from", "path"}, rows)
	if where == nil || err != nil {
		return err
	}
	rows = nil
	for i, one := range where {
		rows = append(rows, []string{fmt.Sprint(i + 1), one.From, one.Path, one.State, strings.Join(one.Plugins, " ")})
	}
	fmt.Fprintln(a.Streams.Out)
	return ui.WriteTable(a.Streams.Out, screen, []string{"#", "from", "place", "state", "plugins"}, rows)
}

func (a *app) pluginDescribeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "describe NAME|FILE",
		Short: "Show what a plugin is, where it is, and what it speaks",
		Long: `Show what a plugin says about itself: version, protocol, kind. A path with a
slash in it is that of an executable, which need not be installed. The
attributes of its block are shown by "mkmini plugin docs".`,
		Args:              exactly("NAME or FILE"),
		ValidArgsFunction: a.completePlugins,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withPlugins(cmd.Context(), func(_ *store.Store, host *pluginhost.Host) error {
				find := host.Find
				if strings.ContainsRune(args[0], filepath.Separator) {
					find = host.FindFile
				}
				found, err := find(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				return a.described(found)
			})
		},
	}
	a.storeFlags(cmd)
	a.fromPathFlag(cmd)
	a.jsonFlag(cmd)
	return cmd
}

func (a *app) described(found *pluginhost.Found) error {
	m := found.Manifest
	if a.flags.json {
		return a.writeJSON(m)
	}
	var protocols []string
	for _, p := range m.Protocols {
		protocols = append(protocols, fmt.Sprint(p))
	}
	path := found.Path
	if found.Builtin {
		path = "built in"
	}
	rows := [][]string{
		{"name", m.Name}, {"version", m.Version}, {"is", strings.Join(kindsOf(m), ", ")}, {"protocol", strings.Join(protocols, ", ")},
		{"path", path}, {"sha256", strings.TrimPrefix(found.Digest, "sha256:")},
	}
	if m.Mkmini != "" {
		rows = append(rows, []string{"needs", "mkmini " + m.Mkmini + " or newer"})
	}
	if len(m.Abilities) > 0 {
		rows = append(rows, []string{"can", strings.Join(m.Abilities, ", ")})
	}
	if t := m.Toolchain; t != nil {
		rows = append(rows, []string{"architecture", t.Arch + ": " + t.Description})
	}
	if e := m.Exporter; e != nil && e.Description != "" {
		rows = append(rows, []string{"writes", e.Description})
	}
	for _, row := range rows {
		fmt.Fprintf(a.Streams.Out, "%-12s  %s\n", row[0], row[1])
	}
	return nil
}
