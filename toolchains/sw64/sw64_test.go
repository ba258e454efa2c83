package sw64_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/plugins/sdk"
	"github.com/mkmini/mkmini/toolchains/gcc/elfhead"
	"github.com/mkmini/mkmini/toolchains/gcc/gcctest"
	"github.com/mkmini/mkmini/toolchains/sw64"
	"github.com/mkmini/mkmini/toolchains/sw64/standin"
)

// install returns the prefix of a stand-in compiler.
func install(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := standin.Install(dir); errors.Is(err, standin.ErrNoAlpha) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, standin.Prefix)
}

func TestProbeOfTheStandIn(t *testing.T) {
	prefix := install(t)
	c, err := sw64.New().Probe(t.Context(), sdk.ProbeRequest{CC: prefix + "gcc", Prefix: prefix, WorkDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if c.CanRun || c.Target != "sw_64-sunway-linux-gnu" {
		t.Errorf("CanRun = %v, Target = %q", c.CanRun, c.Target)
	}
	want := map[string]sdk.Status{
		"runs": sdk.OK, "version": sdk.OK, "target": sdk.OK, "sysroot": sdk.OK, "libc": sdk.OK, "kernel_headers": sdk.OK,
		"macros": sdk.OK, "cpu": sdk.OK, "cpus": sdk.OK, "c99": sdk.OK, "large_files": sdk.OK, "known_problems": sdk.OK,
		"elf": sdk.OK, "static_link": sdk.OK, "static_run": sdk.Skipped, "tools": sdk.OK, "host_tools": sdk.OK,
	}
	got := map[string]sdk.Status{}
	for _, fact := range c.Facts {
		got[fact.Name] = fact.Status
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAnAlphaCompilerIsRefused(t *testing.T) {
	cc, err := exec.LookPath("alpha-linux-gnu-gcc")
	if err != nil {
		t.Skip("apt-get install gcc-alpha-linux-gnu")
	}
	_, err = sw64.New().Probe(t.Context(), sdk.ProbeRequest{CC: cc, Prefix: strings.TrimSuffix(cc, "gcc"), WorkDir: t.TempDir()})
	var problems sdk.Diagnostics
	if !errors.As(err, &problems) || len(problems) != 1 {
		t.Fatalf("err = %v, want one diagnostic", err)
	}
	if !strings.Contains(problems[0].Detail, "An Alpha compiler is not a sw64 one") || problems[0].Remedy == "" {
		t.Errorf("diagnostic %+v does not explain the refusal", problems[0])
	}
}

// TestAnAlphaCompilerUnderAnotherNameIsRefused offers a compiler that claims
// to be sw64's; its executables give it away.
func TestAnAlphaCompilerUnderAnotherNameIsRefused(t *testing.T) {
	real, err := exec.LookPath("alpha-linux-gnu-gcc")
	if err != nil {
		t.Skip("apt-get install gcc-alpha-linux-gnu")
	}
	prefix := install(t)
	script := "#!/bin/sh\ncase $1 in -dumpmachine) echo sw_64-sunway-linux-gnu; exit;; esac\nexec " + real + " \"$@\"\n"
	if err := os.WriteFile(prefix+"gcc", []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err = sw64.New().Probe(t.Context(), sdk.ProbeRequest{CC: prefix + "gcc", Prefix: prefix, WorkDir: t.TempDir()})
	var problems sdk.Diagnostics
	if !errors.As(err, &problems) || len(problems) != 1 || !strings.Contains(problems[0].Detail, "0x9026") {
		t.Fatalf("err = %v, want one diagnostic that shows the machine number", err)
	}
}

func TestProcessors(t *testing.T) {
	prefix := install(t)
	request := func(cpu string) sdk.ProbeRequest {
		return sdk.ProbeRequest{CC: prefix + "gcc", Prefix: prefix, WorkDir: t.TempDir(), Attributes: []byte(`{"cpu": "` + cpu + `"}`)}
	}
	if _, err := sw64.New().Probe(t.Context(), request("sw6b")); err != nil {
		t.Errorf("sw6b: %v", err)
	}
	_, err := sw64.New().Probe(t.Context(), request("sw3231"))
	var problems sdk.Diagnostics
	if !errors.As(err, &problems) {
		t.Fatalf("sw3231: err = %v, want diagnostics", err)
	}
	if diff := cmp.Diff([]string{"attributes", "cpu"}, problems[0].Path); diff != "" {
		t.Error(diff)
	}
}

func TestBuild(t *testing.T) {
	prefix := install(t)
	source := gcctest.Source(t)
	toolchain := sw64.New()
	c, err := toolchain.Probe(t.Context(), sdk.ProbeRequest{CC: prefix + "gcc", Prefix: prefix, WorkDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	result, err := toolchain.Build(t.Context(), sdk.BuildRequest{
		Compiler: c, Version: gcctest.Version, SourceDir: source, WorkDir: t.TempDir(), OutDir: out,
		Config: "defconfig", Only: []string{"sh", "ls", "cat"}, Jobs: 2, Epoch: time.Unix(315532800, 0),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"cat", "ls", "sh"}, result.Applets); diff != "" {
		t.Error(diff)
	}
	header, err := elfhead.ReadFile(filepath.Join(out, result.Tree, "bin", "busybox"))
	if err != nil {
		t.Fatal(err)
	}
	if want := (elfhead.Header{Bits: 64, Type: 2, Machine: 0x9916}); header != want {
		t.Errorf("header %+v, want %+v", header, want)
	}
}
