package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mkmini/mkmini/core/testenv"
)

// TestExternalPlugins builds with a toolchain and an exporter that were made
// outside of mkmini: one lies in the configuration's folder, the other on
// PATH.
func TestExternalPlugins(t *testing.T) {
	t.Parallel()
	testenv.Tool(t, "gcc", "gcc")
	dir := t.TempDir()
	plugins := filepath.Join(dir, ".mkmini", "plugins")
	bin := filepath.Join(dir, "bin")
	for _, folder := range []string{plugins, bin} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	makePlugin(t, "toolchain", plugins, "mkmini-plugin-paper")
	makePlugin(t, "listing", bin, "mkmini-plugin-listing")
	config := fmt.Sprintf(`name = "letter"
toolchain "paper" { greeting = "dear" }
busybox {
  %s
}
export "listing" { title = "names" }
export "rootfs" { format = "cpio" }
`, busyboxFile(t))
	if err := os.WriteFile(filepath.Join(dir, "letter.hcl"), []byte(config), 0o666); err != nil {
		t.Fatal(err)
	}
	c := command{
		args: []string{"-c", "letter.hcl", "--plugins-from-path"}, dir: dir,
		env: []string{"MKMINI_STORE=" + filepath.Join(dir, "store"), "PATH=" + bin + ":" + os.Getenv("PATH")},
	}
	first := c.events(t)
	listing, err := os.ReadFile(filepath.Join(dir, "out", "letter-paper64.listing"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"bin/busybox", "bin/sh", "usr/lib", "init"} {
		if !strings.Contains("\n"+strings.ReplaceAll(string(listing), "/\n", "\n"), "\n"+want+"\n") {
			t.Errorf("%q is not in the listing:\n%s", want, listing)
		}
	}
	if ran, _ := steps(first); len(ran) < 6 {
		t.Errorf("ran only %q", ran)
	}

	// They count for the cache like built-in ones.
	c.change = withoutProcesses
	if ran, _ := steps(c.events(t)); len(ran) > 0 {
		t.Errorf("ran %q although nothing changed", ran)
	}
}

// TestPluginAbilities builds with a toolchain that can do all there is beside,
// and looks for what each ability led to.
func TestPluginAbilities(t *testing.T) {
	t.Parallel()
	testenv.Tool(t, "gcc", "gcc")
	dir := t.TempDir()
	plugins := filepath.Join(dir, ".mkmini", "plugins")
	if err := os.MkdirAll(plugins, 0o755); err != nil {
		t.Fatal(err)
	}
	makePlugin(t, "abilities", plugins, "mkmini-plugin-board")
	write := func(memory int) {
		t.Helper()
		config := fmt.Sprintf("toolchain \"board\" {\n  memory = %d\n}\nbusybox {\n  %s\n}\nexport \"rootfs\" { format = \"cpio\" }\n",
			memory, busyboxFile(t))
		if err := os.WriteFile(filepath.Join(dir, "board.hcl"), []byte(config), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	c := command{dir: dir, env: []string{"MKMINI_STORE=" + filepath.Join(dir, "store")}}
	call := func(code int, args ...string) result {
		t.Helper()
		c.args = args
		r := c.run(t)
		if r.code != code {
			t.Fatalf("%q: exit code %d\n%s%s", args, r.code, r.stdout, r.stderr)
		}
		return r
	}
	has := func(text string, words ...string) {
		t.Helper()
		for _, word := range words {
			if !strings.Contains(text, word) {
				t.Errorf("%q is not in:\n%s", word, text)
			}
		}
	}

	write(4096)
	has(call(2, "validate", "-c", "board.hcl").stderr, "Too much memory", "board.hcl line 2", "memory = 4096", `board = "large"`)
	has(call(2, "plan", "-c", "board.hcl").stderr, "Too much memory")
	write(32)
	for range 2 {
		// The second answer is a remembered one.
		has(call(0, "validate", "-c", "board.hcl").stderr, "Little memory", "board.hcl")
	}
	write(512)
	first := call(0, "-c", "board.hcl", "--plain")
	// The patch made the program's text, the emulator ran it, and Boot made
	// the command.
	has(first.stderr, "BusyBox v1.35.0 for the board", "patch")
	has(first.stdout, "qemu-system-board -M small -m 512")
	has(call(0, "plan", "-c", "board.hcl", "-v").stdout, "patch", "runs under env")
	has(call(0, "plugin", "docs", "board").stdout, "It patches the sources", "| `memory` | number | `256` |")

	c.args = []string{"-c", "board.hcl"}
	c.change = withoutProcesses
	if ran, _ := steps(c.events(t)); len(ran) > 0 {
		t.Errorf("ran %q although nothing changed", ran)
	}
}

// TestNewToolchain begins a plugin for an architecture that mkmini has never
// heard of, which is this machine's under another name, and builds with it.
func TestNewToolchain(t *testing.T) {
	t.Parallel()
	testenv.Tool(t, "gcc", "gcc")
	tool := testenv.Tool(t, "make", "make")
	dir := t.TempDir()
	c := command{dir: dir, env: []string{
		"GOPROXY=off", "GONOSUMDB=*", "GOWORK=off", "GOFLAGS=-buildvcs=false", "MKMINI_STORE=" + filepath.Join(dir, "store"),
		"GOMODCACHE=" + goEnv(t, "GOMODCACHE"), "GOCACHE=" + goEnv(t, "GOCACHE"),
	}}
	c.args = []string{"plugin", "new", "toolchain", "vendor64", "--sdk", testenv.Checkout(), "--dir", "plugin", "--module", "example.com/v"}
	if r := c.run(t); r.code != 0 || !strings.Contains(r.stdout, "plugin/main.go\n") {
		t.Fatalf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	if r := c.run(t); r.code != 2 || !strings.Contains(r.stderr, "A file is there already") {
		t.Errorf("a second time: exit code %d\n%s", r.code, r.stderr)
	}
	work := filepath.Join(dir, "plugin")
	cmd := c.cmd(t)
	cmd.Path, cmd.Args, cmd.Dir = tool, []string{tool, "test", "build"}, work
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make: %v\n%s", err, out)
	}
	example, err := os.ReadFile(filepath.Join(work, "example.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	// With few applets, for the sake of time.
	quick := fmt.Sprintf("%s\nbusybox {\n  %s\n  applets { only = [\"sh\", \"ash\"] }\n}\n", example, busyboxFile(t))
	if err := os.WriteFile(filepath.Join(work, "quick.hcl"), []byte(quick), 0o666); err != nil {
		t.Fatal(err)
	}
	c.dir, c.args = work, []string{"-c", "quick.hcl", "--plain"}
	r := c.run(t)
	if r.code != 0 || !strings.Contains(r.stderr, "[vendor64] check: done") || !strings.Contains(r.stderr, "BusyBox v1.35.0") {
		t.Errorf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	if _, err := os.Stat(filepath.Join(work, "out", "mini-vendor64.cpio.gz")); err != nil {
		t.Error(err)
	}
}

// TestRiscv64Example builds with the plugin that the guide makes, and with a
// compiler from Debian's packages, and runs what comes out.
func TestRiscv64Example(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		testenv.Skip(t, "a compiler of 35 MB is fetched")
	}
	testenv.Tool(t, "apt-get", "apt")
	testenv.Tool(t, "make", "make")
	testenv.Tool(t, "gcc", "gcc")
	emulator := testenv.Tool(t, "qemu-riscv64-static", "qemu-user-static")
	dir := t.TempDir()
	plugins := filepath.Join(dir, ".mkmini", "plugins")
	if err := os.MkdirAll(plugins, 0o755); err != nil {
		t.Fatal(err)
	}
	makePlugin(t, "riscv64", plugins, "mkmini-plugin-riscv64")
	config := fmt.Sprintf("toolchain \"riscv64\" {}\nbusybox {\n  %s\n  applets { only = [\"sh\", \"ash\", \"uname\"] }\n}\nexport \"rootfs\" { format = \"tar\" }\n",
		busyboxFile(t))
	if err := os.WriteFile(filepath.Join(dir, "riscv64.hcl"), []byte(config), 0o666); err != nil {
		t.Fatal(err)
	}
	r := command{args: []string{"-c", "riscv64.hcl", "--plain"}, dir: dir}.run(t)
	if unreachable.MatchString(r.stderr) {
		testenv.Skip(t, "apt's mirror can't be reached:\n%s", tail(r.stderr))
	}
	if r.code != 0 || !strings.Contains(r.stderr, "[riscv64] check: done") {
		t.Fatalf("exit code %d\n%s%s", r.code, tail(r.stdout), tail(r.stderr))
	}
	testenv.Output(t, "tar", "-C", dir, "--no-same-owner", "-xf", filepath.Join(dir, "out", "mini-riscv64.tar"), "bin")
	if machine := testenv.Output(t, emulator, filepath.Join(dir, "bin", "busybox"), "uname", "-m"); machine != "riscv64\n" {
		t.Errorf("uname -m says %q", machine)
	}
}
