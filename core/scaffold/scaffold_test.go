package scaffold_test

import (
	"bytes"
	"errors"
	"flag"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/scaffold"
	"github.com/mkmini/mkmini/plugins/builtin"
	"github.com/mkmini/mkmini/plugins/sdk"
	"github.com/mkmini/mkmini/toolchains/riscv64"
)

var update = flag.Bool("update", false, "write the examples anew")

// The most lines that a toolchain's main.go and all Go files of an exporter
// may have, so that a plugin is written in an afternoon.
const (
	toolchainLines = 40
	exporterLines  = 100
)

// examples are the plugins in plugins/examples that are as they are written.
var examples = []scaffold.Options{
	{Kind: sdk.KindToolchain, Name: "riscv64", Model: riscv64.Info()},
	{Kind: sdk.KindExporter, Name: "listing", Toolchain: "x86_64"},
}

// TestExamples compares the examples with what is written for their names:
// what the documents say of one holds for the other. go.mod is completed by
// the go command, and go.sum written by it.
func TestExamples(t *testing.T) {
	for _, o := range examples {
		example := filepath.Join("..", "..", "plugins", "examples", o.Name)
		o.Dir, o.Module, o.Require, o.SDK = t.TempDir(), "example.com/mkmini-plugin-"+o.Name, "v0.0.0", "../../.."
		written, err := scaffold.Write(o)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range written {
			text, err := os.ReadFile(filepath.Join(o.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if *update && name != "go.mod" {
				if err := os.WriteFile(filepath.Join(example, name), text, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			got, err := os.ReadFile(filepath.Join(example, name))
			if err != nil {
				t.Fatal(err)
			}
			if name == "go.mod" {
				for line := range strings.Lines(string(text)) {
					if !strings.Contains(string(got), line) {
						t.Errorf("%s of the example %s lacks the line %s", name, o.Name, line)
					}
				}
				continue
			}
			if diff := cmp.Diff(string(text), string(got)); diff != "" {
				t.Errorf("%s of the example %s; run this test with -update (-written +example):\n%s", name, o.Name, diff)
			}
		}
	}
}

// TestExamplesAreTidy looks whether the examples require what mkmini now does.
func TestExamplesAreTidy(t *testing.T) {
	for _, o := range examples {
		cmd := exec.CommandContext(t.Context(), "go", "mod", "tidy", "-diff")
		cmd.Dir = filepath.Join("..", "..", "plugins", "examples", o.Name)
		cmd.Env = append(os.Environ(), "GOPROXY=off", "GONOSUMDB=*", "GOWORK=off", "GOFLAGS=")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("run go mod tidy in %s: %v\n%s", cmd.Dir, err, out)
		}
	}
}

// TestLines holds the promise of how little a plugin is, for every
// architecture there is.
func TestLines(t *testing.T) {
	lines := func(t *testing.T, o scaffold.Options, names ...string) int {
		t.Helper()
		o.Dir = t.TempDir()
		if _, err := scaffold.Write(o); err != nil {
			t.Fatal(err)
		}
		total := 0
		for _, name := range names {
			text, err := os.ReadFile(filepath.Join(o.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			total += bytes.Count(text, []byte("\n"))
		}
		return total
	}
	for _, p := range builtin.Plugins("1.0.0") {
		m, err := p.Manifest(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if m.Toolchain == nil {
			continue
		}
		for _, name := range []string{m.Name, "somebody"} {
			o := scaffold.Options{Kind: sdk.KindToolchain, Name: name, Model: *m.Toolchain}
			if n := lines(t, o, "main.go"); n > toolchainLines {
				t.Errorf("a plugin like %s has %d lines, and should have %d at most", m.Name, n, toolchainLines)
			}
		}
	}
	if n := lines(t, scaffold.Options{Kind: sdk.KindExporter, Name: "smallest"}, "main.go"); n > exporterLines {
		t.Errorf("an exporter has %d lines, and should have %d at most", n, exporterLines)
	}
}

// TestAnotherName begins with the data of an architecture under a new name.
func TestAnotherName(t *testing.T) {
	dir := t.TempDir()
	if _, err := scaffold.Write(scaffold.Options{
		Kind: sdk.KindToolchain, Name: "vendor64", Dir: dir, Module: "example.com/v", Require: "v1.2.3", Model: riscv64.Info(),
	}); err != nil {
		t.Fatal(err)
	}
	main, err := os.ReadFile(filepath.Join(dir, "main.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`Name: "vendor64", Version`, `"vendor64",`, `[]string{"vendor64-linux-gnu", "riscv64-linux-gnu", "riscv64-*linux*"}`, `Machines: []uint16{243}`,
	} {
		if !strings.Contains(string(main), want) {
			t.Errorf("%s is not in:\n%s", want, main)
		}
	}
	module, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil || !strings.Contains(string(module), "require github.com/mkmini/mkmini v1.2.3\n") || strings.Contains(string(module), "replace") {
		t.Errorf("go.mod has %q, %v", module, err)
	}
}

// TestWriteKeepsWhatIsThere finds a file of the user's, and writes nothing.
func TestWriteKeepsWhatIsThere(t *testing.T) {
	dir := t.TempDir()
	mine := filepath.Join(dir, "README.md")
	if err := os.WriteFile(mine, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := scaffold.Write(scaffold.Options{Kind: sdk.KindExporter, Name: "x", Dir: dir})
	if !errors.Is(err, fs.ErrExist) {
		t.Errorf("err = %v", err)
	}
	entries, err := os.ReadDir(dir)
	if text, _ := os.ReadFile(mine); len(entries) != 1 || err != nil || string(text) != "mine" {
		t.Errorf("there is %v, %v, and mine is %q", entries, err, text)
	}
}
