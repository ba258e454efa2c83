// Package armv5 is the toolchain of 32-bit ARM machines without floating point in hardware.
package armv5

import (
	"github.com/mkmini/mkmini/plugins/sdk"
	"github.com/mkmini/mkmini/toolchains/gcc"
)

// New returns the toolchain plugin of this architecture.
func New() sdk.Toolchain { return gcc.New(Info()) }

// Info returns the data of this architecture.
func Info() sdk.ToolchainInfo {
	return sdk.ToolchainInfo{
		Arch:         "armv5",
		Description:  "32-bit ARM machines with soft floating point (ARMv5TE and later)",
		Triplets:     []string{"arm-linux-gnueabi", "arm-*linux*eabi"},
		HostMachines: []string{"armv5tel", "armv5tejl", "armv6l"},
		// EF_ARM_ABI_FLOAT_SOFT: what armv7 makes has the other bit.
		ELF:        sdk.ELF{Bits: 32, Machines: []uint16{40}, FlagsMask: 0x600, Flags: 0x200},
		Platform:   sdk.Platform{OS: "linux", Architecture: "arm", Variant: "v5"},
		KernelArch: "arm",
		Packages:   []string{"gcc-arm-linux-gnueabi"},
		DebianArch: "armel",
		Musl:       "arm",
		GCCOptions: []string{"--with-arch=armv5te", "--with-float=soft"},
		Emulators:  []string{"qemu-arm-static", "qemu-arm"},
		CPUFlag:    "-mcpu=",
		Lookalikes: map[string]string{
			"arm-*linux*eabihf": "A compiler for gnueabihf needs a processor with floating point: it is one for armv7.",
		},
		// QEMU's virt machine has a newer processor, which runs this code too.
		Boot: &sdk.Boot{
			System:  "qemu-system-arm",
			Args:    []string{"-M", "virt"},
			Console: "ttyAMA0",
		},
	}
}
