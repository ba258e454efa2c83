package deb_test

import (
	"debug/elf"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/source/apt"
	"github.com/mkmini/mkmini/core/store"
	"github.com/mkmini/mkmini/core/testenv"
	"github.com/mkmini/mkmini/core/toolchain/deb"
)

const program = `#include <stdio.h>
#include <math.h>
#include <linux/version.h>
int main(int argc, char **argv)
{
	printf("hello %d %d\n", LINUX_VERSION_CODE > 0, (int)sqrt(1764.0 * argc));
	return 0;
}
`

// TestMachine gets a cross compiler through the machine's own apt, 37 MB of
// packages, and looks that it uses nothing of the machine but the C library.
func TestMachine(t *testing.T) {
	if testing.Short() {
		t.Skip("it downloads 50 MB, and -short is set")
	}
	if _, err := os.Stat(apt.Helper); err != nil {
		testenv.Skip(t, "needs apt-get and apt-helper (Debian package apt)")
	}
	if _, err := os.Stat("/usr/lib/gcc-cross/riscv64-linux-gnu"); err == nil {
		testenv.Skip(t, "the compiler is installed here, so that nothing can be told by its being found")
	}
	st, err := store.Open(filepath.Join(t.TempDir(), "store"))
	if err != nil {
		t.Fatal(err)
	}
	p := &deb.Provider{
		Store: st, Files: st.Sub("sources"), Machine: "x86_64",
		Apt: &apt.Binaries{Dir: st.Sub("apt")},
	}
	dir, err := p.Provide(t.Context(), info, config.From{Kind: "deb"}, nil)
	if err != nil {
		testenv.Skip(t, "the mirror of this machine can't be reached or lacks gcc-riscv64-linux-gnu: %v", err)
	}
	for name := range p.Pins(config.From{}, dir) {
		if name == "libc6" || name == "dpkg" {
			t.Errorf("%s is unpacked", name)
		}
	}
	gcc := filepath.Join(dir, "bin/riscv64-linux-gnu-gcc")
	for _, question := range []string{
		"-print-sysroot", "-print-prog-name=cc1", "-print-prog-name=as", "-print-prog-name=ld", "-print-prog-name=collect2",
		"-print-file-name=libc.a", "-print-file-name=libm.so", "-print-file-name=crt1.o", "-print-file-name=crtbeginT.o", "-print-libgcc-file-name",
	} {
		inside(t, question, dir, say(t, gcc, question))
	}
	for line := range strings.Lines(say(t, gcc, "-print-search-dirs")) {
		_, list, _ := strings.Cut(line, "=")
		for _, path := range strings.Split(strings.TrimSpace(list), ":") {
			if path != "" {
				inside(t, line[:4], dir, path)
			}
		}
	}
	source := filepath.Join(t.TempDir(), "hello.c")
	if err := os.WriteFile(source, []byte(program), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []string{"-static", "-pie"} {
		out := filepath.Join(t.TempDir(), "hello")
		said := say(t, gcc, mode, "-MD", "-MF", out+".d", "-o", out, source, "-Wl,--trace", "-lm")
		headers, err := os.ReadFile(out + ".d")
		if err != nil {
			t.Fatal(err)
		}
		used := append(strings.Fields(said), strings.Fields(strings.ReplaceAll(string(headers), "\\\n", ""))[1:]...)
		if len(used) < 20 {
			t.Errorf("it used %q only", used)
		}
		for _, path := range used {
			if path != source && !strings.HasPrefix(path, os.TempDir()+"/cc") {
				inside(t, mode, dir, path)
			}
		}
		f, err := elf.Open(out)
		if err != nil || f.Machine != elf.EM_RISCV {
			t.Fatalf("%s: %v, %v", mode, f, err)
		}
		f.Close()
		if mode == "-static" {
			if got := say(t, testenv.Tool(t, "qemu-riscv64-static", "qemu-user-static"), out); got != "hello 1 42" {
				t.Errorf("it says %q", got)
			}
		}
	}
	for _, tool := range []string{"as", "ar", "ld", "nm", "strip", "objcopy", "objdump", "ranlib", "readelf", "size"} {
		say(t, filepath.Join(dir, "bin/riscv64-linux-gnu-"+tool), "--version")
	}
}

// inside looks that a path is one of the folder.
func inside(t *testing.T, what, dir, path string) {
	t.Helper()
	real, err := filepath.EvalSymlinks(path)
	if err != nil { // search paths name folders that aren't there
		real = filepath.Clean(path)
	}
	if !strings.HasPrefix(real, dir+"/") {
		t.Errorf("%s: %s is outside of the store", what, path)
	}
}
