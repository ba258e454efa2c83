package sdk

import (
	"context"
	"encoding/json"
)

// Names of abilities, as they are in [Manifest.Abilities].
const (
	AbilityPatches  = "patches"
	AbilityEmulator = "emulator"
	AbilityBoot     = "boot"
	AbilityValidate = "validate"
)

// Builder is the part of a [Toolchain] that compiles. A plugin whose compiler
// is a gcc, and whose busybox isn't built the way of others, embeds the
// toolchain of toolchains/gcc and has a Build of its own.
type Builder interface {
	// Build configures and compiles busybox out of tree, and installs it
	// below req.OutDir. What the user can mend is a [Diagnostics] error.
	Build(ctx context.Context, req BuildRequest, progress Progress) (BuildResult, error)
}

// Patcher is an ability that a [Toolchain] may have beside: to change the
// sources that are built with it.
type Patcher interface {
	// Patches writes patches into req.OutDir and names them. The same request
	// has the same answer. mkmini applies them, one after the other, to a copy
	// of the source that is for this toolchain alone.
	Patches(ctx context.Context, req PatchesRequest) (PatchesResult, error)
}

// PatchesRequest asks for the patches of one source.
type PatchesRequest struct {
	// Attributes are the attributes of the `toolchain` block as a JSON
	// object, complete with defaults.
	Attributes json.RawMessage
	// Name is the program, "busybox" or "musl", and Version its version,
	// for example "1.36.1".
	Name, Version string
	// OutDir is an empty folder for the patches.
	OutDir string
}

// PatchesResult names patches.
type PatchesResult struct {
	// Files are unified diffs in the order they are applied, relative to
	// OutDir, with slashes; none leave the source as it is. Names in them
	// begin with a/ and b/, as those of `git diff` do, and context has to be
	// where it says: nothing is applied with an offset.
	Files []string
}

// EmulatorFinder is an ability that a [Toolchain] may have beside: to name
// what runs its executables on this machine, where the names in
// [ToolchainInfo.Emulators] don't say it all.
type EmulatorFinder interface {
	// Emulator looks for the emulator. It is asked before each probe, whose
	// request has the answer.
	Emulator(ctx context.Context, req EmulatorRequest) (EmulatorResult, error)
}

// EmulatorRequest asks for the emulator of one compiler's executables.
type EmulatorRequest struct {
	// Attributes are the attributes of the `toolchain` block as a JSON
	// object, complete with defaults.
	Attributes json.RawMessage
	// CC is the absolute path of the compiler driver.
	CC string
}

// EmulatorResult names an emulator.
type EmulatorResult struct {
	// Command runs an executable whose path and arguments follow it. The
	// first word is an absolute path. It is empty if the plugin knows none;
	// the probe looks for one of [ToolchainInfo.Emulators] then.
	Command []string
	// Files are absolute paths on which the answer depends. They need not
	// exist: when one of them comes, goes or changes, compilers are probed
	// again.
	Files []string
}

// Booter is an ability that a [Toolchain] may have beside: to say by the
// attributes of its block how QEMU starts a system, in place of
// [ToolchainInfo.Boot].
type Booter interface {
	// Boot returns nil if QEMU can't start it.
	Boot(ctx context.Context, req BootRequest) (*Boot, error)
}

// BootRequest asks how a system is started.
type BootRequest struct {
	// Attributes are the attributes of the `toolchain` block as a JSON
	// object, complete with defaults.
	Attributes json.RawMessage
}

// Validator is an ability that a [Toolchain] or an [Exporter] may have beside:
// to check attributes for what their types can't say. It is asked before
// anything is built, also by `mkmini validate`.
type Validator interface {
	// Validate does nothing but look at the request, and gives the same answer
	// to the same request: mkmini remembers it. What the user can mend is a
	// [Diagnostics] error whose paths begin with "attributes"; if all of them
	// are warnings, they are shown and nothing stops.
	Validate(ctx context.Context, req ValidateRequest) error
}

// ValidateRequest holds what a block says.
type ValidateRequest struct {
	// Attributes are the block's attributes as a JSON object, complete with
	// defaults.
	Attributes json.RawMessage
	// Name is the system's name.
	Name string
	// Archs are the architectures that the block is about: one, or all of the
	// configuration for an exporter of several at once.
	Archs []string
	// Version is the version of busybox, and Libc "musl" or empty for the
	// compiler's own library. They are empty for exporters.
	Version, Libc string
}

// abilities returns the names of what a plugin can do beside, sorted.
func (p Plugin) abilities() []string {
	var list []string
	if _, ok := p.Toolchain.(Booter); ok {
		list = append(list, AbilityBoot)
	}
	if _, ok := p.Toolchain.(EmulatorFinder); ok {
		list = append(list, AbilityEmulator)
	}
	if _, ok := p.Toolchain.(Patcher); ok {
		list = append(list, AbilityPatches)
	}
	_, toolchain := p.Toolchain.(Validator)
	_, exporter := p.Exporter.(Validator)
	if toolchain || exporter {
		list = append(list, AbilityValidate)
	}
	return list
}
