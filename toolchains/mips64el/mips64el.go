// Package mips64el is the toolchain of 64-bit little-endian MIPS machines.
package mips64el

import (
	"github.com/mkmini/mkmini/plugins/sdk"
	"github.com/mkmini/mkmini/toolchains/gcc"
)

// New returns the toolchain plugin of this architecture.
func New() sdk.Toolchain { return gcc.New(Info()) }

// Info returns the data of this architecture.
func Info() sdk.ToolchainInfo {
	return sdk.ToolchainInfo{
		Arch:        "mips64el",
		Description: "64-bit MIPS machines (MIPS64 release 2, n64 ABI, little-endian)",
		Triplets:    []string{"mips64el-linux-gnuabi64", "mips64el-*linux*"},
		// A big-endian machine calls itself so too; its gcc has another target.
		HostMachines: []string{"mips64"},
		ELF:          sdk.ELF{Bits: 64, Machines: []uint16{8}},
		Platform:     sdk.Platform{OS: "linux", Architecture: "mips64le"},
		KernelArch:   "mips",
		Packages:     []string{"gcc-mips64el-linux-gnuabi64"},
		DebianArch:   "mips64el",
		Musl:         "mips64",
		GCCOptions:   []string{"--with-arch=mips64r2", "--with-abi=64"},
		Emulators:    []string{"qemu-mips64el-static", "qemu-mips64el"},
		CPUFlag:      "-march=",
		Boot: &sdk.Boot{
			System:  "qemu-system-mips64el",
			Args:    []string{"-M", "malta", "-cpu", "MIPS64R2-generic"},
			Console: "ttyS0",
		},
	}
}
