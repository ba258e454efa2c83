package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/doctor"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/toolchain"
	"github.com/mkmini/mkmini/core/ui"
)

func (a *app) toolchainCommand() *cobra.Command {
	return group("toolchain", "Find, examine and use compilers",
		a.toolchainListCommand(), a.toolchainAddCommand(), a.toolchainUseCommand(), a.toolchainCheckCommand(),
		a.toolchainEnvCommand(), a.toolchainShellCommand(), a.toolchainPathCommand(),
		a.toolchainRemoveCommand())
}

func (a *app) toolchainListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Show the compilers that are remembered",
		Long: `Show the compilers that were found and probed: where they are, what they take
in the store, when they were last used, and which configurations use them.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.toolchains(cmd.Context()) },
	}
	a.storeFlags(cmd)
	a.jsonFlag(cmd)
	return cmd
}

// remembered is a line of `toolchain list`.
type remembered struct {
	Arch        string            `json:"arch"`
	CC          string            `json:"cc"`
	Version     string            `json:"version"`
	From        string            `json:"from"`
	Kind        string            `json:"kind"`
	Fingerprint string            `json:"fingerprint"`
	Pins        map[string]string `json:"pins,omitempty"`
	// Chosen says that it is used where a configuration names no place.
	Chosen bool `json:"chosen"`
	// Key is that of what mkmini brought.
	Key string `json:"key,omitempty"`
	// Holds says that it is still what was probed.
	Holds bool `json:"holds"`
	// Tree and Size in bytes are of what mkmini brought.
	Tree  string    `json:"tree,omitempty"`
	Size  int64     `json:"size,omitempty"`
	Used  time.Time `json:"used"`
	Users []string  `json:"users"`
}

func (a *app) toolchains(ctx context.Context) error {
	st, err := a.store(ctx)
	if err != nil {
		return err
	}
	records, err := (&toolchain.Manager{Dir: st.Sub("toolchains")}).Records(st.Sub("steps"))
	if err != nil {
		return err
	}
	list := []remembered{}
	for _, r := range records {
		list = append(list, remembered{
			Arch: r.Arch, CC: r.Compiler.CC, Version: r.Compiler.Version, From: r.From, Kind: r.Kind,
			Fingerprint: r.Fingerprint, Pins: r.Pins, Holds: r.Holds, Tree: r.Tree, Size: r.Size,
			Key: st.KeyOf(r.Compiler.CC), Chosen: a.choseIt(r),
			Used: r.Used.UTC().Truncate(time.Second), Users: append([]string{}, r.Users...),
		})
	}
	if a.flags.json {
		return a.writeJSON(list)
	}
	if len(list) == 0 {
		fmt.Fprintln(a.Streams.Err, "No compiler is remembered: the first build finds one, and so does `mkmini toolchain path ARCH`.")
		return nil
	}
	var rows [][]string
	for _, r := range merged(list) {
		rows = append(rows, r.row())
	}
	return ui.WriteTable(a.Streams.Out, ui.Detect(a.Streams.Out, os.Getenv),
		[]string{"arch", "from", "compiler", "version", "state", ">size", "last used", "used by"}, rows)
}

// merged returns one entry for each compiler, with all who use it: there is a
// record for each block that led to it.
func merged(list []remembered) []remembered {
	var all []remembered
	for _, r := range list {
		i := slices.IndexFunc(all, func(o remembered) bool {
			return o.Arch == r.Arch && o.CC == r.CC && o.Kind == r.Kind && o.Version == r.Version && o.Holds == r.Holds
		})
		if i < 0 {
			all = append(all, r)
			continue
		}
		all[i].Chosen = all[i].Chosen || r.Chosen
		all[i].Users = slices.Compact(slices.Sorted(slices.Values(slices.Concat(all[i].Users, r.Users))))
	}
	return all
}

// row is a line of the table. A compiler in the store is named by the start of
// its key, which other commands take.
func (r remembered) row() []string {
	size, state := "", "changed"
	if r.Tree != "" {
		size = doctor.Size(r.Size)
	}
	if r.Holds {
		state = "ok"
	}
	if r.Chosen {
		state += ", chosen"
	}
	cc := r.CC
	if r.Key != "" {
		cc = r.Key[:min(len(r.Key), strings.LastIndexByte(r.Key, '-')+1+shortKey)]
	}
	return []string{r.Arch, r.Kind, cc, r.Version, state, size, r.Used.Local().Format(time.DateTime), strings.Join(r.Users, " ")}
}

// shortKey is how many digits of a key are shown.
const shortKey = 12

// choseIt says whether a record is of what the user chose.
func (a *app) choseIt(r toolchain.Record) bool {
	return slices.ContainsFunc(a.chosen[r.Arch], func(f config.From) bool {
		f.Range = fault.Range{} // records have none
		return reflect.DeepEqual(f, r.Block)
	})
}

func (a *app) toolchainEnvCommand() *cobra.Command {
	cmd := a.compilerCommand("env", "Print the variables that other build systems need",
		`Print export lines for a compiler: CC, CROSS_COMPILE, AR, SYSROOT and so on. It
is found, or brought, as for a build:

  eval "$(mkmini toolchain env riscv64)"`,
		func(vars []toolchain.Variable, _ toolchain.Probed) error {
			if a.flags.json {
				return a.writeJSON(vars)
			}
			for _, v := range vars {
				fmt.Fprintf(a.Streams.Out, "export %s=%s\n", v.Name, ui.Quote(v.Value))
			}
			return nil
		})
	a.jsonFlag(cmd)
	return cmd
}

func (a *app) toolchainPathCommand() *cobra.Command {
	return a.compilerCommand("path", "Print the path of a compiler",
		`Print the absolute path of a compiler. It is found, or brought, as for a build.`,
		func(_ []toolchain.Variable, got toolchain.Probed) error {
			fmt.Fprintln(a.Streams.Out, got.Compiler.CC)
			return nil
		})
}

func (a *app) toolchainShellCommand() *cobra.Command {
	return a.compilerCommand("shell", "Start a shell with the variables of `toolchain env`",
		`Start $SHELL with the variables that "mkmini toolchain env" prints, in mkmini's
own place.`,
		func(vars []toolchain.Variable, got toolchain.Probed) error { return a.shell(vars, got) })
}

// compilerCommand is a command that does something with one compiler.
func (a *app) compilerCommand(name, short, long string, do func([]toolchain.Variable, toolchain.Probed) error) *cobra.Command {
	cmd := &cobra.Command{
		Use: name + " ARCH | -c FILE [ARCH]", Short: short, Long: long, Args: atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			info, got, err := a.compiler(cmd.Context(), args)
			if err != nil {
				return err
			}
			return do(toolchain.Env(info, got.Compiler, os.Getenv("PATH")), got)
		},
	}
	a.configFlags(cmd)
	a.placeFlags(cmd)
	return cmd
}

// shell puts the user's shell in mkmini's place: signals, terminal and exit
// code are its own. It returns only if there is no such shell.
func (a *app) shell(vars []toolchain.Variable, got toolchain.Probed) error {
	shell := os.Getenv("SHELL")
	if !filepath.IsAbs(shell) {
		shell = "/bin/sh"
	}
	env := os.Environ()
	for _, v := range vars {
		env = append(slices.DeleteFunc(env, func(entry string) bool { return strings.HasPrefix(entry, v.Name+"=") }), v.Name+"="+v.Value)
	}
	fmt.Fprintf(a.Streams.Err, "%s: %s; leave the shell with exit.\n", got.Compiler.CC, got.Compiler.Version)
	err := unix.Exec(shell, []string{shell}, env)
	return &fault.Error{
		Summary: "The shell can't be run", Detail: fmt.Sprintf("%s: %v.", shell, err),
		Remedy: "Set SHELL to the absolute path of a shell.", Err: err,
	}
}
