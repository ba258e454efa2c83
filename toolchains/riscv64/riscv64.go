// Package riscv64 is the toolchain of 64-bit RISC-V machines.
package riscv64

import (
	"github.com/mkmini/mkmini/plugins/sdk"
	"github.com/mkmini/mkmini/toolchains/gcc"
)

// New returns the toolchain plugin of this architecture.
func New() sdk.Toolchain { return gcc.New(Info()) }

// Info returns the data of this architecture.
func Info() sdk.ToolchainInfo {
	return sdk.ToolchainInfo{
		Arch:         "riscv64",
		Description:  "64-bit RISC-V machines (RV64GC, little-endian)",
		Triplets:     []string{"riscv64-linux-gnu", "riscv64-*linux*"},
		HostMachines: []string{"riscv64"},
		ELF:          sdk.ELF{Bits: 64, Machines: []uint16{243}},
		Platform:     sdk.Platform{OS: "linux", Architecture: "riscv64"},
		KernelArch:   "riscv",
		Packages:     []string{"gcc-riscv64-linux-gnu"},
		DebianArch:   "riscv64",
		Places:       []string{"/opt/riscv*/bin"},
		Musl:         "riscv64",
		GCCOptions:   []string{"--with-arch=rv64gc", "--with-abi=lp64d"},
		Emulators:    []string{"qemu-riscv64-static", "qemu-riscv64"},
		CPUFlag:      "-mcpu=",
		Boot: &sdk.Boot{
			System:  "qemu-system-riscv64",
			Args:    []string{"-M", "virt"},
			Console: "ttyS0",
		},
	}
}
