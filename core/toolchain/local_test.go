package toolchain_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/toolchain"
)

// local is a provider whose compiler is made from a file on this machine.
type local struct {
	bringer
	file string
}

func (l local) Files(config.From) []string { return []string{l.file} }

// TestLocalFiles looks whether a compiler is forgotten once the file that it
// is made from has changed.
func TestLocalFiles(t *testing.T) {
	dir, file := t.TempDir(), filepath.Join(t.TempDir(), "vendor.tar.gz")
	driver(t, filepath.Join(dir, "sw_64-sunway-linux-gnu-gcc"), "good")
	driver(t, file, "archive")
	m := manager(t, "x86_64", t.TempDir())
	m.Providers = map[string]toolchain.Provider{"archive": local{bringer(dir), file}}
	req := request(config.From{Kind: "archive", Archive: &config.Archive{File: file}})
	if _, _, err := m.Obtain(t.Context(), req, &prober{}, t.TempDir(), nil); err != nil {
		t.Fatal(err)
	}
	if _, ok := m.Known(req); !ok {
		t.Error("the compiler is not remembered")
	}
	if err := os.WriteFile(file, []byte("another archive"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, ok := m.Known(req); ok {
		t.Error("the compiler is remembered although its archive changed")
	}
}

func TestInside(t *testing.T) {
	tests := map[string]struct {
		files []string
		want  string
	}{
		"nothing":        {nil, "it is empty"},
		"compilers":      {[]string{"b/x-gcc", "a/clang", "a/gcc-12", "a/y-gcc-ar"}, "it holds a/clang, b/x-gcc"},
		"no compiler":    {[]string{"usr/bin/ls", "etc/passwd"}, "it holds no compiler at all, and at its top etc, usr"},
		"an odd name":    {[]string{"a\x1b[31m/x"}, "it holds no compiler at all, and at its top a?[31m"},
		"many compilers": {[]string{"1-gcc", "2-gcc", "3-gcc", "4-gcc", "5-gcc", "6-gcc", "7-gcc", "8-gcc", "9-gcc", "gcc"}, "it holds 1-gcc, 2-gcc, 3-gcc, 4-gcc, 5-gcc, 6-gcc, 7-gcc, 8-gcc and 2 more"},
	}
	for name, test := range tests {
		dir := t.TempDir()
		for _, f := range test.files {
			driver(t, filepath.Join(dir, f), "")
		}
		if got := toolchain.Inside(dir); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
