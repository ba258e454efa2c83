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
	"github.com/mkmini/mkmini/core/toolchain"
	"github.com/mkmini/mkmini/core/ui"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// errUnusable makes `toolchain check` fail without a further word.
var errUnusable = errors.New("no usable compiler")

func (a *app) toolchainCheckCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check ARCH|DIR",
		Short: "Examine a compiler, and say what to do about what is wrong",
		Long: `Probe the compiler of an architecture, or those in a folder: in it, in its bin
or its usr/bin. What was found out is shown also of a compiler that can't be
used; the exit code is then 1.`,
		Args: atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &usageError{"which compiler? Name an architecture or a folder"}
			}
			return a.check(cmd.Context(), args[0])
		},
	}
	cmd.Flags().SortFlags = false
	a.placeFlags(cmd)
	a.jsonFlag(cmd)
	cmd.Flags().CountVarP(&a.flags.verbose, "verbose", "v", "say more; -vv says all")
	return cmd
}

// verdict is what `toolchain check` says of one compiler.
type verdict struct {
	Toolchain   string          `json:"toolchain"`
	CC          string          `json:"cc"`
	From        string          `json:"from"`
	Usable      bool            `json:"usable"`
	Target      string          `json:"target,omitempty"`
	Version     string          `json:"version,omitempty"`
	Facts       []sdk.Fact      `json:"facts"`
	Diagnostics sdk.Diagnostics `json:"diagnostics,omitempty"`
}

func (a *app) check(ctx context.Context, what string) (err error) {
	w, err := a.workshop(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	wanted, from, err := w.meant(what, a.flags.only)
	if err != nil {
		return err
	}
	verdicts := []verdict{}
	usable := len(wanted) > 0
	for _, p := range wanted {
		some, err := w.examine(ctx, p, from)
		if err != nil {
			return err
		}
		verdicts = append(verdicts, some...)
		usable = usable && slices.ContainsFunc(some, func(v verdict) bool { return v.Usable })
	}
	if a.flags.json {
		err = a.writeJSON(verdicts)
	} else {
		err = a.verdicts(verdicts)
	}
	if err == nil && !usable {
		err = errUnusable
	}
	return err
}

// meant returns the toolchains whose compilers are to be examined, and where
// they are: a folder, or no place for where a build looks.
func (w *workshop) meant(what string, only []string) ([]*pluginhost.Found, []config.From, error) {
	p, err := w.find(what)
	if err == nil {
		return []*pluginhost.Found{p}, nil, nil
	}
	if info, statErr := os.Stat(what); statErr != nil || !info.IsDir() {
		if strings.ContainsRune(what, filepath.Separator) {
			return nil, nil, &usageError{what + " is no folder"}
		}
		return nil, nil, err
	}
	dir, err := filepath.Abs(what)
	if err != nil {
		return nil, nil, err
	}
	if len(only) == 0 {
		only = toolchain.Architectures(dir, w.infos())
	}
	var wanted []*pluginhost.Found
	for _, name := range only {
		p, err := w.find(name)
		if err != nil {
			return nil, nil, err
		}
		wanted = append(wanted, p)
	}
	if len(wanted) == 0 {
		return nil, nil, noneIn(dir)
	}
	return wanted, []config.From{toolchain.InFolder(dir)}, nil
}

// noneIn explains that a folder has no compiler that is known by its name.
func noneIn(dir string) error {
	f := &fault.Error{
		Summary: "No compiler in this folder",
		Detail:  fmt.Sprintf("%s, its bin and its usr/bin have no TRIPLET-gcc of an architecture that is known.", dir),
		Remedy:  "Name another folder, or the architecture with --only ARCH.",
	}
	for _, bin := range []string{"", "bin", "usr/bin"} {
		found, _ := filepath.Glob(filepath.Join(dir, bin, "*gcc")) // the pattern is well-formed unless dir isn't
		f.Excerpt = append(f.Excerpt, found...)
	}
	return f
}

// examine probes the compilers of one toolchain.
func (w *workshop) examine(ctx context.Context, p *pluginhost.Found, from []config.From) ([]verdict, error) {
	var verdicts []verdict
	req := request(p, from...)
	err := w.work(ctx, p, func(plugin sdk.Toolchain, dir string, report toolchain.Report) error {
		examined, err := w.manager.Examine(ctx, req, plugin, dir, report)
		if err != nil {
			return err
		}
		for _, e := range examined {
			verdicts = append(verdicts, verdict{
				Toolchain: p.Name, CC: e.CC, From: e.From, Usable: len(e.Problems) == 0, Target: e.Compiler.Target,
				Version: e.Compiler.Version, Facts: append([]sdk.Fact{}, e.Compiler.Facts...), Diagnostics: e.Problems,
			})
		}
		return nil
	})
	return verdicts, err
}

// verdicts writes a table for each compiler.
func (a *app) verdicts(verdicts []verdict) error {
	screen := ui.Detect(a.Streams.Out, os.Getenv)
	for i, v := range verdicts {
		if i > 0 {
			fmt.Fprintln(a.Streams.Out)
		}
		fmt.Fprintf(a.Streams.Out, "compiler for %s: %s, from %s\n", v.Toolchain, v.CC, v.From)
		if err := ui.WriteFacts(a.Streams.Out, screen, v.Facts); err != nil {
			return err
		}
		for _, d := range v.Diagnostics {
			fmt.Fprintf(a.Streams.Out, "\n%s: %s\n", d.Summary, d.Detail)
			for _, line := range d.Excerpt {
				fmt.Fprintf(a.Streams.Out, "  %s\n", line)
			}
		}
	}
	return nil
}
