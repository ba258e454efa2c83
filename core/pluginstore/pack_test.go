package pluginstore_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/pluginstore"
	"github.com/mkmini/mkmini/core/testenv"
)

// tree returns the files of a folder with their content.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(data)
	}
	return files
}

// TestPack makes a release twice, of executables in different places.
func TestPack(t *testing.T) {
	licence := filepath.Join(t.TempDir(), "LICENSE")
	copyTo(t, "pack.go", licence)
	var trees []map[string]string
	for range 2 {
		m := manifest("1.0.0-rc.1+build", 1, 2)
		p := pluginstore.Pack{Plugin: m, Texts: []string{licence}, Epoch: epoch, Executables: map[pluginstore.Platform]string{
			amd64: script(t, m), arm64: script(t, m),
		}}
		dir := filepath.Join(t.TempDir(), "dist")
		names, err := p.Make(t.Context(), dir)
		if err != nil {
			t.Fatal(describe(err))
		}
		files := tree(t, dir)
		trees = append(trees, files)
		if diff := cmp.Diff(slices.Sorted(maps.Keys(files)), slices.Sorted(slices.Values(names))); diff != "" {
			t.Errorf("names (-want +got):\n%s", diff)
		}
		cmd := exec.CommandContext(t.Context(), testenv.Tool(t, "sha256sum", "coreutils"), "-c", "--strict", "SHA256SUMS")
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		cmd = exec.CommandContext(t.Context(), testenv.Tool(t, "tar", "tar"), "-tvzf", "mkmini-plugin-board_v1.0.0-rc.1+build_p2_linux_amd64.tar.gz")
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "TZ=UTC", "LC_ALL=C")
		out, err := cmd.CombinedOutput()
		for _, want := range []string{"-rwxr-xr-x 0/0", "1980-01-01 00:00 mkmini-plugin-board", "LICENSE"} {
			if err != nil || !strings.Contains(string(out), want) {
				t.Errorf("%v, %q is not in:\n%s", err, want, out)
			}
		}
	}
	if diff := cmp.Diff(trees[0], trees[1]); diff != "" {
		t.Errorf("the second time (-first +second):\n%s", diff)
	}
	for _, version := range []string{"", "v1.0.0", "1", "one"} {
		p := pluginstore.Pack{Plugin: manifest(version, 1), Executables: map[pluginstore.Platform]string{amd64: licence}}
		if _, err := p.Make(t.Context(), t.TempDir()); err == nil && version != "1" {
			t.Errorf("a release of version %q was made", version)
		}
	}
}

func TestTargetOf(t *testing.T) {
	if got, err := pluginstore.TargetOf(os.Args[0]); err != nil || got != (pluginstore.Platform{OS: "linux", Arch: runtime.GOARCH}) {
		t.Errorf("the test itself: %v, %v", got, err)
	}
	header := func(class, order byte, machine ...byte) string {
		b := append([]byte("\x7fELF"), class, order, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0)
		return string(append(b, machine...))
	}
	for text, want := range map[string]string{
		"#!/usr/bin/python3\n":      "linux/any",
		header(2, 1, 0x16, 0x99):    "linux/sw64",
		header(2, 2, 0, 22):         "linux/s390x",
		header(2, 1, 243, 0):        "linux/riscv64",
		header(2, 2, 0, 183):        "",
		"MZ this is another format": "",
		"":                          "",
	} {
		path := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := pluginstore.TargetOf(path)
		if want == "" && err == nil || want != "" && (err != nil || got.String() != want) {
			t.Errorf("%q: %v, %v, want %q", text, got, err, want)
		}
	}
}

func TestParseName(t *testing.T) {
	for name, want := range map[string]pluginstore.Archive{
		boardArchive: {Plugin: "board", Version: "1.0.0", Protocol: 1, Platform: amd64, Format: ".tar.gz"},
		"mkmini-plugin-a_b_v1_v0.1.0-rc.1_p12_linux_any.zip": {
			Plugin: "a_b_v1", Version: "0.1.0-rc.1", Protocol: 12, Platform: pluginstore.Platform{OS: "linux", Arch: "any"}, Format: ".zip",
		},
	} {
		got, err := pluginstore.ParseName(name)
		if diff := cmp.Diff(want, got); diff != "" || err != nil || got.String() != name {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
	for _, name := range []string{
		"", "board", "mkmini-plugin-_v1.0.0_p1_linux_amd64.zip", "mkmini-plugin-x_v1.0.0_p1_linux_amd64",
		"mkmini-plugin-x_v1.0.0_linux_amd64.zip", "mkmini-plugin-x_vone_p1_linux_amd64.zip", "../mkmini-plugin-x_v1.0.0_p1_linux_amd64.zip",
		"mkmini-plugin-x_v1.0.0_p1_linux_amd64.zip\n", "mkmini-plugin-x_v1.x_p1_linux_amd64.zip",
	} {
		if got, err := pluginstore.ParseName(name); err == nil {
			t.Errorf("%q is %+v", name, got)
		}
	}
}

func FuzzParseSums(f *testing.F) {
	f.Add([]byte(strings.Repeat("a", 64) + "  x\n# y\n\n" + strings.Repeat("b", 64) + " *./z\r\n"))
	f.Add([]byte("<html>"))
	f.Fuzz(func(t *testing.T, text []byte) {
		sums, err := pluginstore.ParseSums(text)
		if err != nil {
			return
		}
		again, err := pluginstore.ParseSums(pluginstore.FormatSums(sums))
		if diff := cmp.Diff(sums, again); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	})
}

func FuzzParseName(f *testing.F) {
	f.Add(boardArchive)
	f.Fuzz(func(t *testing.T, name string) {
		if a, err := pluginstore.ParseName(name); err == nil && a.String() != name {
			// A protocol may have been written with zeros before it.
			if b, err := pluginstore.ParseName(a.String()); err != nil || a != b {
				t.Errorf("%q is %+v, and that is %q", name, a, a)
			}
		}
	})
}
