package sdk

import (
	"context"
	"encoding/json"
	"time"
)

// Toolchain knows one architecture: what its compilers are called, whether
// one of them is any good, and how to compile busybox with it. What it may do
// beside are the interfaces [LibcBuilder], [Patcher], [EmulatorFinder],
// [Booter] and [Validator].
type Toolchain interface {
	// Describe returns the same data on every call, and does no work.
	Describe(ctx context.Context) (ToolchainInfo, error)
	// Probe examines one compiler by running it. An unusable compiler is a
	// [Diagnostics] error, with which the facts that were found out come all
	// the same; remarks on a usable one are facts with a status.
	Probe(ctx context.Context, req ProbeRequest) (Compiler, error)
	Builder
}

// ToolchainInfo describes an architecture. It is plain data: an architecture
// is a literal of this type.
type ToolchainInfo struct {
	// Arch names the architecture as `uname -m` or common usage has it,
	// for example "aarch64". Artifacts carry it in their names.
	Arch string `json:"arch"`
	// Description is one line for people.
	Description string `json:"description,omitempty"`
	// Triplets are the GNU triplets whose PREFIX-gcc is looked for, the
	// preferred one first. They may hold shell wildcards: "sw_64*-linux*".
	Triplets []string `json:"triplets"`
	// HostMachines are the values of `uname -m` of machines on which the
	// plain gcc is a compiler for this architecture.
	HostMachines []string `json:"host_machines,omitempty"`
	// ELF is what every executable of this architecture has in its header.
	ELF ELF `json:"elf"`
	// Platform is what images of this architecture declare.
	Platform Platform `json:"platform"`
	// KernelArch is ARCH for kbuild, for example "arm64".
	KernelArch string `json:"kernel_arch"`
	// Packages are the Debian packages that hold a cross compiler.
	Packages []string `json:"packages,omitempty"`
	// DebianArch is Debian's name of the architecture, as in the names of
	// packages such as libc6-dev-arm64-cross; empty if Debian has none.
	DebianArch string `json:"debian_arch,omitempty"`
	// Places are wildcards of folders outside of PATH in which vendors
	// install a compiler, for example "/usr/sw/swgcc*/usr/bin".
	Places []string `json:"places,omitempty"`
	// Emulators are the user-mode emulators that run an executable of this
	// architecture on another, in order of preference.
	Emulators []string `json:"emulators,omitempty"`
	// Lookalikes are wildcards of triplets that are taken for this
	// architecture's by mistake, and the sentence that tells why they aren't.
	Lookalikes map[string]string `json:"lookalikes,omitempty"`
	// CPUFlag is the option that selects a processor, up to its name:
	// "-march="; "-mcpu=" if empty.
	CPUFlag string `json:"cpu_flag,omitempty"`
	// CFlags and LDFlags are passed to every compile and every link.
	CFlags  []string `json:"cflags,omitempty"`
	LDFlags []string `json:"ldflags,omitempty"`
	// Settings are busybox symbols, without CONFIG_, that this architecture
	// needs set, in kconfig's notation: "y", "n", "42", "\"text\"".
	Settings map[string]string `json:"settings,omitempty"`
	// Musl is what musl calls this architecture, for example "powerpc64";
	// empty if musl doesn't know it. A toolchain that sets it is a
	// [LibcBuilder].
	Musl string `json:"musl,omitempty"`
	// GCCOptions are options of the configure script of a gcc that is built
	// from source, for the ABI and the least processor of the architecture:
	// "--with-arch=armv7-a".
	GCCOptions []string `json:"gcc_options,omitempty"`
	// Boot says how QEMU starts a kernel of this architecture; nil if it
	// can't.
	Boot *Boot `json:"boot,omitempty"`
	// Attributes are what a `toolchain` block of this plugin may hold beside
	// the `from` blocks.
	Attributes []Attribute `json:"attributes,omitempty"`
}

// ELF identifies an architecture in an ELF header.
type ELF struct {
	// Bits is 32 or 64.
	Bits int `json:"bits"`
	// BigEndian is false for little-endian machines.
	BigEndian bool `json:"big_endian,omitempty"`
	// Machines are the accepted values of e_machine.
	Machines []uint16 `json:"machines"`
	// Flags is what e_flags of an executable is in the bits that are set in
	// FlagsMask. It tells ABIs apart that have all else in common, such as
	// ARM's with floating point in registers and without.
	FlagsMask uint32 `json:"flags_mask,omitempty"`
	Flags     uint32 `json:"flags,omitempty"`
}

// Platform is an OCI platform.
// Source: image-spec, image-index.md, "platform".
type Platform struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	Variant      string `json:"variant,omitempty"`
}

// String returns the platform as os/architecture[/variant].
func (p Platform) String() string {
	s := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		s += "/" + p.Variant
	}
	return s
}

// Boot says how QEMU starts a Linux kernel of an architecture.
type Boot struct {
	// System is the emulator, for example "qemu-system-aarch64".
	System string `json:"system"`
	// Args select machine and processor: ["-M", "virt"].
	Args []string `json:"args,omitempty"`
	// Console is the kernel's console device, for example "ttyAMA0".
	Console string `json:"console"`
	// MemoryMiB is the least memory a guest boots with, 256 if 0.
	MemoryMiB int `json:"memory_mib,omitempty"`
	// NoInitrd says that QEMU can't hand an initramfs to the kernel.
	NoInitrd bool `json:"no_initrd,omitempty"`
}

// ProbeRequest names one compiler to examine.
type ProbeRequest struct {
	// CC is the absolute path of the compiler driver.
	CC string
	// Prefix is the absolute path up to the tool's name, so that
	// Prefix+"ld" is the linker: "/usr/bin/aarch64-linux-gnu-".
	Prefix string
	// Attributes are the attributes of the `toolchain` block as a JSON
	// object, complete with defaults.
	Attributes json.RawMessage
	// Libc is the absolute path of a C library that [LibcBuilder] made for
	// this compiler, to be used in place of its own; empty if there is none.
	Libc string
	// Emulator is the command that [EmulatorFinder] named, which runs what the
	// compiler makes; empty if there is none.
	Emulator []string
	// WorkDir is an empty folder for the plugin's use, removed afterwards.
	WorkDir string
}

// Compiler is what a probe found out about a compiler.
type Compiler struct {
	CC     string `json:"cc"`
	Prefix string `json:"prefix"`
	// Libc is that of the request.
	Libc string `json:"libc,omitempty"`
	// CFlags are the options that every call needs, and LDFlags those that
	// every link needs after its objects: of the architecture, of the
	// attributes, and for Libc.
	CFlags  []string `json:"cflags,omitempty"`
	LDFlags []string `json:"ldflags,omitempty"`
	// Target is what `gcc -dumpmachine` says.
	Target string `json:"target"`
	// Version is for people: "gcc 12.2.0, glibc 2.36, linux headers 6.1".
	Version string `json:"version"`
	// Emulator is the command that runs what this compiler makes; empty if
	// it runs as it is. CanRun is false if nothing here runs it.
	Emulator []string `json:"emulator,omitempty"`
	CanRun   bool     `json:"can_run"`
	// Facts are everything that was examined, in order.
	Facts []Fact `json:"facts"`
	// Files are the absolute paths of all that has a say in what the
	// compiler makes: driver, cc1, as, ld, libc.a, crt files, headers that
	// carry versions. Their contents identify the compiler.
	Files []string `json:"files"`
	// Shared are the absolute paths of what else has a say in programs that
	// load their C library: libc.so, the interpreter, further libraries and
	// crt files. A static busybox is not made again when they change.
	Shared []string `json:"shared,omitempty"`
}

// Fact is one thing that a probe found out.
type Fact struct {
	// Name is a stable identifier: "target", "libc", "static_link".
	Name string `json:"name"`
	// Value is for people.
	Value string `json:"value"`
	// Status says whether it stands in the way.
	Status Status `json:"status"`
	// Remedy is one sentence on what to do; empty if Status is OK.
	Remedy string `json:"remedy,omitempty"`
}

// Status is the verdict on a fact.
type Status string

// The verdicts.
const (
	OK      Status = "ok"
	Warn    Status = "warning"
	Fail    Status = "failure"
	Skipped Status = "skipped"
)

// BuildRequest asks for one busybox.
type BuildRequest struct {
	// Compiler is what Probe returned.
	Compiler Compiler
	// Attributes are the attributes of the `toolchain` block as a JSON
	// object, complete with defaults.
	Attributes json.RawMessage
	// Version is busybox's, for example "1.36.1".
	Version string
	// SourceDir is the unpacked source. It is shared: never write to it.
	SourceDir string
	// WorkDir is an empty folder for objects and the log.
	WorkDir string
	// OutDir is an empty folder for what is kept.
	OutDir string
	// Config is "defconfig" or the absolute path of a .config file.
	Config string
	// Set holds symbols, without CONFIG_, in kconfig's notation.
	Set map[string]string
	// Only, if not empty, names the applets to build, and Without those to
	// leave out; at most one of them is set.
	Only    []string
	Without []string
	// Jobs is how many compiles may run at once, 1 or more.
	Jobs int
	// Epoch is the time that goes into whatever carries one.
	Epoch time.Time
	// Dynamic asks for a program that loads its C library, in place of a
	// static one.
	Dynamic bool
}

// BuildResult names what a build left in its OutDir. Paths are relative to
// OutDir, with slashes.
type BuildResult struct {
	// Tree is the folder of the install tree: bin, sbin, usr, linuxrc.
	Tree string
	// Config is the final .config.
	Config string
	// Log is the full log of the build.
	Log string
	// Applets are the names that were installed, sorted.
	Applets []string
	// Facts are what the build found out on its way: known breakages that
	// it worked around, the size of the binary.
	Facts []Fact
	// Warnings are diagnostics that did not stop the build.
	Warnings Diagnostics
	// Sysroot is the absolute path of the folder on this machine that stands
	// for / of what a dynamic busybox was linked for, in which its
	// interpreter and libraries are. Libraries are those of further folders
	// with libraries. They are empty for a static one; mkmini puts what is
	// needed beside the busybox.
	Sysroot   string
	Libraries []string
}

// Progress takes reports of long work. It may be called from several
// goroutines, and never blocks for long.
type Progress func(Report)

// Report is one report of progress.
type Report struct {
	// Phase names the part of the work: "configure", "compile", "link".
	Phase string
	// Done of Total units are finished; Total is 0 if it isn't known.
	Done, Total int
	// Message says in a few words what goes on: a file's name.
	Message string
}
