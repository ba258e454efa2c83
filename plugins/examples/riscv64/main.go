// Command mkmini-plugin-riscv64 is the toolchain plugin of riscv64: one literal, to
// which toolchains/gcc adds all that compilers have in common.
package main

import (
	"github.com/mkmini/mkmini/plugins/sdk"
	"github.com/mkmini/mkmini/toolchains/gcc"
)

func main() { sdk.Serve(plugin()) }

// plugin is what the program serves.
func plugin() sdk.Plugin {
	return sdk.Plugin{Name: "riscv64", Version: "0.1.0", Toolchain: gcc.New(arch)}
}

// arch is all that mkmini has to know of the architecture.
var arch = sdk.ToolchainInfo{
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
	Emulators:    []string{"qemu-riscv64-static", "qemu-riscv64"},
	CPUFlag:      "-mcpu=",
	Musl:         "riscv64",
	Boot:         &sdk.Boot{System: "qemu-system-riscv64", Args: []string{"-M", "virt"}, Console: "ttyS0"},
}
