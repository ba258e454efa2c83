// Package builtin lists the plugins that live in the mkmini binary. They
// still run as processes of their own: mkmini starts itself as
// `mkmini __serve NAME`.
package builtin

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/plugins/docker"
	"github.com/mkmini/mkmini/plugins/oci"
	"github.com/mkmini/mkmini/plugins/rootfs"
	"github.com/mkmini/mkmini/plugins/sdk"
	"github.com/mkmini/mkmini/toolchains/aarch64"
	"github.com/mkmini/mkmini/toolchains/alpha"
	"github.com/mkmini/mkmini/toolchains/armv5"
	"github.com/mkmini/mkmini/toolchains/armv7"
	"github.com/mkmini/mkmini/toolchains/i686"
	"github.com/mkmini/mkmini/toolchains/loongarch64"
	"github.com/mkmini/mkmini/toolchains/mips64el"
	"github.com/mkmini/mkmini/toolchains/ppc64le"
	"github.com/mkmini/mkmini/toolchains/riscv64"
	"github.com/mkmini/mkmini/toolchains/s390x"
	"github.com/mkmini/mkmini/toolchains/sw64"
	"github.com/mkmini/mkmini/toolchains/x86_64"
)

// Command is the first argument with which mkmini serves a built-in plugin.
const Command = "__serve"

// Plugins returns the built-in plugins, which have mkmini's own version.
func Plugins(version string) []sdk.Plugin {
	return []sdk.Plugin{
		{Name: "sw64", Version: version, Toolchain: sw64.New()},
		{Name: "aarch64", Version: version, Toolchain: aarch64.New()},
		{Name: "x86_64", Version: version, Toolchain: x86_64.New()},
		{Name: "armv7", Version: version, Toolchain: armv7.New()},
		{Name: "armv5", Version: version, Toolchain: armv5.New()},
		{Name: "i686", Version: version, Toolchain: i686.New()},
		{Name: "riscv64", Version: version, Toolchain: riscv64.New()},
		{Name: "ppc64le", Version: version, Toolchain: ppc64le.New()},
		{Name: "s390x", Version: version, Toolchain: s390x.New()},
		{Name: "mips64el", Version: version, Toolchain: mips64el.New()},
		{Name: "loongarch64", Version: version, Toolchain: loongarch64.New()},
		{Name: "alpha", Version: version, Toolchain: alpha.New()},
		{Name: "docker", Version: version, Exporter: docker.New()},
		{Name: "oci", Version: version, Exporter: oci.New()},
		{Name: "rootfs", Version: version, Exporter: rootfs.New()},
	}
}

// Names returns the names of the built-in plugins.
func Names() []string {
	list := Plugins("")
	names := make([]string, len(list))
	for i, p := range list {
		names[i] = p.Name
	}
	return names
}

// Serve serves a built-in plugin if the arguments, which follow the program's
// name, ask for it. It returns the exit status, and whether they did. Version
// is mkmini's.
func Serve(version string, args []string) (code int, served bool) {
	if len(args) == 0 || args[0] != Command {
		return 0, false
	}
	return serve(version, args[1:], os.Stderr), true
}

func serve(version string, args []string, stderr io.Writer) int {
	name := ""
	if len(args) > 0 {
		name = args[0]
	}
	list := Plugins(version)
	i := slices.IndexFunc(list, func(p sdk.Plugin) bool { return p.Name == name })
	if i < 0 {
		fmt.Fprintf(stderr, "mkmini %s: there is no built-in plugin %q; there are: %s\n",
			Command, name, strings.Join(Names(), ", "))
		return 2
	}
	return sdk.ServeArgs(list[i], args[1:])
}
