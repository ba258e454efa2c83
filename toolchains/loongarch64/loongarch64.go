// Package loongarch64 is the toolchain of 64-bit LoongArch machines.
package loongarch64

import (
	"github.com/mkmini/mkmini/plugins/sdk"
	"github.com/mkmini/mkmini/toolchains/gcc"
)

// New returns the toolchain plugin of this architecture.
func New() sdk.Toolchain { return gcc.New(Info()) }

// Info returns the data of this architecture.
func Info() sdk.ToolchainInfo {
	return sdk.ToolchainInfo{
		Arch:         "loongarch64",
		Description:  "64-bit LoongArch machines (Loongson 3A5000 and later)",
		Triplets:     []string{"loongarch64-linux-gnu", "loongarch64-*linux*"},
		HostMachines: []string{"loongarch64"},
		ELF:          sdk.ELF{Bits: 64, Machines: []uint16{258}},
		Platform:     sdk.Platform{OS: "linux", Architecture: "loong64"},
		KernelArch:   "loongarch",
		// Debian has it since release 13.
		Packages:   []string{"gcc-loongarch64-linux-gnu"},
		DebianArch: "loong64",
		Places:     []string{"/opt/cross-tools*/bin", "/opt/loongson-gnu-toolchain*/bin"},
		Musl:       "loongarch64",
		Emulators:  []string{"qemu-loongarch64-static", "qemu-loongarch64"},
		CPUFlag:    "-march=",
		Boot: &sdk.Boot{
			System:    "qemu-system-loongarch64",
			Args:      []string{"-M", "virt"},
			Console:   "ttyS0",
			MemoryMiB: 1024,
		},
	}
}
