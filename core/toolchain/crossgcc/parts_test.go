package crossgcc

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/plugins/sdk"
)

func TestTarget(t *testing.T) {
	tests := []struct {
		triplets   []string
		libc, want string
	}{
		{[]string{"riscv64-linux-gnu", "riscv64-*linux*"}, musl, "riscv64-linux-musl"},
		{[]string{"riscv64-linux-gnu", "riscv64-*linux*"}, glibc, "riscv64-linux-gnu"},
		{[]string{"arm-linux-gnueabihf"}, musl, "arm-linux-musleabihf"},
		{[]string{"arm-linux-gnueabihf"}, glibc, "arm-linux-gnueabihf"},
		{[]string{"mips64el-linux-gnuabi64"}, musl, "mips64el-linux-musl"},
		{[]string{"mips64el-linux-gnuabi64"}, glibc, "mips64el-linux-gnuabi64"},
		{[]string{"sw_64*-linux*", "sw_64-sunway-linux-gnu"}, musl, "sw_64-sunway-linux-musl"},
		{[]string{"sw_64*-linux*"}, musl, ""},
		// The machine's own compiler has this name.
		{[]string{"x86_64-linux-gnu"}, glibc, "x86_64-cross-linux-gnu"},
		{[]string{"x86_64-linux-gnu"}, musl, "x86_64-linux-musl"},
	}
	for _, test := range tests {
		if got := target(sdk.ToolchainInfo{Triplets: test.triplets}, test.libc, "x86_64-linux-gnu"); got != test.want {
			t.Errorf("the target of %v with %s is %q, want %q", test.triplets, test.libc, got, test.want)
		}
	}
}

func TestRoom(t *testing.T) {
	if err := enough("gcc", "/store", 2e9); err != nil {
		t.Error(err)
	}
	want := "To build linux takes 1600 MB on the file system of /store, which has 12 MB left."
	var f *fault.Error
	if err := enough("linux", "/store", 12e6); !errors.As(err, &f) || f.Detail != want {
		t.Errorf("with little space: %v", err)
	}
}

func FuzzExplain(f *testing.F) {
	f.Add("a.c:1:2: fatal error: gmp.h: No such file\n    1 | #include\n      |  ^~\nother")
	f.Add("configure: error: no\nmake[2]: *** [Makefile:3: all] Error 1")
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Split(text, "\n")
		_, shown := explain(lines)
		if len(shown) == 0 || len(shown) > most {
			t.Errorf("explain(%q) shows %q", lines, shown)
		}
		if !strings.Contains(text, strings.Join(shown, "\n")) {
			t.Errorf("explain(%q) shows %q, which is not in it", lines, shown)
		}
	})
}

func TestExplain(t *testing.T) {
	tests := []struct {
		lines   []string
		message string
		shown   int
	}{
		{[]string{"checking for x", "configure: error: Building GCC requires GMP 4.2+", "make: *** [x] Error 1"}, "Building GCC requires GMP 4.2+", 1},
		{[]string{"ld: a.o: undefined reference to `f'", "a.c:1:2: fatal error: gmp.h: No such file", "    1 | #include", "      |  ^~", "other"}, "gmp.h: No such file", 3},
		{[]string{"x", "make[2]: *** No rule to make target 'a', needed by 'b'.  Stop.", "make: *** [all] Error 2"}, "No rule to make target 'a', needed by 'b'.  Stop.", 1},
		{[]string{"1", "2", "3", "4", "5", "6"}, "", most},
	}
	for _, test := range tests {
		message, shown := explain(test.lines)
		if message != test.message || len(shown) != test.shown {
			t.Errorf("explain(%q) = %q, %q", test.lines, message, shown)
		}
	}
}

func TestExamine(t *testing.T) {
	h, err := Examine(t.Context(), t.TempDir())
	var f *fault.Error
	if errors.As(err, &f) {
		t.Skipf("%s %s", f.Detail, f.Remedy)
	}
	if err != nil || !strings.Contains(h.Compiler, "g++") {
		t.Errorf("Examine gave %q (%v)", h, err)
	}
	for _, path := range h.Libraries {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	// A compiler that knows no library.
	dir := t.TempDir()
	for _, name := range []string{"gcc", "g++", "make"} {
		text := "#!/bin/sh\ncase \"$*\" in *-o*) exit 1;; esac\necho g++ 1\n"
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":/bin")
	_, err = Examine(t.Context(), t.TempDir())
	if !errors.As(err, &f) || !strings.Contains(f.Remedy, "`apt-get install libgmp-dev libmpfr-dev libmpc-dev`") {
		t.Errorf("without libraries Examine gave %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	_, err = Examine(t.Context(), t.TempDir())
	if !errors.As(err, &f) || !strings.Contains(f.Detail, "lacks gcc, g++, make") {
		t.Errorf("without programs Examine gave %v", err)
	}
}
