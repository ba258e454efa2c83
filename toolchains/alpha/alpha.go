// Package alpha is the toolchain of Alpha machines.
package alpha

import (
	"github.com/mkmini/mkmini/plugins/sdk"
	"github.com/mkmini/mkmini/toolchains/gcc"
)

// New returns the toolchain plugin of this architecture.
func New() sdk.Toolchain { return gcc.New(Info()) }

// Info returns the data of this architecture.
func Info() sdk.ToolchainInfo {
	return sdk.ToolchainInfo{
		Arch:         "alpha",
		Description:  "Alpha machines (EV4 and later)",
		Triplets:     []string{"alpha-linux-gnu", "alpha*-*linux*"},
		HostMachines: []string{"alpha"},
		ELF:          sdk.ELF{Bits: 64, Machines: []uint16{0x9026}},
		// The list of OCI platforms has no name for it; this is that of the kernel.
		Platform:   sdk.Platform{OS: "linux", Architecture: "alpha"},
		KernelArch: "alpha",
		Packages:   []string{"gcc-alpha-linux-gnu"},
		DebianArch: "alpha",
		Emulators:  []string{"qemu-alpha-static", "qemu-alpha"},
		CPUFlag:    "-mcpu=",
		// Static programs crash at their start if the linker relaxes them, as it
		// does by itself. Seen with binutils 2.40 and glibc 2.36.
		LDFlags: []string{"-Wl,--no-relax"},
		Lookalikes: map[string]string{
			"sw_64*-linux*": "A sw64 compiler is not an Alpha one: the ABI is alike, but instructions and system calls differ.",
		},
		Boot: &sdk.Boot{
			System:  "qemu-system-alpha",
			Args:    []string{"-M", "clipper"},
			Console: "ttyS0",
		},
	}
}
