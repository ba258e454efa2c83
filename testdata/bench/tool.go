package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// formats are all that mkmini writes of a root file system.
var formats = []string{"tar", "tar.gz", "tar.xz", "tar.zst", "cpio", "cpio.gz", "cpio.xz", "cpio.zst", "dir"}

// machines are mkmini's names of Go's architectures.
var machines = map[string]string{"amd64": "x86_64", "arm64": "aarch64", "sw64": "sw64"}

// configuration returns the mkmini configuration of what is done by hand.
func (b *bench) configuration(message, without string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "name = \"minios\"\ntoolchain %q {\n  from \"host\" {}\n}\n", machines[runtime.GOARCH])
	fmt.Fprintf(&text, "busybox {\n  version = \"1.35.0\"\n  file = %q\n", b.source)
	if without != "" {
		fmt.Fprintf(&text, "  applets {\n    without = [%q]\n  }\n", without)
	}
	fmt.Fprintf(&text, "}\nrootfs {\n  directory \"/srv\" {}\n  file \"/etc/motd\" {\n    content = %q\n  }\n}\n", message+"\n")
	text.WriteString("export \"docker\" {\n  tag = \"minios:latest\"\n}\nexport \"oci\" {}\n")
	for _, format := range formats {
		fmt.Fprintf(&text, "export \"rootfs\" {\n  format = %q\n}\n", format)
	}
	return text.String()
}

// byTool returns the command that builds a configuration in the store and
// output folder of run n of the cold scenario.
func (b *bench) byTool(ctx context.Context, n int, message, without string) (*exec.Cmd, error) {
	file := filepath.Join(b.dir, "bench.hcl")
	if err := os.WriteFile(file, []byte(b.configuration(message, without)), 0o666); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, b.mkmini, "-c", file, "--plain",
		"--out", filepath.Join(b.dir, fmt.Sprintf("out%d", n)),
		"--store", filepath.Join(b.dir, fmt.Sprintf("store%d", n)), "-j", fmt.Sprint(b.jobs))
	cmd.Dir = b.dir
	return cmd, nil
}

func (b *bench) toolCold(ctx context.Context, n int) (*exec.Cmd, error) {
	return b.byTool(ctx, n, "mini", "")
}

func (b *bench) toolNothing(ctx context.Context, _ int) (*exec.Cmd, error) {
	return b.byTool(ctx, 0, "mini", "")
}

func (b *bench) toolFile(ctx context.Context, n int) (*exec.Cmd, error) {
	return b.byTool(ctx, 0, fmt.Sprintf("mini %d", n), "")
}

func (b *bench) toolApplet(ctx context.Context, n int) (*exec.Cmd, error) {
	return b.byTool(ctx, 0, "mini", applet(n))
}
