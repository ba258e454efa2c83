package aarch64_test

import (
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/plugins/sdk"
	"github.com/mkmini/mkmini/toolchains/aarch64"
	"github.com/mkmini/mkmini/toolchains/gcc/elfhead"
	"github.com/mkmini/mkmini/toolchains/gcc/gcctest"
)

func probe(t *testing.T) sdk.Compiler {
	t.Helper()
	const prefix = "aarch64-linux-gnu-"
	cc, err := exec.LookPath(prefix + "gcc")
	if err != nil {
		t.Skip("apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross")
	}
	c, err := aarch64.New().Probe(t.Context(), sdk.ProbeRequest{
		CC: cc, Prefix: filepath.Join(filepath.Dir(cc), prefix), WorkDir: t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestProbe(t *testing.T) {
	c := probe(t)
	if c.Target != "aarch64-linux-gnu" {
		t.Errorf("Target = %q", c.Target)
	}
	for _, fact := range c.Facts {
		if fact.Status != sdk.OK && fact.Status != sdk.Skipped {
			t.Errorf("%s is %s: %s", fact.Name, fact.Status, fact.Value)
		}
	}
}

// TestBuildRuns builds a busybox of one applet, which is that applet whatever
// it is called.
func TestBuildRuns(t *testing.T) {
	source := gcctest.Source(t)
	c := probe(t)
	req := sdk.BuildRequest{
		Compiler: c, Version: gcctest.Version, SourceDir: source, WorkDir: t.TempDir(), OutDir: t.TempDir(),
		Config: "defconfig", Only: []string{"uname"}, Jobs: 2, Epoch: time.Unix(315532800, 0),
	}
	result, err := aarch64.New().Build(t.Context(), req, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"uname"}, result.Applets); diff != "" {
		t.Error(diff)
	}
	binary := filepath.Join(req.OutDir, result.Tree, "bin", "busybox")
	header, err := elfhead.ReadFile(binary)
	if err != nil || header.Machine != 183 || header.Interp {
		t.Errorf("header %+v, %v", header, err)
	}
	if !c.CanRun {
		t.Skip("apt-get install qemu-user-static to have it run")
	}
	command := append(slices.Clone(c.Emulator), binary, "-m")
	out, err := exec.Command(command[0], command[1:]...).CombinedOutput()
	if err != nil || string(out) != "aarch64\n" {
		t.Errorf("%q says %q, %v", command, out, err)
	}
}
