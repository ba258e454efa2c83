// Package s390x is the toolchain of IBM Z machines.
package s390x

import (
	"github.com/mkmini/mkmini/plugins/sdk"
	"github.com/mkmini/mkmini/toolchains/gcc"
)

// New returns the toolchain plugin of this architecture.
func New() sdk.Toolchain { return gcc.New(Info()) }

// Info returns the data of this architecture.
func Info() sdk.ToolchainInfo {
	return sdk.ToolchainInfo{
		Arch:         "s390x",
		Description:  "IBM Z and LinuxONE machines (64-bit, big-endian)",
		Triplets:     []string{"s390x-linux-gnu", "s390x-*linux*"},
		HostMachines: []string{"s390x"},
		ELF:          sdk.ELF{Bits: 64, BigEndian: true, Machines: []uint16{22}},
		Platform:     sdk.Platform{OS: "linux", Architecture: "s390x"},
		KernelArch:   "s390",
		Packages:     []string{"gcc-s390x-linux-gnu"},
		DebianArch:   "s390x",
		Musl:         "s390x",
		Emulators:    []string{"qemu-s390x-static", "qemu-s390x"},
		CPUFlag:      "-march=",
		Boot: &sdk.Boot{
			System:  "qemu-system-s390x",
			Args:    []string{"-M", "s390-ccw-virtio"},
			Console: "ttysclp0",
		},
	}
}
