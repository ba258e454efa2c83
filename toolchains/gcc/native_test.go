package gcc

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// native returns the data of this machine's architecture, and its compiler.
func native(t *testing.T) (sdk.ToolchainInfo, string) {
	t.Helper()
	info := sdk.ToolchainInfo{Packages: []string{"gcc"}}
	switch runtime.GOARCH {
	case "amd64":
		info.Arch, info.KernelArch, info.CPUFlag = "x86_64", "x86_64", "-march="
		info.ELF = sdk.ELF{Bits: 64, Machines: []uint16{62}}
	case "arm64":
		info.Arch, info.KernelArch = "aarch64", "arm64"
		info.ELF = sdk.ELF{Bits: 64, Machines: []uint16{183}}
	default:
		t.Skipf("these tests know nothing of %s", runtime.GOARCH)
	}
	info.Triplets = []string{info.Arch + "-*linux*"}
	info.HostMachines = []string{info.Arch}
	info.Platform = sdk.Platform{OS: "linux", Architecture: runtime.GOARCH}
	cc, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("gcc is not installed: apt-get install gcc libc6-dev")
	}
	return info, cc
}

// wrapper writes a compiler driver that runs a piece of shell first, and then
// the real one; beside it are links to the real binutils. It returns the
// prefix of them all.
func wrapper(t *testing.T, cc, shell string) string {
	t.Helper()
	dir := t.TempDir()
	for _, tool := range targetTools {
		path, err := exec.LookPath(strings.TrimSuffix(cc, "gcc") + tool)
		if err != nil {
			t.Skip("binutils is not installed: apt-get install binutils")
		}
		if err := os.Symlink(path, filepath.Join(dir, tool)); err != nil {
			t.Fatal(err)
		}
	}
	writeScript(t, filepath.Join(dir, "gcc"), shell+"\nexec "+cc+` "$@"`)
	return dir + string(filepath.Separator)
}

func writeScript(t *testing.T, name, shell string) {
	t.Helper()
	if err := os.WriteFile(name, []byte("#!/bin/sh\n"+shell+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, 0o755); err != nil {
		t.Fatal(err)
	}
}

// probed returns this machine's compiler as a probe found it.
func probed(t *testing.T) (*Toolchain, sdk.Compiler) {
	t.Helper()
	info, cc := native(t)
	toolchain := New(info)
	c, err := toolchain.Probe(t.Context(), sdk.ProbeRequest{CC: cc, Prefix: strings.TrimSuffix(cc, "gcc"), WorkDir: t.TempDir()})
	if err != nil {
		t.Skipf("this machine's compiler is of no use: %v", err)
	}
	return toolchain, c
}

func attributes(t *testing.T, values map[string]any) json.RawMessage {
	t.Helper()
	data, err := json.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
