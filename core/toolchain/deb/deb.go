// Package deb brings a distribution's own cross compilers onto the machine
// without installing them: packages with all that they need are downloaded
// through apt, checked, unpacked into the store, and run from there.
package deb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"slices"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/source/apt"
	"github.com/mkmini/mkmini/core/store"
	"github.com/mkmini/mkmini/core/toolchain"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// Provider brings the compilers of `from "deb"` blocks.
type Provider struct {
	// Store keeps the unpacked packages.
	Store *store.Store
	// Files is the absolute path of the folder of downloaded files by
	// sha256.
	Files string
	// Apt finds the packages; it says whether the network may be used.
	Apt *apt.Binaries
	// Machine is what `uname -m` says.
	Machine string
	// Logger may be nil.
	Logger *slog.Logger
}

var (
	_ toolchain.Provider = (*Provider)(nil)
	_ toolchain.Pinner   = (*Provider)(nil)
)

// without are packages that no compiler needs from the store. The C library
// of the machine has to stay the one that all programs share, and the runtime
// libraries of C++ are there for apt itself. libcc1 serves the debugger. All
// else is translations, or for scripts of packages, which aren't run.
var without = []string{
	"libc6", "libc6.1", "libc-bin", "libcrypt1", "libgcc-s1", "libstdc++6", "libcc1-0",
	"binutils-common", "dpkg", "debconf", "perl", "perl-base", "tar", "install-info", "manpages", "manpages-dev", "libc-devtools",
}

// Default returns a block that names no packages: those of the architecture's
// description are meant. There is none for the architecture of the machine
// itself: Debian has no cross compiler for it, and its plain gcc is needed for
// busybox's own helpers in any case.
func (p *Provider) Default(info sdk.ToolchainInfo) (config.From, bool) {
	if len(info.Packages) == 0 || slices.Contains(info.HostMachines, p.Machine) {
		return config.From{}, false
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return config.From{}, false
	}
	return config.From{Kind: "deb", Deb: &config.Deb{}}, true
}

// Pins returns the packages in a folder that Provide returned, with version
// and sha256.
func (p *Provider) Pins(_ config.From, dir string) map[string]string {
	r, err := readResult(dir)
	if err != nil {
		return nil
	}
	pins := map[string]string{}
	for _, pkg := range r.Packages {
		pins[pkg.Name] = pkg.Version + " sha256:" + pkg.SHA256
	}
	return pins
}

// Provide returns a folder whose bin has the compiler's tools by their usual
// names. What is in the store already is checked and used again.
func (p *Provider) Provide(ctx context.Context, info sdk.ToolchainInfo, from config.From, report toolchain.Report) (string, error) {
	w := &work{Provider: p, info: info, report: report.OrNone(), query: apt.Query{Packages: info.Packages, Without: without}}
	if from.Deb != nil {
		w.query.Suite = from.Deb.Suite
		if len(from.Deb.Packages) > 0 {
			w.query.Packages = from.Deb.Packages
		}
	}
	if len(w.query.Packages) == 0 {
		return "", fmt.Errorf("no Debian package of a compiler for %s is known: name some in packages", info.Arch)
	}
	dir, err := w.provide(ctx)
	if err != nil {
		return "", toolchain.Clause(explain(err, info.Arch))
	}
	return dir, nil
}

// explain says what to do about an error, where that is known.
func explain(err error, arch string) error {
	var known *fault.Error
	if errors.As(err, &known) {
		return err
	}
	f := &fault.Error{Summary: "No compiler for " + arch + " found", Detail: err.Error() + ".", Err: err}
	var unknown *apt.UnknownPackageError
	switch {
	case errors.As(err, &unknown):
		f.Summary = "Unknown package"
		f.Remedy = "Correct the name in packages, or name the suite of another release. The names of cross compilers are what `apt-cache search --names-only '^gcc-.*-linux-gnu'` prints."
	case errors.Is(err, apt.ErrNoApt):
		f.Summary = "No apt on this machine"
		f.Remedy = `Packages are fetched by the apt of Debian or Ubuntu. Elsewhere, use a compiler that is there, with from "host" or from "path", or one that comes with from "archive" or from "oci".`
	case errors.Is(err, apt.ErrOffline):
		f.Summary = "Packages not here"
		f.Remedy = "Run `mkmini fetch`, or this without --offline, where there is a network."
	case errors.Is(err, errGlibc):
		f.Summary = "Compiler does not run on this machine"
		f.Remedy = "Name the suite of an older release, suite = \"…\", or use a compiler that is made for this system."
	default:
		return err
	}
	return f
}
