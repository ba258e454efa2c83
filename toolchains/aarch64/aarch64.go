// Package aarch64 is the toolchain of 64-bit ARM machines.
package aarch64

import (
	"github.com/mkmini/mkmini/plugins/sdk"
	"github.com/mkmini/mkmini/toolchains/gcc"
)

// New returns the toolchain plugin of this architecture.
func New() sdk.Toolchain { return gcc.New(Info()) }

// Info returns the data of this architecture.
func Info() sdk.ToolchainInfo {
	return sdk.ToolchainInfo{
		Arch:         "aarch64",
		Description:  "64-bit ARM machines (ARMv8 and later, little-endian)",
		Triplets:     []string{"aarch64-linux-gnu", "aarch64-*linux*"},
		HostMachines: []string{"aarch64"},
		ELF:          sdk.ELF{Bits: 64, Machines: []uint16{183}},
		Platform:     sdk.Platform{OS: "linux", Architecture: "arm64"},
		KernelArch:   "arm64",
		Packages:     []string{"gcc-aarch64-linux-gnu"},
		DebianArch:   "arm64",
		Musl:         "aarch64",
		Emulators:    []string{"qemu-aarch64-static", "qemu-aarch64"},
		CPUFlag:      "-mcpu=",
		Boot: &sdk.Boot{
			System:  "qemu-system-aarch64",
			Args:    []string{"-M", "virt", "-cpu", "cortex-a57"},
			Console: "ttyAMA0",
		},
	}
}
