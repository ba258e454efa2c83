package main_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/mkmini/mkmini/core/event"
	"github.com/mkmini/mkmini/core/testenv"
)

// TestSource builds compilers from Debian's packages of sources, is killed on
// the way, goes on, and runs what the compilers make of busybox. `make
// test-slow` runs it: it takes half an hour or more.
func TestSource(t *testing.T) {
	if os.Getenv("MKMINI_TEST_SLOW") == "" {
		t.Skip("slow: make test-slow runs it")
	}
	testenv.Tool(t, "apt-get", "apt")
	for name, pkg := range map[string]string{"gcc": "gcc", "g++": "g++", "make": "make", "bison": "bison", "flex": "flex", "gawk": "gawk", "python3": "python3"} {
		testenv.Tool(t, name, pkg)
	}
	for _, one := range []built{
		{"musl", "source.hcl", "riscv64", "riscv64-linux-musl", "gcc, part 4 of 5: ", `^(binutils|linux headers|musl headers), part`},
		{"glibc", "source-glibc.hcl", "aarch64", "aarch64-linux-gnu", "glibc, part 6 of 7: ", `^(binutils|linux headers|gcc|glibc headers|libgcc for glibc), part`},
	} {
		t.Run(one.libc, one.try)
	}
}

// built is a compiler from source: it is killed when it says at, and must not
// make again what matches made.
type built struct{ libc, config, arch, target, at, made string }

func (b built) try(t *testing.T) {
	emulator := testenv.Tool(t, "qemu-"+b.arch+"-static", "qemu-user-static")
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	c := command{args: []string{"-c", filepath.Join("testdata", "e2e", b.config), "--out", out, "-v"}}
	if os.Getenv("MKMINI_TEST_STORE") == "" {
		c.args = append(c.args, "--store", filepath.Join(dir, "store"))
	}

	first := c.start(t)
	first.until(t, func(e event.Event) bool { return strings.Contains(e.Message, b.at) })
	if err := first.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	first.end(t)
	first.gone(t)

	made := regexp.MustCompile(b.made)
	compiler := ""
	for _, e := range c.events(t) {
		if made.MatchString(e.Message) {
			t.Fatalf("after it was killed it did this again: %s %s", e.Phase, e.Message)
		}
		if e.Kind == event.Log && strings.Contains(e.Message, "built a part") {
			t.Log(e.Message)
		}
		if e.Step == "toolchain" && e.Kind == event.Done {
			compiler, _, _ = strings.Cut(e.Message, ": ")
			t.Log(e.Message, e.Elapsed)
		}
	}
	testenv.Output(t, "tar", "-C", dir, "--no-same-owner", "-xf", filepath.Join(out, "source-"+b.arch+".tar"), "bin")
	tryApplets(t, emulator, filepath.Join(dir, "bin", "busybox"), b.arch)
	t.Run("moved", func(t *testing.T) { b.tryMoved(t, emulator, compiler) })
}

// tryMoved compiles with a compiler that was copied to another place.
func (b built) tryMoved(t *testing.T, emulator, compiler string) {
	dir := filepath.Join(t.TempDir(), "cross")
	if err := os.CopyFS(dir, os.DirFS(filepath.Dir(filepath.Dir(compiler)))); err != nil {
		t.Fatal(err)
	}
	gcc := filepath.Join(dir, "bin", filepath.Base(compiler))
	source := filepath.Join(dir, "hello.c")
	text := "#include <stdio.h>\n#include <math.h>\n#include <linux/version.h>\n" +
		"int main(int argc, char **argv) { return printf(\"%.3f %d\\n\", sqrt(argc + 1), LINUX_VERSION_CODE >> 16) < 0; }\n"
	if err := os.WriteFile(source, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if sysroot := testenv.Output(t, gcc, "-print-sysroot"); !strings.HasPrefix(sysroot, dir) && !strings.HasPrefix(filepath.Clean(strings.TrimSpace(sysroot)), dir) {
		t.Errorf("its sysroot is %s", sysroot)
	}
	for _, option := range []string{"-static", "-fno-pie"} {
		program := filepath.Join(dir, "hello"+option)
		testenv.Output(t, gcc, option, "-O2", "-o", program, source, "-lm")
		got := testenv.Output(t, emulator, "-L", filepath.Join(dir, b.target, "sysroot"), program)
		if got != "1.414 6\n" {
			t.Errorf("%s: it prints %q", option, got)
		}
	}
	store, _, _ := strings.Cut(compiler, "/steps/")
	if err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || strings.HasPrefix(d.Name(), "hello") {
			return err
		}
		data, err := os.ReadFile(path)
		if strings.Contains(string(data), store) {
			t.Errorf("%s names the store", path)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
}
