// Command mkmini makes a mini Linux for any CPU from a C cross compiler.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/mkmini/mkmini/core/cli"
	"github.com/mkmini/mkmini/plugins/builtin"
)

// version is set by the linker; without it the module's own is taken.
var version string

func main() {
	if code, served := builtin.Serve(os.Args[1:]); served {
		os.Exit(code)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends it at once
	os.Exit(cli.Run(ctx, cli.Program{
		Version:  version,
		Builtins: builtin.Names(),
		Streams:  cli.Streams{Out: os.Stdout, Err: os.Stderr},
	}, os.Args[1:]))
}
