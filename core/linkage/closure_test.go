package linkage_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/linkage"
	"github.com/mkmini/mkmini/core/testenv"
)

// compile makes a file of C code with the machine's compiler.
func compile(t *testing.T, out, code string, args ...string) string {
	t.Helper()
	gcc := testenv.Tool(t, "gcc", "gcc")
	if err := os.MkdirAll(filepath.Dir(out), 0o777); err != nil {
		t.Fatal(err)
	}
	source := filepath.Join(t.TempDir(), "x.c")
	if err := os.WriteFile(source, []byte(code), 0o666); err != nil {
		t.Fatal(err)
	}
	testenv.Output(t, gcc, append([]string{"-o", out, source}, args...)...)
	return out
}

// library makes a library in a folder.
func library(t *testing.T, dir, name, code string, args ...string) string {
	t.Helper()
	file := filepath.Join(dir, "lib"+name+".so")
	return compile(t, file, code, append([]string{"-shared", "-fPIC", "-Wl,-soname,lib" + name + ".so"}, args...)...)
}

const calls = "int a(void); int main(void) { return a(); }"

// TestClosureAgainstLdd compares with the machine's own loader.
func TestClosureAgainstLdd(t *testing.T) {
	ldd := testenv.Tool(t, "ldd", "libc-bin")
	for _, program := range []string{"bash", "ls", "git", "gcc", "python3", "perl", "openssl"} {
		t.Run(program, func(t *testing.T) {
			file, err := exec.LookPath(program)
			if err != nil {
				t.Skip(err)
			}
			if file, err = filepath.EvalSymlinks(file); err != nil {
				t.Fatal(err)
			}
			want := lddFiles(t, ldd, file)
			libraries, err := linkage.Closure(linkage.Program{Path: file, At: file, Sysroot: "/"})
			if _, script := readScript(t, file); script {
				if !errors.Is(err, linkage.ErrNotELF) {
					t.Fatalf("a script: got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, l := range libraries {
				got = append(got, l.Path)
			}
			slices.Sort(got)
			if diff := cmp.Diff(want, slices.Compact(got)); diff != "" {
				t.Errorf("libraries (-ldd +got):\n%s", diff)
			}
		})
	}
}

func readScript(t *testing.T, file string) (linkage.Script, bool) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return linkage.ReadScript(f)
}

var lddLine = regexp.MustCompile(`(?m)^\s+(?:.* => )?(/\S+) \(0x`)

func lddFiles(t *testing.T, ldd, file string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), ldd, file).CombinedOutput()
	if err != nil {
		return nil
	}
	var files []string
	for _, m := range lddLine.FindAllStringSubmatch(string(out), -1) {
		real, err := filepath.EvalSymlinks(m[1])
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, real)
	}
	slices.Sort(files)
	return slices.Compact(files)
}

// TestClosureRuns copies what a program needs to an empty root, and runs it
// there: its libraries come from beside it, from a folder that it names, and
// from one that only the configuration names.
func TestClosureRuns(t *testing.T) {
	unshare := testenv.Tool(t, "unshare", "util-linux")
	dir := t.TempDir()
	further := filepath.Join(dir, "further")
	library(t, further, "c1", "int c(void) { return 7; }")
	library(t, filepath.Join(dir, "app/lib"), "b", "int c(void); int b(void) { return c(); }", "-L"+further, "-lc1")
	library(t, filepath.Join(dir, "app/lib"), "a", "int b(void); int a(void) { return b(); }",
		"-L"+filepath.Join(dir, "app/lib"), "-lb", "-Wl,-rpath,$ORIGIN", "-Wl,-rpath-link,"+further)
	program := compile(t, filepath.Join(dir, "app/bin/prog"), calls, "-L"+filepath.Join(dir, "app/lib"), "-la",
		"-Wl,-rpath,$ORIGIN/../lib", "-Wl,-rpath-link,"+further)

	libraries, err := linkage.Closure(linkage.Program{Path: program, At: "/opt/app/bin/prog", Sysroot: "/", Folders: []string{further}})
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	place(t, program, filepath.Join(root, "opt/app/bin/prog"))
	for _, l := range libraries {
		place(t, l.Path, filepath.Join(root, l.At))
	}
	if _, err := os.Stat(filepath.Join(root, "opt/app/lib/liba.so")); err != nil {
		t.Error(err)
	}
	if err := linkage.Check(linkage.Dir(root), "/opt/app/bin/prog"); err != nil {
		t.Errorf("check: %v", err)
	}
	proc := filepath.Join(root, "proc") // without it the loader doesn't know $ORIGIN
	if err := os.Mkdir(proc, 0o777); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), unshare, "--map-root-user", "--pid", "--fork",
		"--mount-proc="+proc, "chroot", root, "/opt/app/bin/prog").CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 7 {
		t.Errorf("it should exit with 7: %v\n%s\n%v", err, out, libraries)
	}
}

func place(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(to), 0o777)
	}
	if err == nil {
		err = os.WriteFile(to, data, 0o777)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestMissing looks at what is said of libraries that aren't there.
func TestMissing(t *testing.T) {
	dir := t.TempDir()
	a := library(t, dir, "a", "int a(void) { return 1; }")
	program := compile(t, filepath.Join(dir, "prog"), calls, a)
	if err := os.Remove(a); err != nil {
		t.Fatal(err)
	}
	_, err := linkage.Closure(linkage.Program{Path: program, At: "/usr/bin/prog", Sysroot: "/"})
	missing, ok := errors.AsType[*linkage.MissingError](err)
	if !ok || len(missing.Missing) != 1 || !strings.Contains(missing.Missing[0].Name, "liba.so") || missing.Missing[0].By != "/usr/bin/prog" {
		t.Fatalf("got %v", err)
	}

	// In an empty system the interpreter isn't there either.
	root := t.TempDir()
	place(t, program, filepath.Join(root, "prog"))
	err = linkage.Check(linkage.Dir(root), "/prog")
	if missing, ok = errors.AsType[*linkage.MissingError](err); !ok || len(missing.Missing) != 3 {
		t.Fatalf("got %v", err)
	}

	// A library for another machine is no library.
	other := filepath.Join(root, "lib/liba.so")
	data, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	data[18] ^= 0x55 // e_machine
	if err := os.MkdirAll(filepath.Dir(other), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(other, data, 0o666); err != nil {
		t.Fatal(err)
	}
	_, err = linkage.Closure(linkage.Program{Path: program, At: "/prog", Sysroot: "/", Folders: []string{filepath.Dir(other)}})
	if err == nil || !strings.Contains(err.Error(), "is for another machine") {
		t.Errorf("got %v", err)
	}
}

// TestStatic has nothing to find.
func TestStatic(t *testing.T) {
	program := compile(t, filepath.Join(t.TempDir(), "prog"), "int main(void) { return 0; }", "-static")
	libraries, err := linkage.Closure(linkage.Program{Path: program, At: "/prog", Sysroot: "/nowhere"})
	if err != nil || len(libraries) > 0 {
		t.Errorf("got %v, %v", libraries, err)
	}
}

func TestReadScript(t *testing.T) {
	for _, tt := range []struct {
		text string
		want linkage.Script
		ok   bool
	}{
		{"#!/bin/sh\n", linkage.Script{Interpreter: "/bin/sh"}, true},
		{"#! /bin/sh -e", linkage.Script{Interpreter: "/bin/sh"}, true},
		{"#!/usr/bin/env python3\n", linkage.Script{Interpreter: "/usr/bin/env", Program: "python3"}, true},
		{"#!/usr/bin/env -S A=b sh -e\n", linkage.Script{Interpreter: "/usr/bin/env", Program: "sh"}, true},
		{"#!\n/bin/sh", linkage.Script{}, false},
		{"#", linkage.Script{}, false},
		{"", linkage.Script{}, false},
		{"\x7fELF", linkage.Script{}, false},
	} {
		got, ok := linkage.ReadScript(strings.NewReader(tt.text))
		if got != tt.want || ok != tt.ok {
			t.Errorf("%q: got %+v, %t", tt.text, got, ok)
		}
	}
}

// FuzzRead reads files that something happened to.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"/bin/true", "/bin/sh"} {
		if data, err := os.ReadFile(name); err == nil {
			f.Add(data[:min(len(data), 1<<12)])
		}
	}
	f.Add([]byte("#!/usr/bin/env sh\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := strings.NewReader(string(data))
		linkage.ReadScript(r)
		if b, err := linkage.Read(r); err == nil && b.String() == "" {
			t.Error("a machine without a name")
		}
	})
}
