package sdk

import (
	"context"
	"encoding/json"
)

// LibcBuilder is an ability that a [Toolchain] may have beside: to compile
// another C library than the one a compiler comes with. It serves
// architectures whose [ToolchainInfo.Musl] is set.
type LibcBuilder interface {
	// BuildLibc compiles a C library and installs it below req.OutDir, so
	// that [ProbeRequest.Libc] can name it. It tries it out before it
	// succeeds. What the user can mend is a [Diagnostics] error.
	BuildLibc(ctx context.Context, req LibcRequest, progress Progress) (LibcResult, error)
}

// LibcRequest asks for one C library.
type LibcRequest struct {
	// Compiler is what Probe returned for the compiler with its own library.
	Compiler Compiler
	// Attributes are the attributes of the `toolchain` block as a JSON
	// object, complete with defaults.
	Attributes json.RawMessage
	// Name is the library, "musl", and Version its version, "1.2.3".
	Name, Version string
	// SourceDir is the unpacked source. It is shared: never write to it.
	SourceDir string
	// WorkDir is an empty folder for objects and the log.
	WorkDir string
	// OutDir is an empty folder for what is kept. It is renamed afterwards:
	// nothing in it may name it.
	OutDir string
	// Jobs is how many compiles may run at once, 1 or more.
	Jobs int
	// Shared asks for a shared library beside the static one, with its
	// loader.
	Shared bool
}

// LibcResult names what BuildLibc left in its OutDir. Paths are relative to
// OutDir, with slashes.
type LibcResult struct {
	// Dir is the folder of the library: include, with the kernel's headers
	// beside the library's own, and lib.
	Dir string
	// Log is the full log of the build.
	Log string
	// Loader is the file in Dir of the loader that programs with the shared
	// library name as their interpreter, "lib/ld-musl-aarch64.so.1"; empty if
	// there is only a static one.
	Loader string
	// Facts are what was found out about it, "libc" being one of them.
	Facts []Fact
	// Warnings are diagnostics that did not stop the build.
	Warnings Diagnostics
}
