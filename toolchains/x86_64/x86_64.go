// Package x86_64 is the toolchain of 64-bit PCs.
package x86_64

import (
	"github.com/mkmini/mkmini/plugins/sdk"
	"github.com/mkmini/mkmini/toolchains/gcc"
)

// New returns the toolchain plugin of this architecture.
func New() sdk.Toolchain { return gcc.New(Info()) }

// Info returns the data of this architecture.
func Info() sdk.ToolchainInfo {
	return sdk.ToolchainInfo{
		Arch:         "x86_64",
		Description:  "64-bit PCs and servers (AMD64, Intel 64)",
		Triplets:     []string{"x86_64-linux-gnu", "x86_64-*linux*"},
		HostMachines: []string{"x86_64"},
		ELF:          sdk.ELF{Bits: 64, Machines: []uint16{62}},
		Platform:     sdk.Platform{OS: "linux", Architecture: "amd64"},
		KernelArch:   "x86_64",
		Packages:     []string{"gcc-x86-64-linux-gnu"},
		DebianArch:   "amd64",
		Musl:         "x86_64",
		Emulators:    []string{"qemu-x86_64-static", "qemu-x86_64"},
		CPUFlag:      "-march=",
		Boot: &sdk.Boot{
			System:  "qemu-system-x86_64",
			Args:    []string{"-M", "q35"},
			Console: "ttyS0",
		},
	}
}
