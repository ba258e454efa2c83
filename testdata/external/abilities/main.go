// Command mkmini-plugin-board is a toolchain plugin that can do all there is
// beside: it embeds the toolchain of a gcc, and adds methods.
package main

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"

	"github.com/mkmini/mkmini/plugins/sdk"
	"github.com/mkmini/mkmini/toolchains/gcc"
)

func main() {
	sdk.Serve(sdk.Plugin{Name: "board", Version: "0.1.0", Toolchain: board{gcc.New(arch)}})
}

var arch = sdk.ToolchainInfo{
	Arch: "board64", Description: "boards of a vendor",
	Triplets:     []string{"x86_64-linux-gnu", "aarch64-linux-gnu"},
	HostMachines: []string{"x86_64", "aarch64"},
	ELF:          sdk.ELF{Bits: 64, Machines: []uint16{62, 183}},
	Platform:     sdk.Platform{OS: "linux", Architecture: "amd64"},
	KernelArch:   "x86",
	Attributes: []sdk.Attribute{
		{Name: "board", Type: "string", Default: []byte(`"small"`), OneOf: []string{"small", "large"}, Doc: "The board."},
		{Name: "memory", Type: "number", Default: []byte(`256`), Doc: "The board's memory in MiB."},
	},
}

// board has the probe, the description and the musl of a gcc.
type board struct{ *gcc.Toolchain }

// These tell the compiler what board is meant to be able to do.
var (
	_ sdk.Patcher        = board{}
	_ sdk.EmulatorFinder = board{}
	_ sdk.Booter         = board{}
	_ sdk.Validator      = board{}
)

// block is what the configuration says.
type block struct {
	Board  string `json:"board"`
	Memory int    `json:"memory"`
}

func parse(attributes json.RawMessage) (b block, err error) {
	if err := json.Unmarshal(attributes, &b); err != nil {
		return b, fmt.Errorf("decode attributes: %w", err)
	}
	return b, nil
}

// Validate refuses what no board has, and warns of what hardly boots.
func (board) Validate(_ context.Context, req sdk.ValidateRequest) error {
	b, err := parse(req.Attributes)
	switch {
	case err != nil:
		return err
	case b.Board == "small" && b.Memory > 1024:
		return sdk.Diagnostics{{
			Summary: "Too much memory", Detail: fmt.Sprintf("The small board has 1024 MiB at most, not %d.", b.Memory),
			Remedy: `Write a smaller number, or board = "large".`, Path: []string{"attributes", "memory"},
		}}
	case b.Memory < 64:
		return sdk.Diagnostics{{
			Severity: sdk.Warning, Summary: "Little memory", Detail: fmt.Sprintf("A kernel hardly boots with %d MiB.", b.Memory),
			Path: []string{"attributes", "memory"},
		}}
	}
	return nil
}

//go:embed patches
var patches embed.FS

// Patches brings the patches that are in the executable.
func (board) Patches(_ context.Context, req sdk.PatchesRequest) (result sdk.PatchesResult, err error) {
	if req.Name != "busybox" {
		return result, nil
	}
	entries, err := patches.ReadDir("patches") // sorted
	for _, entry := range entries {
		result.Files = append(result.Files, path.Join("patches", entry.Name()))
	}
	if err != nil {
		return result, err
	}
	return result, os.CopyFS(req.OutDir, patches)
}

// Emulator is a program that starts another one.
func (board) Emulator(context.Context, sdk.EmulatorRequest) (sdk.EmulatorResult, error) {
	return sdk.EmulatorResult{Command: []string{"/usr/bin/env", "LC_ALL=C"}, Files: []string{"/etc/board.conf"}}, nil
}

// Boot starts each board with its memory.
func (board) Boot(_ context.Context, req sdk.BootRequest) (*sdk.Boot, error) {
	b, err := parse(req.Attributes)
	return &sdk.Boot{System: "qemu-system-board", Args: []string{"-M", b.Board}, Console: "ttyS0", MemoryMiB: b.Memory}, err
}

// Build stands in place of the one of gcc.New. It makes a program that says
// what it is of the patched source.
func (board) Build(ctx context.Context, req sdk.BuildRequest, progress sdk.Progress) (sdk.BuildResult, error) {
	source := filepath.Join(req.WorkDir, "busybox.c")
	bin := filepath.Join(req.OutDir, "tree", "bin")
	text := fmt.Sprintf("#include <stdio.h>\n#include \"board.h\"\nint main(void) { puts(\"BusyBox v%s for \" BOARD); }\n", req.Version)
	if err := os.WriteFile(source, []byte(text), 0o644); err != nil {
		return sdk.BuildResult{}, err
	}
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return sdk.BuildResult{}, err
	}
	progress(sdk.Report{Phase: "compile", Done: 0, Total: 1, Message: "busybox.c"})
	cmd := sdk.Command(ctx, req.Compiler.CC, "-static", "-I", filepath.Join(req.SourceDir, "include"),
		"-ffile-prefix-map="+req.WorkDir+"=.", "-o", filepath.Join(bin, "busybox"), source)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := sdk.Run(cmd); err != nil {
		return sdk.BuildResult{}, fmt.Errorf("compile busybox: %w", err)
	}
	config := filepath.Join(req.OutDir, ".config")
	return sdk.BuildResult{Tree: "tree", Config: ".config"}, os.WriteFile(config, []byte("# "+req.Version+"\n"), 0o644)
}
