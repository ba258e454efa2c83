package x86_64_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/plugins/sdk"
	"github.com/mkmini/mkmini/toolchains/gcc/gcctest"
	"github.com/mkmini/mkmini/toolchains/x86_64"
)

func probe(t *testing.T) sdk.Compiler {
	t.Helper()
	cc, err := exec.LookPath("x86_64-linux-gnu-gcc")
	if err != nil {
		t.Skip("apt-get install gcc libc6-dev on x86_64, else gcc-x86-64-linux-gnu")
	}
	c, err := x86_64.New().Probe(t.Context(), sdk.ProbeRequest{CC: cc, Prefix: strings.TrimSuffix(cc, "gcc"), WorkDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestBuildRuns(t *testing.T) {
	source := gcctest.Source(t)
	c := probe(t)
	req := sdk.BuildRequest{
		Compiler: c, Version: gcctest.Version, SourceDir: source, WorkDir: t.TempDir(), OutDir: t.TempDir(),
		Config: "defconfig", Only: []string{"sh", "uname"}, Jobs: 2, Epoch: time.Unix(315532800, 0),
		Attributes: []byte(`{"cpu": "x86-64", "cflags": ["-O2"]}`),
	}
	result, err := x86_64.New().Build(t.Context(), req, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"sh", "uname"}, result.Applets); diff != "" {
		t.Error(diff)
	}
	if !c.CanRun {
		t.Skip("apt-get install qemu-user-static to have it run")
	}
	command := append(append([]string{}, c.Emulator...), filepath.Join(req.OutDir, result.Tree, "bin", "busybox"), "sh", "-c", "echo ok")
	out, err := exec.Command(command[0], command[1:]...).CombinedOutput()
	if err != nil || string(out) != "ok\n" {
		t.Errorf("%q says %q, %v", command, out, err)
	}
}

func TestInfo(t *testing.T) {
	info, err := x86_64.New().Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Platform.String(); got != "linux/amd64" {
		t.Errorf("platform = %q", got)
	}
	var names []string
	for _, attribute := range info.Attributes {
		names = append(names, attribute.Name)
	}
	if diff := cmp.Diff([]string{"cpu", "cflags", "ldflags"}, names); diff != "" {
		t.Error(diff)
	}
}
