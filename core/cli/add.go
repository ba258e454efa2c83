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
	"github.com/mkmini/mkmini/core/pluginhost"
	"github.com/mkmini/mkmini/core/source"
	"github.com/mkmini/mkmini/core/toolchain"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// place are the flags that say where a compiler comes from.
type place struct {
	suite, sha256, bin, prefix string
	strip                      int
}

// placeKinds are the kinds of places on the command line, with what follows them.
var placeKinds = []struct{ name, args string }{
	{"deb", "[PACKAGE...]"}, {"archive", "FILE|URL..."}, {"oci", "IMAGE"}, {"path", "DIR"}, {"host", ""},
}

func isKind(name string) bool {
	return slices.ContainsFunc(placeKinds, func(k struct{ name, args string }) bool { return k.name == name })
}

// kindList describes the places for a command's help.
func kindList(command string) string {
	var lines []string
	for _, k := range placeKinds {
		lines = append(lines, strings.TrimRight(fmt.Sprintf("  mkmini toolchain %s ARCH %s %s", command, k.name, k.args), " "))
	}
	return strings.Join(lines, "\n")
}

func (p *place) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&p.suite, "suite", "", "deb: take the packages from the release `SUITE`")
	f.StringVar(&p.sha256, "sha256", "", "archive: its hash is `HASH`; a URL needs one")
	f.IntVar(&p.strip, "strip", 0, "archive: leave out `N` leading folders of names")
	f.StringVar(&p.bin, "bin", "", "archive, oci: the compiler is in the folder `DIR` of what is unpacked")
	f.StringVar(&p.prefix, "prefix", "", "archive, oci, path: what stands before gcc is `PREFIX`")
}

// from makes a from block of a kind and what follows it.
func (p *place) from(kind string, args []string) (config.From, error) {
	f := config.From{Kind: kind, Prefix: p.prefix}
	switch kind {
	case "deb":
		f.Deb = &config.Deb{Packages: args, Suite: p.suite}
		return f, p.only(kind, "suite")
	case "host":
		return f, errors.Join(p.only(kind), count(kind, args, 0, 0))
	case "path":
		if err := errors.Join(p.only(kind, "prefix"), count(kind, args, 1, 1)); err != nil {
			return f, err
		}
		dir, err := filepath.Abs(args[0])
		f.Dir = dir
		return f, err
	case "oci":
		if err := errors.Join(p.only(kind, "bin", "prefix"), count(kind, args, 1, 1)); err != nil {
			return f, err
		}
		f.OCI = &config.OCI{Image: args[0], Bin: p.bin}
		return f, nil
	case "archive":
		if err := errors.Join(p.only(kind, "sha256", "strip", "bin", "prefix"), count(kind, args, 1, 100)); err != nil {
			return f, err
		}
		f.Archive = &config.Archive{SHA256: p.sha256, Strip: p.strip, Bin: p.bin}
		if len(args) == 1 && !strings.Contains(args[0], "://") {
			file, err := filepath.Abs(args[0])
			f.Archive.File = file
			return f, err
		}
		f.Archive.URLs = args
		return f, nil
	}
	var names []string
	for _, k := range placeKinds {
		names = append(names, k.name)
	}
	return f, &usageError{fmt.Sprintf("a compiler can't come from %q; it can from: %s", kind, strings.Join(names, ", "))}
}

// only refuses flags that a kind has no use for.
func (p *place) only(kind string, allowed ...string) error {
	for _, flag := range []struct {
		name  string
		given bool
	}{{"suite", p.suite != ""}, {"sha256", p.sha256 != ""}, {"strip", p.strip != 0}, {"bin", p.bin != ""}, {"prefix", p.prefix != ""}} {
		if flag.given && !slices.Contains(allowed, flag.name) {
			return &usageError{fmt.Sprintf("--%s has no meaning for %s", flag.name, kind)}
		}
	}
	return nil
}

func count(kind string, args []string, least, most int) error {
	if len(args) >= least && len(args) <= most {
		return nil
	}
	i := slices.IndexFunc(placeKinds, func(k struct{ name, args string }) bool { return k.name == kind })
	return &usageError{strings.TrimRight(fmt.Sprintf("write %s %s", kind, placeKinds[i].args), " ")}
}

func (a *app) toolchainAddCommand() *cobra.Command {
	var p place
	cmd := &cobra.Command{
		Use:   "add ARCH deb|archive|oci|path|host [WHERE...]",
		Short: "Bring a compiler into the store, and examine it",
		Long: `Bring a compiler into the store without a configuration, and show what a probe
finds out about it:

` + kindList("add") + `

A configuration whose from block says the same uses it; see "mkmini toolchain
use" for all that name no place.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return &usageError{"which compiler? Name an architecture, a kind of place and the place: add riscv64 deb"}
			}
			return a.add(cmd.Context(), args[0], p, args[1], args[2:])
		},
	}
	cmd.Flags().SortFlags = false
	p.flags(cmd)
	a.bringFlags(cmd)
	return cmd
}

// bringFlags are the flags of commands that bring one compiler.
func (a *app) bringFlags(cmd *cobra.Command) {
	a.storeFlags(cmd)
	f := cmd.Flags()
	f.VarPF(toggle{&a.flags.offline, &a.flags.offlineGiven}, "offline", "", "fetch nothing: use what is there").NoOptDefVal = "true"
	f.BoolVar(&a.flags.plain, "plain", false, "write plain lines, also on a terminal")
	f.CountVarP(&a.flags.verbose, "verbose", "v", "say more; -vv says all")
}

func (a *app) add(ctx context.Context, arch string, p place, kind string, args []string) (err error) {
	w, err := a.workshop(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	found, err := w.find(arch)
	if err != nil {
		return err
	}
	from, err := p.from(kind, args)
	if err != nil {
		return err
	}
	if from, err = a.decoded(arch, from); err != nil {
		return err
	}
	if from, err = hashed(ctx, from); err != nil {
		return err
	}
	got, err := w.obtain(ctx, found, from)
	if err != nil {
		return err
	}
	if err := w.view.Close(); err != nil {
		return err
	}
	return a.verdicts([]verdict{{Toolchain: found.Name, CC: got.Compiler.CC, From: got.From, Facts: got.Compiler.Facts}})
}

func (a *app) toolchainUseCommand() *cobra.Command {
	var p place
	var reset bool
	cmd := &cobra.Command{
		Use:   "use ARCH KEY|DIR | use ARCH deb|archive|oci|path|host [WHERE...]",
		Short: "Choose the compiler where a configuration names no place",
		Long: `Choose where the compiler of an architecture comes from if a configuration has
no from block for it: the one in the store with that key, those in a folder, or
a place as for "mkmini toolchain add". It is brought and probed first.

` + kindList("use") + `

The choice is kept in toolchains.hcl beside the user's settings.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case reset && len(args) == 1:
				return a.useNone(cmd.Context(), args[0])
			case reset || len(args) < 2:
				return &usageError{"which compiler? Name an architecture, and a key, a folder or a place; or an architecture and --reset"}
			}
			return a.use(cmd.Context(), args[0], p, args[1:])
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().BoolVar(&reset, "reset", false, "take the choice back")
	p.flags(cmd)
	a.bringFlags(cmd)
	return cmd
}

// use brings a compiler, and notes that it is the chosen one.
func (a *app) use(ctx context.Context, arch string, p place, args []string) (err error) {
	w, err := a.workshop(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	found, err := w.find(arch)
	if err != nil {
		return err
	}
	from, err := a.wanted(w, found, p, args)
	if err != nil {
		return err
	}
	if from, err = hashed(ctx, from); err != nil {
		return err
	}
	got, err := w.obtain(ctx, found, from)
	if err != nil {
		return err
	}
	path, err := a.choose(found.Name, &from)
	if err != nil {
		return err
	}
	if err := w.view.Close(); err != nil {
		return err
	}
	fmt.Fprintf(a.Streams.Out, "%s  %s  %s\n", found.Name, got.Compiler.CC, got.Compiler.Version)
	fmt.Fprintf(a.Streams.Err, "It is used where a configuration has no from block for %s; noted in %s.\n", found.Name, path)
	return nil
}

// wanted returns the place that arguments mean: a kind and what follows it, a
// folder, or the start of a key.
func (a *app) wanted(w *workshop, found *pluginhost.Found, p place, args []string) (config.From, error) {
	if isKind(args[0]) {
		from, err := p.from(args[0], args[1:])
		if err != nil {
			return from, err
		}
		return a.decoded(found.Name, from)
	}
	if len(args) > 1 {
		return config.From{}, &usageError{fmt.Sprintf("what is %q? Name one key or folder, or a kind of place first", args[1])}
	}
	if info, err := os.Stat(args[0]); err == nil && info.IsDir() {
		from, err := p.from("path", args)
		if err != nil {
			return from, err
		}
		return a.decoded(found.Name, from)
	}
	return w.kept(*found.Manifest.Toolchain, args[0])
}

// hashed adds the hash of an archive on this machine to its place.
func hashed(ctx context.Context, from config.From) (config.From, error) {
	if a := from.Archive; a == nil || a.File == "" || a.SHA256 != "" {
		return from, nil
	}
	archive := *from.Archive
	var err error
	archive.SHA256, err = source.Hash(ctx, archive.File)
	from.Archive = &archive
	return from, err
}

// kept returns the place that a compiler in the store came from, by the start
// of its key.
func (w *workshop) kept(info sdk.ToolchainInfo, which string) (config.From, error) {
	records, err := w.manager.Records(w.store.Sub("steps"))
	if err != nil {
		return config.From{}, err
	}
	blocks := map[string]config.From{} // by key
	for _, r := range records {
		key := w.store.KeyOf(r.Compiler.CC)
		if r.Arch == info.Arch && key != "" && strings.HasPrefix(key, which) {
			blocks[key] = withHash(r)
		}
	}
	switch len(blocks) {
	case 0:
		return config.From{}, &usageError{fmt.Sprintf("%q is neither a folder nor the key of a compiler for %s in the store; `mkmini toolchain list` shows these", which, info.Arch)}
	case 1:
		for _, block := range blocks {
			return block, nil
		}
	}
	return config.From{}, &usageError{fmt.Sprintf("%q begins several keys; `mkmini toolchain list` shows them", which)}
}

// withHash returns what a compiler came from, with the hash of an archive: that
// need not be there any more.
func withHash(r toolchain.Record) config.From {
	if r.Block.Archive == nil || r.Block.Archive.SHA256 != "" {
		return r.Block
	}
	archive := *r.Block.Archive
	archive.SHA256 = r.Pins["sha256"]
	r.Block.Archive = &archive
	return r.Block
}

// useNone takes a choice back.
func (a *app) useNone(ctx context.Context, arch string) (err error) {
	w, err := a.workshop(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	found, err := w.find(arch)
	if err != nil {
		return err
	}
	if len(a.chosen[found.Name]) == 0 {
		return &usageError{fmt.Sprintf("no compiler for %s is chosen", found.Name)}
	}
	path, err := a.choose(found.Name, nil)
	if err == nil {
		fmt.Fprintf(a.Streams.Err, "No compiler for %s is chosen any more; noted in %s.\n", found.Name, path)
	}
	return err
}
