// Package i686 is the toolchain of 32-bit PCs.
package i686

import (
	"github.com/mkmini/mkmini/plugins/sdk"
	"github.com/mkmini/mkmini/toolchains/gcc"
)

// New returns the toolchain plugin of this architecture.
func New() sdk.Toolchain { return gcc.New(Info()) }

// Info returns the data of this architecture.
func Info() sdk.ToolchainInfo {
	return sdk.ToolchainInfo{
		Arch:         "i686",
		Description:  "32-bit PCs (Pentium Pro and later)",
		Triplets:     []string{"i686-linux-gnu", "i?86-*linux*"},
		HostMachines: []string{"i686", "i586", "i486", "i386"},
		ELF:          sdk.ELF{Bits: 32, Machines: []uint16{3}},
		Platform:     sdk.Platform{OS: "linux", Architecture: "386"},
		KernelArch:   "i386",
		Packages:     []string{"gcc-i686-linux-gnu"},
		DebianArch:   "i386",
		Musl:         "i386",
		GCCOptions:   []string{"--with-arch=i686"},
		Emulators:    []string{"qemu-i386-static", "qemu-i386"},
		CPUFlag:      "-march=",
		Boot: &sdk.Boot{
			System:  "qemu-system-i386",
			Args:    []string{"-M", "q35"},
			Console: "ttyS0",
		},
	}
}
