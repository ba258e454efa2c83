// Command mkmini makes a mini Linux for any CPU from a C cross compiler.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/mkmini/mkmini/core/cli"
	"github.com/mkmini/mkmini/plugins/builtin"
)

// version is set by the linker.
var version string

// release returns the version that was built in, or else the module's, which
// `go install` knows.
func release() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "dev"
}

// memory is what mkmini and each of its own plugins take in bytes before they
// look harder for memory that isn't needed any more. A million files in a root
// file system need less.
const memory = 224 << 20

func main() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memory)
	}
	if code, served := builtin.Serve(release(), os.Args[1:]); served {
		os.Exit(code)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends it at once
	os.Exit(cli.Run(ctx, cli.Program{
		Version:  release(),
		Builtins: builtin.Names(),
		Streams:  cli.Streams{Out: os.Stdout, Err: os.Stderr},
	}, os.Args[1:]))
}
