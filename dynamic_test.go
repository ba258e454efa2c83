package main_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/mkmini/mkmini/core/event"
	"github.com/mkmini/mkmini/core/testenv"
)

// TestDynamicBusybox builds busybox for two architectures with the C library
// beside it: a musl that is built for it, and the compiler's glibc. One is run
// in docker and the other under qemu-user, each with the libraries of its own
// system.
func TestDynamicBusybox(t *testing.T) {
	t.Parallel()
	compilerFor(t, "x86_64")
	compilerFor(t, "aarch64")
	qemu := testenv.Tool(t, "qemu-aarch64-static", "qemu-user-static")
	engine := testenv.Docker(t)
	dir := t.TempDir()
	config := inFolder(t, dir, "dynamic.hcl", `name = "dynamic"
toolchain "x86_64" {
  from "host" {}
  libc = "musl"
}
toolchain "aarch64" {
  from "host" {}
}
musl { file = "`+testenv.MuslSource(t)+`" }
busybox {
  static = false
  applets { only = ["sh", "ash", "cat", "sort", "ls", "grep"] }
}
export "rootfs" { format = "dir" }
export "docker" { tag = "dynamic:${arch}" }
`)
	checks := 0
	for _, e := range (command{args: []string{"-c", config, "--out", dir}}).events(t) {
		if e.Step == "check" && e.Kind == event.Done {
			checks++
			if !strings.HasPrefix(e.Message, "BusyBox v") {
				t.Errorf("the check for %s said %q", e.Arch, e.Message)
			}
		}
	}
	if checks != 2 {
		t.Errorf("%d checks", checks)
	}
	engine.Run(t, "load", "--input", filepath.Join(dir, "dynamic-x86_64.docker.tar"))
	const script = `printf 'b\na\n' | sort | cat`
	if got := engine.Run(t, "run", "--rm", "--network", "none", "dynamic:x86_64", "/bin/sh", "-c", script); got != "a\nb\n" {
		t.Errorf("in docker: %q", got)
	}
	const listed = `ls /lib/ | grep -e ld- -e libc`
	if got := engine.Run(t, "run", "--rm", "--network", "none", "dynamic:x86_64", "/bin/sh", "-c", listed); got != "ld-musl-x86_64.so.1\n" {
		t.Errorf("its libraries are %q", got)
	}
	root := filepath.Join(dir, "dynamic-aarch64.dir")
	if got := testenv.Output(t, qemu, "-L", root, filepath.Join(root, "bin/busybox"), "ash", "-c", "echo $((6 * 7))"); got != "42\n" {
		t.Errorf("under qemu: %q", got)
	}
}
