// Command mkmini-plugin-paper is a toolchain plugin that compiles nothing. It
// stands for one that a vendor keeps outside of mkmini, and imports the SDK
// only.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/mkmini/mkmini/plugins/sdk"
)

func main() {
	sdk.Serve(sdk.Plugin{Name: "paper", Version: "0.1.0", Toolchain: paper{}})
}

// paper is an architecture whose executables are shell scripts.
type paper struct{}

var _ sdk.Toolchain = paper{}

func (paper) Describe(context.Context) (sdk.ToolchainInfo, error) {
	return sdk.ToolchainInfo{
		Arch:         "paper64",
		Description:  "a machine of paper",
		Triplets:     []string{"paper64-linux-gnu"},
		HostMachines: []string{"x86_64", "aarch64", "sw_64"},
		ELF:          sdk.ELF{Bits: 64, Machines: []uint16{62, 183, 0x9916}},
		Platform:     sdk.Platform{OS: "linux", Architecture: "paper64"},
		KernelArch:   "paper",
		Attributes: []sdk.Attribute{
			{Name: "greeting", Type: "string", Default: []byte(`"hello"`), Doc: "What busybox says."},
		},
	}, nil
}

func (paper) Probe(_ context.Context, req sdk.ProbeRequest) (sdk.Compiler, error) {
	return sdk.Compiler{
		CC: req.CC, Prefix: req.Prefix, Target: "paper64-linux-gnu", Version: "paper 1",
		Facts: []sdk.Fact{
			{Name: "target", Value: "paper64-linux-gnu", Status: sdk.OK},
			{Name: "static_run", Value: "nothing runs paper", Status: sdk.Skipped},
		},
		Files: []string{req.CC},
	}, nil
}

func (paper) Build(ctx context.Context, req sdk.BuildRequest, progress sdk.Progress) (sdk.BuildResult, error) {
	bin := filepath.Join(req.OutDir, "tree", "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return sdk.BuildResult{}, err
	}
	for i, applet := range []string{"busybox", "sh"} {
		if err := ctx.Err(); err != nil {
			return sdk.BuildResult{}, err
		}
		progress(sdk.Report{Phase: "compile", Done: i + 1, Total: 2, Message: applet})
		script := fmt.Sprintf("#!/bin/sh\n# %s %s\n", applet, req.Attributes)
		if err := os.WriteFile(filepath.Join(bin, applet), []byte(script), 0o755); err != nil {
			return sdk.BuildResult{}, err
		}
	}
	for _, name := range []string{".config", "build.log"} {
		if err := os.WriteFile(filepath.Join(req.OutDir, name), []byte("# paper\n"), 0o644); err != nil {
			return sdk.BuildResult{}, err
		}
	}
	return sdk.BuildResult{Tree: "tree", Config: ".config", Log: "build.log", Applets: []string{"sh"}}, nil
}
