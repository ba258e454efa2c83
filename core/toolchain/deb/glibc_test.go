package deb

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mkmini/mkmini/core/testenv"
)

func TestParseVersion(t *testing.T) {
	for name, want := range map[string]string{
		"GLIBC_2.38": "2.38", "GLIBC_2.2.5": "2.2.5", "GLIBC_PRIVATE": "", "GLIBC_2": "", "GLIBCXX_3.4": "", "GLIBC_2.x": "", "GLIBC_1.2.3.4": "", "": "",
	} {
		v, ok := parseVersion(name)
		if ok != (want != "") || ok && v.String() != want {
			t.Errorf("%s is %v, %v", name, v, ok)
		}
	}
	if a, b := (version{2, 9}), (version{2, 38}); !a.less(b) || b.less(a) || a.less(a) {
		t.Error("2.9 is not before 2.38")
	}
}

// TestCheckGlibc has a program of this machine, and the same one made to need
// a version that there is not.
func TestCheckGlibc(t *testing.T) {
	shell, err := filepath.EvalSymlinks("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	interpreter, machine, err := header(shell)
	if err != nil || interpreter == "" {
		testenv.Skip(t, "/bin/sh is no dynamic program (Debian package dash)")
	}
	program, err := os.ReadFile(shell)
	if err != nil {
		t.Fatal(err)
	}
	need := needed(shell, machine)
	if need == (version{}) {
		testenv.Skip(t, "/bin/sh doesn't use glibc (Debian package dash)")
	}
	name := []byte("GLIBC_" + need.String() + "\x00")
	future := bytes.Clone(name)
	future[6] = '9'
	newer := bytes.ReplaceAll(program, name, future)
	elsewhere := bytes.ReplaceAll(program, []byte(interpreter), []byte(strings.Replace(interpreter, "ld", "xx", 1)))
	tests := []struct {
		name          string
		driver, other []byte
		want          string
	}{
		{"fits", program, program, ""},
		{"driver too new", newer, nil, "x-gcc needs glibc 9."},
		{"part too new", program, newer, "cc1 needs glibc 9."},
		{"no such linker", elsewhere, nil, "needs the dynamic linker"},
		{"a script", []byte("#!/bin/sh\n"), newer, ""},
		{"nothing", nil, nil, ""},
	}
	for _, test := range tests {
		tree := t.TempDir()
		driver := filepath.Join(tree, "usr/bin/x-gcc")
		for path, data := range map[string][]byte{driver: test.driver, filepath.Join(tree, "usr/lib/gcc-cross/cc1"): test.other} {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, data, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		err := checkGlibc(tree, driver)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
}

func TestEnough(t *testing.T) {
	if err := enough("/store", 10, 10); err != nil {
		t.Error(err)
	}
	err := enough("/store", 180e6, 20e6)
	if err == nil || err.Error() != "the packages need 181 MB on the file system of /store, which has 20 MB left" {
		t.Error(err)
	}
}
