package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/fault"
)

// run runs a command line in this process.
func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	if os.Getenv("MKMINI_CONFIG") == "" {
		t.Setenv("MKMINI_CONFIG", os.DevNull) // the user's own settings have no say
	}
	var out, err bytes.Buffer
	code = Run(t.Context(), Program{Version: "1.2.3", Streams: Streams{Out: &out, Err: &err}}, args)
	return code, out.String(), err.String()
}

func TestExitCodes(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want int
	}{
		{"done", nil, 0},
		{"failed", errors.New("disk"), 1},
		{"fault", &fault.Error{}, 1},
		{"fault of the configuration", fmt.Errorf("x: %w", &fault.Error{Usage: true}), 2},
		{"configuration", hcl.Diagnostics{{Severity: hcl.DiagError}}, 2},
		{"command line", &usageError{"x"}, 2},
		{"nothing to compare", &trouble{&fault.Error{}}, 2},
		{"one fault, then one of the configuration", errors.Join(&fault.Error{}, &fault.Error{Usage: true}), 2},
		{"one fault of the configuration, then another", errors.Join(fmt.Errorf("x: %w", errors.Join(&fault.Error{Usage: true})), &fault.Error{}), 2},
		{"a fault of the plugin that wraps one of the user", &fault.Error{Err: &fault.Error{Usage: true}}, 1},
		{"cancelled", fmt.Errorf("x: %w", context.Canceled), 130},
	}
	for _, test := range tests {
		if got := exitCode(t.Context(), test.err); got != test.want {
			t.Errorf("%s: exit code %d, want %d", test.name, got, test.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := exitCode(ctx, errors.New("killed")); got != 130 {
		t.Errorf("whatever fails after a cancel: exit code %d", got)
	}
}

func TestCommandLine(t *testing.T) {
	tests := []struct {
		args   string
		code   int
		stderr string
	}{
		{"--nonsense", 2, "unknown flag: --nonsense"},
		{"biuld", 2, `did you mean "build"?`},
		{"build", 2, "Give one with -c FILE"},
		{"plan extra", 2, "takes no argument"},
		{"build -c /nonexistent.hcl", 2, "Configuration not found"},
		{"build -j x", 2, "invalid argument"},
		{"fmt /nonexistent.hcl", 2, "no such file"},
	}
	for _, test := range tests {
		t.Run(test.args, func(t *testing.T) {
			t.Setenv("MKMINI_STORE", t.TempDir())
			code, _, stderr := run(t, strings.Fields(test.args)...)
			if code != test.code || !strings.Contains(stderr, test.stderr) {
				t.Errorf("exit code %d, stderr:\n%s", code, stderr)
			}
			if strings.Contains(stderr, "goroutine") {
				t.Errorf("a stack in:\n%s", stderr)
			}
		})
	}
}

func TestVersion(t *testing.T) {
	code, stdout, _ := run(t, "version")
	if code != 0 || !strings.HasPrefix(stdout, "mkmini 1.2.3 ") {
		t.Errorf("exit code %d, stdout %q", code, stdout)
	}
}

func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if code, stdout, _ := run(t, "completion", shell); code != 0 || !strings.Contains(stdout, "mkmini") {
			t.Errorf("%s: exit code %d, %d bytes", shell, code, len(stdout))
		}
	}
}

func TestFmt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "b[1] *")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "a.hcl")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("name=\"x\"\n")
	if code, stdout, _ := run(t, "fmt", "--check", dir); code != 1 || !strings.Contains(stdout, "a.hcl") {
		t.Errorf("check: exit code %d, stdout %q", code, stdout)
	}
	if code, stdout, _ := run(t, "fmt", dir); code != 0 || stdout != path+"\n" {
		t.Errorf("exit code %d, stdout %q", code, stdout)
	}
	if data, _ := os.ReadFile(path); string(data) != "name = \"x\"\n" {
		t.Errorf("file %q", data)
	}
	if code, stdout, _ := run(t, "fmt", "--check", dir); code != 0 || stdout != "" {
		t.Errorf("check again: exit code %d, stdout %q", code, stdout)
	}
	write("name = {\n")
	if code, _, stderr := run(t, "fmt", dir); code != 2 || !strings.Contains(stderr, "line ") {
		t.Errorf("broken file: exit code %d, stderr %q", code, stderr)
	}
}

func TestPrintFault(t *testing.T) {
	parser := hclparse.NewParser()
	if _, diags := parser.ParseHCL([]byte("a = 1\ntoolchain \"sw64\" {\n}\n"), "x.hcl"); diags.HasErrors() {
		t.Fatal(diags)
	}
	var buf bytes.Buffer
	p := printer{w: &buf, files: parser.Files(), width: 78}
	r := fault.Range{
		File:  "x.hcl",
		Start: fault.Position{Line: 2, Column: 1, Byte: 6}, End: fault.Position{Line: 2, Column: 17, Byte: 22},
	}
	command := "gcc" + strings.Repeat(" -Wl,--start-group", 9)
	p.print(errors.Join(
		&fault.Error{
			Step: "toolchain for sw64", Summary: "No compiler", Detail: "None was found.", Remedy: "Get one.",
			Excerpt: []string{"looked here", command}, Log: "/tmp/log", Range: &r,
		},
		&fault.Error{Summary: "No word", Detail: strings.Repeat("word ", 20) + "ends.", Excerpt: []string{""}},
		errors.New("plain"),
	))
	want := `Error: No compiler (toolchain for sw64)

  on x.hcl line 2, in toolchain "sw64":
   2: toolchain "sw64" {

None was found.

  looked here
  ` + command + `

Get one.

The full log is /tmp/log

Error: No word

word word word word word word word word word word word word word word word
word word word word word ends.

Error: plain
`
	if diff := cmp.Diff(want, buf.String()); diff != "" {
		t.Errorf("printed (-want +got):\n%s", diff)
	}
}

func TestEpoch(t *testing.T) {
	for value, want := range map[string]int64{"": 315532800, "0": 0, "1700000000": 1700000000} {
		if got, err := epochFrom(value); err != nil || got.Unix() != want {
			t.Errorf("%q: %v, %v", value, got, err)
		}
	}
	for _, value := range []string{"x", "-1", "1.5"} {
		if _, err := epochFrom(value); exitCode(t.Context(), err) != exitUsage {
			t.Errorf("%q: %v", value, err)
		}
	}
}

func TestRestrict(t *testing.T) {
	c := &config.Config{Targets: []config.Target{{Arch: "x86_64"}, {Arch: "aarch64"}, {Arch: "sw64"}}}
	a := &app{flags: flags{only: []string{"sw64", "x86_64"}}}
	if err := a.restrict(c); err != nil || len(c.Targets) != 2 || c.Targets[0].Arch != "x86_64" {
		t.Errorf("targets %v, %v", c.Targets, err)
	}
	a.flags.only = []string{"riscv64"}
	if err := a.restrict(c); err == nil || !strings.Contains(err.Error(), "x86_64, sw64") {
		t.Errorf("err = %v", err)
	}
}
