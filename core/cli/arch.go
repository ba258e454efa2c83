package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mkmini/mkmini/core/doctor"
	"github.com/mkmini/mkmini/core/pluginhost"
	"github.com/mkmini/mkmini/core/toolchain"
	"github.com/mkmini/mkmini/core/ui"
)

func (a *app) archCommand() *cobra.Command {
	list := &cobra.Command{
		Use:   "list",
		Short: "Show the architectures, and what this machine has for them",
		Long: `Show the architectures that there are toolchains for, built in or as plugins:
their compilers' names, what images declare, and what this machine has for
them. Nothing is run or fetched.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.archs(cmd.Context()) },
	}
	a.storeFlags(list)
	a.jsonFlag(list)
	return group("arch", "Know the architectures", list)
}

// arch is a line of `arch list`.
type arch struct {
	Toolchain   string   `json:"toolchain"`
	Arch        string   `json:"arch"`
	Description string   `json:"description"`
	Builtin     bool     `json:"builtin"`
	Triplets    []string `json:"triplets"`
	Platform    string   `json:"platform"`
	Machine     uint16   `json:"e_machine"`
	Bits        int      `json:"bits"`
	BigEndian   bool     `json:"big_endian"`
	// Compilers are on this machine, and Sources where one can come from
	// else: kinds of `from` blocks, "source" if it is built with musl.
	Compilers []string `json:"compilers"`
	Sources   []string `json:"sources"`
	Packages  []string `json:"packages"`
	// Chosen are where it comes from if a configuration doesn't say, as the
	// user chose; none if they didn't.
	Chosen []string `json:"chosen,omitempty"`
	// Emulator is "native", or a path, or empty.
	Emulator string `json:"emulator"`
}

func (a *app) archs(ctx context.Context) (err error) {
	w, err := a.workshop(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	var packages []string
	for _, info := range w.infos() {
		packages = append(packages, info.Packages...)
	}
	offered := doctor.Offered(ctx, packages)
	list := []arch{}
	for _, p := range w.plugins {
		list = append(list, w.arch(p, offered))
	}
	if a.flags.json {
		return a.writeJSON(list)
	}
	var rows [][]string
	for _, one := range list {
		compiler := strings.Join(one.Compilers[:min(1, len(one.Compilers))], "")
		switch {
		case compiler != "":
		case len(one.Chosen) > 0:
			compiler = "from " + strings.Join(one.Chosen, ", ")
		case len(one.Sources) > 0 && one.Sources[0] == "deb":
			compiler = "from deb: " + strings.Join(one.Packages, " ")
		case len(one.Sources) > 0:
			compiler = "from " + one.Sources[0]
		}
		if len(one.Chosen) > 0 {
			compiler = cmp.Or(compiler, "none") + ", chosen"
		}
		rows = append(rows, []string{
			one.Toolchain, strings.Join(one.Triplets, " "), one.Platform, fmt.Sprintf("0x%x", one.Machine), compiler, one.Emulator,
		})
	}
	return ui.WriteTable(a.Streams.Out, ui.Detect(a.Streams.Out, os.Getenv),
		[]string{"toolchain", "triplets", "platform", ">e_machine", "compiler", "runs"}, rows)
}

// arch tells what this machine has for a toolchain. offered are the packages
// that apt knows, nil if that isn't known.
func (w *workshop) arch(p *pluginhost.Found, offered map[string]bool) arch {
	info := *p.Manifest.Toolchain
	one := arch{
		Toolchain: p.Name, Arch: info.Arch, Description: info.Description, Builtin: p.Builtin, Triplets: info.Triplets,
		Platform: info.Platform.String(), Bits: info.ELF.Bits, BigEndian: info.ELF.BigEndian,
		Compilers: []string{}, Sources: []string{}, Packages: append([]string{}, info.Packages...),
	}
	if len(info.ELF.Machines) > 0 {
		one.Machine = info.ELF.Machines[0]
	}
	for _, f := range w.manager.Chosen[p.Name] {
		one.Chosen = append(one.Chosen, toolchain.Origin(f))
	}
	for _, c := range w.manager.Found(request(p)) {
		one.Compilers = append(one.Compilers, c.CC)
	}
	known := func(name string) bool { return offered == nil || offered[name] }
	for _, kind := range w.manager.Offers(info) {
		if kind != "deb" || !slices.ContainsFunc(info.Packages, func(name string) bool { return !known(name) }) {
			one.Sources = append(one.Sources, kind)
		}
	}
	// That is compiled by the machine's own compiler.
	if _, err := exec.LookPath("g++"); err == nil && info.Musl != "" {
		one.Sources = append(one.Sources, "source")
	}
	if slices.Contains(info.HostMachines, w.manager.Host.Machine) {
		one.Emulator = "native"
		return one
	}
	for _, name := range info.Emulators {
		if path, err := exec.LookPath(name); err == nil {
			one.Emulator = path
			break
		}
	}
	return one
}
