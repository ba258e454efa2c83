// Package sw64 is the toolchain of Sunway (ShenWei) machines. Its compilers
// come from the vendor.
package sw64

import (
	"github.com/mkmini/mkmini/plugins/sdk"
	"github.com/mkmini/mkmini/toolchains/gcc"
)

// New returns the toolchain plugin of this architecture.
func New() sdk.Toolchain { return gcc.New(Info()) }

// Info returns the data of this architecture.
func Info() sdk.ToolchainInfo {
	return sdk.ToolchainInfo{
		Arch:         "sw64",
		Description:  "Sunway machines (SW1621, SW3231, WX-H8000)",
		Triplets:     []string{"sw_64-sunway-linux-gnu", "sw_64-unknown-linux-gnu", "sw_64-linux-gnu", "sw_64*-linux*"},
		HostMachines: []string{"sw_64"},
		// 0x9916 is what compilers write; 268 is named in a port's comments.
		ELF:        sdk.ELF{Bits: 64, Machines: []uint16{0x9916, 268}},
		Platform:   sdk.Platform{OS: "linux", Architecture: "sw64"},
		KernelArch: "sw_64",
		Places:     []string{"/usr/sw/swgcc*/usr/bin", "/usr/sw/swgcc*/bin", "/opt/swgcc*/usr/bin", "/opt/swgcc*/bin"},
		Emulators:  []string{"qemu-sw64-static", "qemu-sw64"},
		CPUFlag:    "-mcpu=", // sw6a, sw6b, sw4d, sw8a
		Lookalikes: map[string]string{
			"alpha*-linux*": "An Alpha compiler is not a sw64 one: the ABI is alike, but instructions and system calls differ.",
		},
		Boot: &sdk.Boot{
			System:   "qemu-system-sw64",
			Args:     []string{"-M", "core3"},
			Console:  "ttyS0",
			NoInitrd: true,
		},
	}
}
