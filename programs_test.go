package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/testenv"
)

// inFolder writes a file into a folder.
func inFolder(t *testing.T, dir, name, text string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestPrograms puts Debian's own bash and coreutils into an image, with a
// user to run them, and runs them in docker.
func TestPrograms(t *testing.T) {
	t.Parallel()
	compilerFor(t, "x86_64")
	engine := testenv.Docker(t)
	dir := t.TempDir()
	config := inFolder(t, dir, "programs.hcl", `name = "programs"
toolchain "x86_64" {
  from "host" {}
}
rootfs {
  program "bash" { path = "/bin/bash" }
  program "gnu-sort" { path = "/usr/bin/sort" }
  program "gnu-sha256sum" { path = "/usr/bin/sha256sum" }
  user "web" { shell = "/usr/bin/bash" }
}
export "docker" {
  tag  = "programs:1"
  user = "web"
}
`)
	command{args: []string{"-c", config, "--out", dir}}.events(t)
	engine.Run(t, "load", "--input", filepath.Join(dir, "programs-x86_64.docker.tar"))
	const script = "echo ${BASH_VERSION%%.*} ${BASH##*/}; printf 'b\\na\\n' | gnu-sort | gnu-sha256sum; gnu-sort --version | head -n 1"
	want := testenv.Output(t, "bash", "-c", strings.ReplaceAll(script, "gnu-", ""))
	got := engine.Run(t, "run", "--rm", "--network", "none", "programs:1", "/usr/bin/bash", "-c", script)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("in docker (-here +there):\n%s", diff)
	}
	if got := engine.Run(t, "run", "--rm", "--network", "none", "programs:1", "/bin/sh", "-c", "id -un; echo ~web; ls -ld ~web"); !strings.HasPrefix(got, "web\n/home/web\ndrwx------    2 web      web ") {
		t.Errorf("the user is %q", got)
	}
}

// TestForeignPrograms puts a program for aarch64 into a system, with the
// libraries of its compiler, and runs it there under qemu-user.
func TestForeignPrograms(t *testing.T) {
	t.Parallel()
	args := compilerFor(t, "aarch64")
	qemu := testenv.Tool(t, "qemu-aarch64-static", "qemu-user-static")
	dir := t.TempDir()
	source := inFolder(t, dir, "root.c", "#include <math.h>\n#include <stdio.h>\n"+
		"int main(int n, char **v) { printf(\"%s %.3f\\n\", v[0], cbrt(n)); }\n")
	testenv.Output(t, "aarch64-linux-gnu-gcc", "-fno-builtin", "-o", filepath.Join(dir, "cube-root"), source, "-lm")
	config := inFolder(t, dir, "foreign.hcl", `name = "foreign"
toolchain "aarch64" {
  from "host" {}
}
rootfs {
  program "cube-root" {
    path    = "cube-root"
    sysroot = "/usr/aarch64-linux-gnu"
  }
}
export "rootfs" { format = "dir" }
`)
	command{args: append([]string{"-c", config, "--out", dir}, args...)}.events(t)
	// -L is where qemu looks for the interpreter and the libraries first.
	root := filepath.Join(dir, "foreign-aarch64.dir")
	got := testenv.Output(t, qemu, "-L", root, filepath.Join(root, "usr/bin/cube-root"))
	if !strings.HasSuffix(got, "cube-root 1.000\n") {
		t.Errorf("it printed %q", got)
	}
	for _, library := range []string{"ld-linux-aarch64.so.1", "libc.so.6", "libm.so.6"} {
		if _, err := os.Stat(filepath.Join(root, "usr/lib", library)); err != nil {
			t.Error(err)
		}
	}
}
