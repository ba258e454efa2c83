package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/plugins/sdk"
	"github.com/mkmini/mkmini/plugins/sdk/distro"
)

// emulators says for which architectures programs can be tried out.
func (m Machine) emulators(context.Context) []sdk.Fact {
	var c coverage
	for _, info := range m.Toolchains {
		there := slices.Contains(info.HostMachines, m.Uname) || first(info.Emulators) != ""
		c.add(info, there, "qemu-user-static")
	}
	return c.fact("emulators", "tries out what is built")
}

// systemPackages are the Debian packages that hold QEMU's system emulators.
var systemPackages = map[string]string{
	"qemu-system-x86_64": "qemu-system-x86", "qemu-system-i386": "qemu-system-x86",
	"qemu-system-aarch64": "qemu-system-arm", "qemu-system-arm": "qemu-system-arm",
	"qemu-system-ppc64":    "qemu-system-ppc",
	"qemu-system-mips64el": "qemu-system-mips",
}

// systemEmulators says for which architectures a kernel can be booted.
func (m Machine) systemEmulators(context.Context) []sdk.Fact {
	var c coverage
	for _, info := range m.Toolchains {
		if info.Boot == nil {
			continue
		}
		pkg := systemPackages[info.Boot.System]
		if pkg == "" {
			pkg = "qemu-system-misc"
		}
		c.add(info, look(info.Boot.System) != "", pkg)
	}
	return c.fact("system_emulators", "boots them")
}

// coverage counts the architectures that there is an emulator for.
type coverage struct {
	// there, missing and vendors' are names of architectures: with an
	// emulator, without one that a package has, and without any package.
	there, missing, vendors []string
	packages                []string
}

func (c *coverage) add(info sdk.ToolchainInfo, there bool, pkg string) {
	switch {
	case there:
		c.there = append(c.there, info.Arch)
	case len(info.Packages) == 0: // who has the compiler has the emulator
		c.vendors = append(c.vendors, info.Arch)
	default:
		c.missing = append(c.missing, info.Arch)
		c.packages = append(c.packages, pkg)
	}
}

func (c *coverage) fact(name, purpose string) []sdk.Fact {
	value := "none"
	if len(c.there) > 0 {
		value = strings.Join(c.there, " ")
	}
	if len(c.missing) > 0 {
		slices.Sort(c.packages)
		return warn(name, fmt.Sprintf("%s; none for %s", value, strings.Join(c.missing, " ")),
			fmt.Sprintf("Nothing here %s for those. %s", purpose, distro.Here().Install("emulators", slices.Compact(c.packages)...)))
	}
	if len(c.vendors) > 0 {
		value += "; that for " + strings.Join(c.vendors, " ") + " is the vendor's"
	}
	return ok(name, value)
}
