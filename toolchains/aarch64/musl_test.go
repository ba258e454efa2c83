package aarch64_test

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mkmini/mkmini/plugins/sdk"
	"github.com/mkmini/mkmini/toolchains/aarch64"
	"github.com/mkmini/mkmini/toolchains/gcc/elfhead"
	"github.com/mkmini/mkmini/toolchains/gcc/gcctest"
)

// TestMusl builds musl, moves it as the store does, and builds a static and a
// dynamic busybox that run with it. The folders have blanks in their names.
func TestMusl(t *testing.T) {
	source := gcctest.MuslSource(t)
	glibc := probe(t)
	plugin := aarch64.New()
	dir := filepath.Join(t.TempDir(), "a store")
	made := filepath.Join(dir, "tmp")
	if err := os.MkdirAll(made, 0o755); err != nil {
		t.Fatal(err)
	}
	var last sdk.Report
	result, err := plugin.(sdk.LibcBuilder).BuildLibc(t.Context(), sdk.LibcRequest{
		Compiler: glibc, Name: "musl", Version: gcctest.MuslVersion, SourceDir: source,
		WorkDir: t.TempDir(), OutDir: made, Jobs: 2, Shared: true,
	}, func(r sdk.Report) {
		if r.Phase == "compile" {
			last = r
		}
	})
	if err != nil {
		t.Fatalf("%+v", err)
	}
	if last.Total < 1000 || last.Total-last.Done > 2 {
		t.Errorf("the last report of the compile is %+v", last)
	}
	kept := filepath.Join(dir, "kept")
	if err := os.Rename(made, kept); err != nil {
		t.Fatal(err)
	}
	c, err := plugin.Probe(t.Context(), sdk.ProbeRequest{
		CC: glibc.CC, Prefix: glibc.Prefix, Libc: filepath.Join(kept, result.Dir), WorkDir: t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if fact := factOf(c, "libc"); fact.Value != "musl "+gcctest.MuslVersion {
		t.Errorf("the C library is %+v", fact)
	}
	if want, got := factOf(glibc, "kernel_headers"), factOf(c, "kernel_headers"); got != want {
		t.Errorf("the kernel's headers are %+v, and the compiler's own %+v", got, want)
	}
	if slices.Equal(c.Files, glibc.Files) || !slices.ContainsFunc(c.Files, func(name string) bool {
		return strings.HasSuffix(name, "kept/musl/lib/libc.a")
	}) {
		t.Errorf("the compiler's files are %q", c.Files)
	}
	if result.Loader != "lib/ld-musl-aarch64.so.1" {
		t.Errorf("the loader is %q", result.Loader)
	}
	t.Run("static", func(t *testing.T) { busyboxOf(t, c, false) })
	t.Run("dynamic", func(t *testing.T) { busyboxOf(t, c, true) })
}

// busyboxOf builds a small busybox and runs it.
func busyboxOf(t *testing.T, c sdk.Compiler, dynamic bool) {
	t.Helper()
	req := sdk.BuildRequest{
		Compiler: c, Version: gcctest.Version, SourceDir: gcctest.Source(t), WorkDir: t.TempDir(), OutDir: t.TempDir(),
		Config: "defconfig", Only: []string{"sh", "uname"}, Jobs: 2, Epoch: time.Unix(315532800, 0),
		Dynamic: dynamic,
	}
	result, err := aarch64.New().Build(t.Context(), req, nil)
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(req.OutDir, result.Tree, "bin", "busybox")
	header, err := elfhead.ReadFile(binary)
	if err != nil || header.Machine != 183 || header.Interp != dynamic {
		t.Errorf("header %+v, %v", header, err)
	}
	if dynamic {
		needsMusl(t, binary)
		if result.Sysroot != c.Libc {
			t.Errorf("the libraries are in %q, not in %q", result.Sysroot, c.Libc)
		}
	}
	data, err := os.ReadFile(binary)
	if err != nil || strings.Contains(string(data), "GLIBC") || strings.Contains(string(data), "glibc") {
		t.Errorf("there is glibc in it (%v)", err)
	}
	if !c.CanRun {
		t.Skip("apt-get install qemu-user-static to have it run")
	}
	for want, args := range map[string][]string{
		"aarch64\n":       {"uname", "-m"},
		"1099511627776\n": {"sh", "-c", "echo $((1 << 40))"},
	} {
		command := slices.Concat(c.Emulator, []string{binary}, args)
		if dynamic {
			command = slices.Concat(c.Emulator, []string{"-L", result.Sysroot, binary}, args)
		}
		out, err := exec.Command(command[0], command[1:]...).CombinedOutput()
		if err != nil || string(out) != want {
			t.Errorf("%q says %q, %v", command, out, err)
		}
	}
}

// needsMusl looks that a program is started by musl's loader, and asks for
// nothing else.
func needsMusl(t *testing.T, binary string) {
	t.Helper()
	file, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	needed, err := file.ImportedLibraries()
	if err != nil || !slices.Equal(needed, []string{"libc.so"}) {
		t.Errorf("it needs %q, %v", needed, err)
	}
	interpreter, err := file.Section(".interp").Data()
	if err != nil || string(interpreter) != "/lib/ld-musl-aarch64.so.1\x00" {
		t.Errorf("its interpreter is %q, %v", interpreter, err)
	}
}

func factOf(c sdk.Compiler, name string) sdk.Fact {
	for _, fact := range c.Facts {
		if fact.Name == name {
			return fact
		}
	}
	return sdk.Fact{}
}
