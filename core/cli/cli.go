// Package cli is mkmini's command line: it reads flags, puts the parts
// together, and turns how it went into an exit code.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/config/lockfile"
	"github.com/mkmini/mkmini/core/config/settings"
)

// The exit codes.
const (
	exitOK        = 0
	exitFailed    = 1   // the build failed
	exitUsage     = 2   // the configuration or the command line is at fault
	exitCancelled = 130 // the user stopped it: 128 + SIGINT, as shells have it
)

// Streams are where mkmini writes.
type Streams struct {
	// Out takes results, and Err all else.
	Out, Err io.Writer
}

// Program is what main knows of the program.
type Program struct {
	// Version is the program's version.
	Version string
	// Builtins are the names of the plugins that the program itself serves.
	Builtins []string
	Streams  Streams
}

// Run runs a command line, without the program's name, and returns the exit
// code.
func Run(ctx context.Context, p Program, args []string) int {
	a := &app{Program: p}
	root := a.command()
	root.SetArgs(args)
	root.SetOut(p.Streams.Out)
	root.SetErr(p.Streams.Err)
	err := root.ExecuteContext(ctx)
	a.leave()
	if err != nil && ctx.Err() == nil && !silent(err) {
		a.printer().print(err)
	}
	return exitCode(ctx, err)
}

// silent says that an error has been told already.
func silent(err error) bool {
	return errors.Is(err, errUnusable) || errors.Is(err, errUnhealthy) || errors.Is(err, errBroken) || errors.Is(err, errDifferent) || errors.Is(err, errNotVerified)
}

// exitCode classifies how a command ended.
func exitCode(ctx context.Context, err error) int {
	switch {
	case err == nil:
		return exitOK
	case ctx.Err() != nil || errors.Is(err, context.Canceled):
		return exitCancelled
	case atFault(err):
		return exitUsage
	}
	return exitFailed
}

// app is one run of the program.
type app struct {
	Program
	flags flags
	files sources
	// settings are the user's, once configure has read them.
	settings   settings.Settings
	configured bool
	// chosen are the places of compilers that the user chose, by toolchain.
	chosen map[string][]config.From
	// locked is the lock, once it was read. With relock, what it pins of
	// plugins that no release pins is about to be replaced.
	locked *lockfile.File
	relock bool
	// releases give back stores that are in use.
	releases []func()
}

// flags are the values of the flags.
type flags struct {
	config    string
	store     string
	out       string
	only      []string
	vars      []string
	varFiles  []string
	jobs      int
	offline   bool
	locked    bool
	fromPath  bool
	noSandbox bool
	json      bool
	plain     bool
	keepGoing bool
	verbose   int
	// offlineGiven says that offline was written.
	offlineGiven bool
}

// command returns the root command, which is also `build`.
func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "mkmini -c FILE",
		Short: "Turn a C cross compiler into a mini Linux for docker and QEMU",
		Long: `mkmini compiles busybox with any C cross compiler into a mini Linux and writes
it as docker and OCI images, archives and initramfs: the same bytes each time.

  mkmini -c sw64.hcl        builds what the file describes; short for "mkmini build"`,
		Args:          noArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if a.flags.config == "" {
				return cmd.Help()
			}
			return a.build(cmd.Context())
		},
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: false},
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err.Error()} })
	root.SuggestionsMinimumDistance = 2
	a.configFlags(root)
	a.buildFlags(root)
	root.AddCommand(a.buildCommand(), a.planCommand(), a.validateCommand(), a.fmtCommand(), a.versionCommand(),
		a.lockCommand(), a.initCommand(), a.fetchCommand(), a.bundleCommand(), a.unbundleCommand(), a.gcCommand())
	root.AddCommand(a.pushCommand(), a.signCommand(), a.keyCommand(), a.verifyCommand())
	root.AddCommand(a.archCommand(), a.doctorCommand(), a.toolchainCommand(), a.pluginCommand(),
		a.inspectCommand(), a.diffCommand(), a.legalCommand())
	return root
}

// configFlags are the flags of commands that read a configuration.
func (a *app) configFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVarP(&a.flags.config, "config", "c", "", "configuration `FILE`, or a folder whose *.hcl are read")
	f.StringArrayVar(&a.flags.vars, "var", nil, "set a variable: `NAME=VALUE` (repeatable)")
	f.StringArrayVar(&a.flags.varFiles, "var-file", nil, "read variables from `FILE` (repeatable)")
	_ = cmd.MarkFlagFilename("config", "hcl")
	_ = cmd.MarkFlagFilename("var-file", "hcl")
	a.fromPathFlag(cmd)
	a.sandboxFlag(cmd)
	f.CountVarP(&a.flags.verbose, "verbose", "v", "say more; -vv says all")
}

// buildFlags are the flags of commands that build or plan to.
func (a *app) buildFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	a.placeFlags(cmd)
	f.StringVar(&a.flags.out, "out", "out", "put the artifacts into `DIR`")
	a.lockedFlag(cmd)
	f.IntVarP(&a.flags.jobs, "jobs", "j", 0, "run `N` compiles at once (default: one for each processor)")
	f.BoolVar(&a.flags.json, "json", false, "write events as JSON lines; the last one lists the artifacts")
	f.BoolVar(&a.flags.keepGoing, "keep-going", false, "when one architecture fails, go on with the others")
	_ = cmd.MarkFlagDirname("out")
}

// placeFlags are the flags of commands that work with a store.
func (a *app) placeFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVar(&a.flags.only, "only", nil, "leave all architectures but `ARCH` out (repeatable)")
	f.StringVar(&a.flags.store, "store", "", "keep results in `DIR` (default $MKMINI_STORE, or mkmini in the user's cache folder)")
	f.VarPF(toggle{&a.flags.offline, &a.flags.offlineGiven}, "offline", "", "fetch nothing: use what the store and the configuration have").NoOptDefVal = "true"
	f.BoolVar(&a.flags.plain, "plain", false, "write plain lines, also on a terminal")
	_ = cmd.MarkFlagDirname("store")
}

// fromPathFlag is the flag of commands that look for plugins.
func (a *app) fromPathFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&a.flags.fromPath, "plugins-from-path", false, "look for plugins in the folders of PATH too, last")
}

func (a *app) lockedFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&a.flags.locked, "locked", false, "refuse what differs from mkmini.lock.hcl")
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	text := fmt.Sprintf("%s takes no argument %q", cmd.CommandPath(), args[0])
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		text = fmt.Sprintf("there is no command %q: did you mean %q?", args[0], near[0])
	}
	return &usageError{text}
}
