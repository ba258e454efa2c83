package crossgcc

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/store"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// whole is what is done for a compiler.
var whole = []string{
	"binutils configure", "binutils make", "linux headers riscv", "musl headers riscv64",
	"gcc configure", "gcc make 0 one", "gcc strip 3", "musl configure", "musl make",
}

func TestProvide(t *testing.T) {
	b := newBench(t)
	dir, err := b.provide(t)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(whole, b.trace(t)); diff != "" {
		t.Errorf("what was done (-want +got):\n%s", diff)
	}
	want := []string{
		"bin/riscv64-linux-musl-as", "bin/riscv64-linux-musl-gcc", "bin/riscv64-linux-musl-strip", "lib/gcc/x/12/libgcc.a",
		"riscv64-linux-musl/sysroot/lib/ld-musl-riscv64.so.1", "riscv64-linux-musl/sysroot/usr/include/linux/version.h",
		"riscv64-linux-musl/sysroot/usr/include/stdio.h", "riscv64-linux-musl/sysroot/usr/lib/libc.so",
	}
	if diff := cmp.Diff(want, files(t, dir)); diff != "" {
		t.Errorf("the compiler's files (-want +got):\n%s", diff)
	}
	if link, err := os.Readlink(filepath.Join(dir, want[4])); link != "../usr/lib/libc.so" {
		t.Errorf("the dynamic linker is a link to %q (%v)", link, err)
	}
	driver, err := os.ReadFile(filepath.Join(dir, "bin/riscv64-linux-musl-gcc"))
	if err != nil || !strings.Contains(string(driver), "at ../obj\n") {
		t.Errorf("the driver says %q (%v), which names where it was built", driver, err)
	}
	args, err := os.ReadFile(b.path("args.gcc"))
	if err != nil || !strings.HasSuffix(string(args), " --with-arch=rv64gc\n") || !strings.Contains(string(args), " --target=riscv64-linux-musl ") {
		t.Errorf("gcc was configured with %s (%v)", args, err)
	}
	pins := b.Pins(b.from, dir)
	if !strings.HasPrefix(pins["gcc"], "gcc.tar.gz sha256:") || pins["host"] != "gcc 1" || len(pins) != 5 {
		t.Errorf("the pins are %v", pins)
	}
}

// wholeGlibc is what is done for a compiler with glibc.
var wholeGlibc = []string{
	"binutils configure", "binutils make", "linux headers riscv", "gcc configure", "gcc make 0 one",
	"glibc configure", "glibc headers yes", "libgcc configure", "libgcc make BASE-VER tm.h stubs.h", "gcc strip 3",
	"glibc configure", "glibc make", "glibc headers", "libgcc configure", "libgcc make BASE-VER tm.h libc.so.6", "gcc strip 3",
}

func TestGlibc(t *testing.T) {
	t.Setenv("PATH", fakeGenerators(t)+":"+os.Getenv("PATH"))
	b := newBench(t)
	b.target, b.from.Build.Libc = "riscv64-linux-gnu", glibc
	b.tarballs(t)
	b.host.Compiler = "x86_64-linux-gnu gcc 1"
	dir, err := b.provide(t)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wholeGlibc, b.trace(t)); diff != "" {
		t.Errorf("what was done (-want +got):\n%s", diff)
	}
	want := []string{
		"bin/riscv64-linux-gnu-as", "bin/riscv64-linux-gnu-gcc", "bin/riscv64-linux-gnu-strip", "lib/gcc/x/12/libgcc.a",
		"riscv64-linux-gnu/sysroot/lib64/libc.so.6", "riscv64-linux-gnu/sysroot/usr/include/linux/version.h",
		"riscv64-linux-gnu/sysroot/usr/include/stdio.h",
	}
	if diff := cmp.Diff(want, files(t, dir)); diff != "" {
		t.Errorf("the compiler's files (-want +got):\n%s", diff)
	}
	for name, option := range map[string]string{
		"gcc": "--with-glibc-version=2.28", "glibc": "--host=riscv64-linux-gnu", "libgcc": "--with-slibdir=/mkmini/riscv64-linux-gnu/sysroot/lib64",
	} {
		if args := " " + read(t, b.path("args."+name)); !strings.Contains(args, " "+option) {
			t.Errorf("%s was configured with %s without %s", name, args, option)
		}
	}
	if pins := b.Pins(b.from, dir); !strings.HasPrefix(pins["glibc"], "glibc.tar.gz sha256:") || len(pins) != 5 {
		t.Errorf("the pins are %v", pins)
	}
	b.from.Build.Glibc.Options = []string{"--enable-kernel=5.4"}
	if _, err := b.provide(t); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wholeGlibc[5:], b.trace(t)); diff != "" {
		t.Errorf("what was done with another option (-want +got):\n%s", diff)
	}
	t.Setenv("PATH", onlyTools(t, "sh", "make"))
	b.from.Build.Glibc.Options = nil
	if _, err := b.provide(t); err == nil || !strings.Contains(err.Error(), "lacks gawk, bison, python3") {
		t.Errorf("without tools Provide gave %v", err)
	}
}

// fakeGenerators returns a folder with programs that glibc wants.
func fakeGenerators(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, p := range glibcPrograms {
		if err := os.WriteFile(filepath.Join(dir, p[0]), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// files returns the paths of all files below a folder, relative to it.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	if err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			all = append(all, strings.TrimPrefix(path, dir+"/"))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestProvideAgain(t *testing.T) {
	b := newBench(t)
	first, err := b.provide(t)
	if err != nil {
		t.Fatal(err)
	}
	b.trace(t)
	tests := []struct {
		name   string
		change func()
		same   bool
		want   []string
	}{
		{"nothing", func() {}, true, nil},
		{"an option of gcc", func() { b.from.Build.GCC.Options = []string{"--with-abi=lp64"} }, false, whole[4:]},
		{"an option of musl", func() { b.from.Build.Musl.Options = []string{"--enable-debug"} }, false, whole[7:]},
		{"the host's compiler", func() { b.host.Compiler = "gcc 2" }, false, append(slices.Clone(whole[:2]), whole[4:]...)},
		{"all as at first", func() {
			b.host.Compiler, b.from.Build.GCC.Options, b.from.Build.Musl.Options = "gcc 1", nil, nil
		}, true, nil},
		{"a damaged compiler", func() {
			if err := os.Remove(filepath.Join(first, "bin/riscv64-linux-musl-gcc")); err != nil {
				t.Fatal(err)
			}
		}, true, nil},
	}
	for _, test := range tests {
		test.change()
		dir, err := b.provide(t)
		if err != nil || (dir == first) != test.same {
			t.Errorf("%s: Provide gave %s (%v), and %s at first", test.name, dir, err, first)
		}
		if diff := cmp.Diff(test.want, b.trace(t)); diff != "" {
			t.Errorf("%s: what was done (-want +got):\n%s", test.name, diff)
		}
	}
	if _, err := os.Stat(filepath.Join(first, "bin/riscv64-linux-musl-gcc")); err != nil {
		t.Errorf("the damage was not mended: %v", err)
	}
}

func TestFailureAndResume(t *testing.T) {
	b := newBench(t)
	b.write(t, "fail", "")
	_, err := b.provide(t)
	var f *fault.Error
	if !errors.As(err, &f) {
		t.Fatalf("Provide gave %v", err)
	}
	if !strings.HasPrefix(err.Error(), "making gcc.tar.gz failed: no such thing (../src/gcc/x.cc:3:1: ") || !strings.HasSuffix(err.Error(), "; the log is "+f.Log) {
		t.Errorf("the error is %q", err)
	}
	if diff := cmp.Diff([]string{"../src/gcc/x.cc:3:1: error: no such thing", "    3 | x"}, f.Excerpt); diff != "" {
		t.Errorf("the excerpt (-want +got):\n%s", diff)
	}
	log, err := os.ReadFile(f.Log)
	if err != nil || !strings.Contains(string(log), "mkmini: cd ") || !strings.Contains(string(log), "\nmore\n") {
		t.Errorf("the log holds %q (%v)", log, err)
	}
	if left, _ := os.ReadDir(b.Keeper.Store.Sub("tmp")); len(left) > 0 {
		t.Errorf("%s is left", left)
	}
	if diff := cmp.Diff(whole[:5], b.trace(t)); diff != "" {
		t.Errorf("what was done (-want +got):\n%s", diff)
	}
	if err := os.Remove(b.path("fail")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.provide(t); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(whole[4:], b.trace(t)); diff != "" {
		t.Errorf("what was done the second time (-want +got):\n%s", diff)
	}
	if !slices.Contains(b.seen, "configure gcc, part 4 of 5") {
		t.Errorf("was told %q", b.seen)
	}
}

func TestPatches(t *testing.T) {
	b := newBench(t)
	b.write(t, "a.patch", "--- a/text\n+++ b/text\n@@ -1 +1 @@\n-one\n+two\n")
	b.from.Build.GCC.Patches = []string{b.path("a.patch")}
	dir, err := b.provide(t)
	if err != nil {
		t.Fatal(err)
	}
	if got := b.trace(t); !slices.Contains(got, "gcc make 0 two") {
		t.Errorf("done was %q", got)
	}
	if pin := b.Pins(b.from, dir)["gcc a.patch"]; !strings.HasPrefix(pin, "sha256:") {
		t.Errorf("the patch's pin is %q", pin)
	}
	b.write(t, "a.patch", "--- a/text\n+++ b/text\n@@ -1 +1 @@\n-three\n+two\n")
	_, err = b.provide(t)
	var f *fault.Error
	if !errors.As(err, &f) || f.Summary != "A patch does not apply" || !strings.Contains(err.Error(), b.path("a.patch")) || !strings.Contains(err.Error(), "1 out of 1 hunk") {
		t.Errorf("a patch that does not apply gave %v", err)
	}
	if diff := cmp.Diff([]string{b.path("binutils.tar.gz"), b.path("gcc.tar.gz"), b.path("a.patch"), b.path("linux.tar.gz"), b.path("musl.tar.gz"), b.path("glibc.tar.gz")}, b.Files(b.from)); diff != "" {
		t.Errorf("the files (-want +got):\n%s", diff)
	}
}

func TestRefused(t *testing.T) {
	tests := []struct {
		name   string
		change func(*testing.T, *bench)
		want   string
	}{
		{"hash", func(_ *testing.T, b *bench) { b.from.Build.GCC.SHA256 = strings.Repeat("0", 64) }, "but " + strings.Repeat("0", 64) + " is wanted"},
		{"no file", func(_ *testing.T, b *bench) { b.from.Build.Linux.File = b.path("none") }, "there is no file DIR/none"},
		{"no archive", func(t *testing.T, b *bench) { b.write(t, "binutils.tar.gz", "text") }, "it is no tar"},
		{"no source of gcc", func(_ *testing.T, b *bench) { b.from.Build.Musl = config.Part{} }, "nothing is known of where its source is"},
		{"no url", func(_ *testing.T, b *bench) {
			b.from.Build.GCC = config.Part{SHA256: strings.Repeat("0", 64)}
		}, "no place to fetch it from is known"},
		{"no generator", func(t *testing.T, b *bench) {
			t.Setenv("PATH", onlyTools(t, "sh", "make", "rm", "mkdir", "cp"))
			files := map[string]string{"configure": fakeConfigure}
			b.from.Build.Binutils.File = b.tarball(t, "binutils", files)
		}, "lacks bison, flex: the Debian packages are bison flex"},
		{"no patch", func(t *testing.T, b *bench) {
			t.Setenv("PATH", onlyTools(t, "sh", "make"))
			b.from.Build.GCC.Patches = []string{b.path("a.patch")}
		}, "lacks patch"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			test.change(t, b)
			_, err := b.provide(t)
			if want := strings.ReplaceAll(test.want, "DIR", b.dir); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("Provide gave %v, want %q", err, want)
			}
		})
	}
	b := newBench(t)
	if _, err := b.Provide(t.Context(), sdk.ToolchainInfo{Arch: "alpha", Triplets: []string{"alpha-linux-gnu"}}, b.from, nil); err == nil || !strings.Contains(err.Error(), "does not know alpha") {
		t.Errorf("alpha gave %v", err)
	}
}

// A store whose path makefiles trip over.
func TestOddPath(t *testing.T) {
	b := newBench(t)
	st, err := store.Open(b.path("a store: $x"))
	if err != nil {
		t.Fatal(err)
	}
	b.Keeper.Store, b.Blobs = st, st.Sub("sources")
	dir, err := b.provide(t)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "bin/riscv64-linux-musl-gcc")); err != nil {
		t.Error(err)
	}
}
