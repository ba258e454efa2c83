// Command mkmini makes a mini Linux for any CPU from a C cross compiler.
package main

import (
	"os"

	"github.com/mkmini/mkmini/plugins/builtin"
)

func main() {
	if code, served := builtin.Serve(os.Args[1:]); served {
		os.Exit(code)
	}
	// The command line follows here:
	//
	//	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	//	defer stop()
	//	os.Exit(cli.Run(ctx, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}
