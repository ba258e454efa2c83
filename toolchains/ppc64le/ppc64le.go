// Package ppc64le is the toolchain of 64-bit little-endian POWER machines.
package ppc64le

import (
	"github.com/mkmini/mkmini/plugins/sdk"
	"github.com/mkmini/mkmini/toolchains/gcc"
)

// New returns the toolchain plugin of this architecture.
func New() sdk.Toolchain { return gcc.New(Info()) }

// Info returns the data of this architecture.
func Info() sdk.ToolchainInfo {
	return sdk.ToolchainInfo{
		Arch:         "ppc64le",
		Description:  "64-bit POWER machines (POWER8 and later, little-endian)",
		Triplets:     []string{"powerpc64le-linux-gnu", "powerpc64le-*linux*"},
		HostMachines: []string{"ppc64le"},
		ELF:          sdk.ELF{Bits: 64, Machines: []uint16{21}},
		Platform:     sdk.Platform{OS: "linux", Architecture: "ppc64le"},
		KernelArch:   "powerpc",
		Packages:     []string{"gcc-powerpc64le-linux-gnu"},
		DebianArch:   "ppc64el",
		Musl:         "powerpc64",
		GCCOptions:   []string{"--with-abi=elfv2", "--with-cpu=power8"},
		Emulators:    []string{"qemu-ppc64le-static", "qemu-ppc64le"},
		CPUFlag:      "-mcpu=",
		Boot: &sdk.Boot{
			System:  "qemu-system-ppc64",
			Args:    []string{"-M", "pseries", "-vga", "none"},
			Console: "hvc0",
		},
	}
}
