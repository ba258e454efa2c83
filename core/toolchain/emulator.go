package toolchain

import (
	"context"
	"fmt"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// Probe has a plugin examine a compiler, with the emulator that the plugin
// names if it can name one. It also returns the files on which the emulator
// depends.
func Probe(ctx context.Context, plugin sdk.Toolchain, req sdk.ProbeRequest) (sdk.Compiler, []string, error) {
	var named sdk.EmulatorResult
	if finder, ok := plugin.(sdk.EmulatorFinder); ok {
		var err error
		named, err = finder.Emulator(ctx, sdk.EmulatorRequest{Attributes: req.Attributes, CC: req.CC})
		if err != nil {
			return sdk.Compiler{}, nil, fmt.Errorf("ask for an emulator: %w", err)
		}
		req.Emulator = named.Command
	}
	files := named.Files
	if len(named.Command) > 0 {
		files = append(files[:len(files):len(files)], named.Command[0])
	}
	c, err := plugin.Probe(ctx, req)
	if err == nil && len(named.Command) > 0 && len(c.Emulator) == 0 && !c.CanRun {
		// The plugin's probe tries nothing out: what it made is tried at the
		// end all the same.
		c.Emulator, c.CanRun = named.Command, true
	}
	return c, files, err
}
