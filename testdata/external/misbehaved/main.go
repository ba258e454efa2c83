// Command mkmini-plugin-NAME is a toolchain plugin that does in its build what
// its name says, none of which it should.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/mkmini/mkmini/plugins/sdk"
)

func main() {
	name := strings.TrimPrefix(filepath.Base(os.Args[0]), "mkmini-plugin-")
	sdk.Serve(sdk.Plugin{Name: name, Version: "0.1.0", Toolchain: toolchain{name}})
}

type toolchain struct{ name string }

var _ sdk.Toolchain = toolchain{}

func (t toolchain) Describe(context.Context) (sdk.ToolchainInfo, error) {
	return sdk.ToolchainInfo{
		Arch: t.name, Description: "none", KernelArch: "none", Triplets: []string{"none-linux"},
		HostMachines: []string{"x86_64", "aarch64", "sw_64"}, ELF: sdk.ELF{Bits: 64, Machines: []uint16{62, 183, 0x9916}},
		Platform: sdk.Platform{OS: "linux", Architecture: t.name},
	}, nil
}

func (t toolchain) Probe(_ context.Context, req sdk.ProbeRequest) (sdk.Compiler, error) {
	return sdk.Compiler{CC: req.CC, Target: t.name + "-linux", Version: t.name, Files: []string{req.CC}}, nil
}

func (t toolchain) Build(context.Context, sdk.BuildRequest, sdk.Progress) (sdk.BuildResult, error) {
	fmt.Fprintln(os.Stderr, "these are the last words of", t.name)
	daemon := exec.Command("sleep", "1000")
	daemon.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := daemon.Start(); err != nil {
		return sdk.BuildResult{}, err
	}
	switch t.name {
	case "freezes":
		time.Sleep(time.Second) // for another goroutine, which sends the last words
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		time.Sleep(time.Hour)
	case "idles":
		time.Sleep(time.Hour)
	case "panics":
		panic("there is no way to build")
	case "escapes":
		return sdk.BuildResult{Tree: "../../..", Config: ".config"}, nil
	}
	time.Sleep(time.Second) // for the last words again
	os.Exit(5)
	return sdk.BuildResult{}, nil
}
