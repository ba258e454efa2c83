package hostcheck_test

import (
	"bytes"
	"debug/elf"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mkmini/mkmini/core/testenv"
	"github.com/mkmini/mkmini/core/toolchain/hostcheck"
)

// program compiles one, and skips the test if it can't.
func program(t *testing.T, args ...string) string {
	t.Helper()
	gcc := testenv.Tool(t, "gcc", "gcc")
	dir := t.TempDir()
	source, out := filepath.Join(dir, "a.c"), filepath.Join(dir, "a")
	if err := os.WriteFile(source, []byte("#include <stdio.h>\nint main(void) { return puts(\"\") < 0; }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	testenv.Output(t, gcc, append(args, "-o", out, source)...)
	return out
}

// patched returns a copy of a program with its machine changed.
func patched(t *testing.T, path string, machine elf.Machine) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[18], data[19] = byte(machine), byte(machine>>8)
	out := filepath.Join(t.TempDir(), "x-gcc")
	if err := os.WriteFile(out, data, 0o755); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestThis(t *testing.T) {
	h, err := hostcheck.This()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "getconf", "GNU_LIBC_VERSION").Output()
	if err != nil {
		testenv.Skip(t, "getconf isn't installed, or this isn't glibc (Debian package libc-bin)")
	}
	if want := strings.TrimPrefix(strings.TrimSpace(string(out)), "glibc "); h.Glibc != want {
		t.Errorf("glibc %q, and getconf says %q", h.Glibc, want)
	}
}

func TestCheck(t *testing.T) {
	this, err := hostcheck.This()
	if err != nil {
		t.Fatal(err)
	}
	dynamic, static := program(t), program(t, "-static")
	script := filepath.Join(t.TempDir(), "gcc")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	old, empty := this, this
	old.Glibc, empty.Root = "2.2", t.TempDir()
	tests := []struct {
		name   string
		host   hostcheck.Host
		path   string
		reason hostcheck.Reason
		want   string
	}{
		{"dynamic", this, dynamic, "", ""},
		{"static", this, static, "", ""},
		{"a script", this, script, "", ""},
		{"another processor", this, patched(t, dynamic, 0x9916), hostcheck.Machine, "x-gcc is a program for sw64, and this machine is " + hostcheck.MachineName(this.Machine)},
		{"an unknown processor", this, patched(t, dynamic, 0x1234), hostcheck.Machine, "machine 0x1234"},
		{"newer glibc", old, dynamic, hostcheck.Glibc, "a needs glibc 2."},
		{"static, on an old one", old, static, "", ""},
		{"no dynamic linker", empty, dynamic, hostcheck.Loader, "a needs the dynamic linker /lib"},
		{"static, without one", empty, static, "", ""},
	}
	for _, test := range tests {
		err := test.host.Check(test.path)
		if test.reason == "" {
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
			continue
		}
		var e *hostcheck.Error
		if !errors.As(err, &e) || e.Reason != test.reason || !strings.Contains(e.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.name, err, test.want)
		}
	}
	if err := this.Check(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// TestCheckForeign takes a real program of another processor.
func TestCheckForeign(t *testing.T) {
	this, err := hostcheck.This()
	if err != nil {
		t.Fatal(err)
	}
	if this.Machine == elf.EM_AARCH64 {
		testenv.Skip(t, "needs a machine other than aarch64")
	}
	cross := testenv.Tool(t, "aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.c"), []byte("int main(void) { return 0; }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	testenv.Output(t, cross, "-o", filepath.Join(dir, "gcc"), filepath.Join(dir, "a.c"))
	if err := this.Check(filepath.Join(dir, "gcc")); err == nil || !strings.Contains(err.Error(), "a program for aarch64") {
		t.Errorf("got %v", err)
	}
}

func TestOlder(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"2.9", "2.36", true},
		{"2.36", "2.9", false},
		{"2.36", "2.36", false},
		{"2.2", "2.2.5", true},
		{"2.2.5", "2.3", true},
	} {
		if got := hostcheck.Older(test.a, test.b); got != test.want {
			t.Errorf("Older(%s, %s) = %v", test.a, test.b, got)
		}
	}
}

// FuzzCheck gives it broken programs, as an archive may hold any.
func FuzzCheck(f *testing.F) {
	self, err := os.Executable()
	if err != nil {
		f.Fatal(err)
	}
	data, err := os.ReadFile(self)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data[:min(len(data), 4096)])
	f.Add([]byte("\x7fELF"))
	f.Add(bytes.Repeat([]byte{0xff}, 64))
	h := hostcheck.Host{Machine: elf.EM_X86_64, Class: elf.ELFCLASS64, Glibc: "2.36"}
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "gcc")
		if err := os.WriteFile(path, data, 0o755); err != nil {
			t.Fatal(err)
		}
		_ = h.Check(path) // it must come back
	})
}
