// Package armv7 is the toolchain of 32-bit ARM machines with floating point
// in hardware (ARMv7 and later).
package armv7

import (
	"github.com/mkmini/mkmini/plugins/sdk"
	"github.com/mkmini/mkmini/toolchains/gcc"
)

// New returns the toolchain plugin of this architecture.
func New() sdk.Toolchain { return gcc.New(Info()) }

// Info returns the data of this architecture.
func Info() sdk.ToolchainInfo {
	return sdk.ToolchainInfo{
		Arch:         "armv7",
		Description:  "32-bit ARM machines with hard floating point (ARMv7 and later)",
		Triplets:     []string{"arm-linux-gnueabihf", "arm-*linux*eabihf"},
		HostMachines: []string{"armv7l", "armv8l"},
		// EF_ARM_ABI_FLOAT_HARD: what armv5 makes has the other bit.
		ELF:        sdk.ELF{Bits: 32, Machines: []uint16{40}, FlagsMask: 0x600, Flags: 0x400},
		Platform:   sdk.Platform{OS: "linux", Architecture: "arm", Variant: "v7"},
		KernelArch: "arm",
		Packages:   []string{"gcc-arm-linux-gnueabihf"},
		DebianArch: "armhf",
		Musl:       "arm",
		GCCOptions: []string{"--with-arch=armv7-a", "--with-fpu=vfpv3-d16", "--with-float=hard"},
		Emulators:  []string{"qemu-arm-static", "qemu-arm"},
		CPUFlag:    "-mcpu=",
		Lookalikes: map[string]string{
			"arm-*linux*eabi": "A compiler for gnueabi passes floating point in other registers than gnueabihf: it is one for armv5.",
		},
		Boot: &sdk.Boot{
			System:  "qemu-system-arm",
			Args:    []string{"-M", "virt"},
			Console: "ttyAMA0",
		},
	}
}
