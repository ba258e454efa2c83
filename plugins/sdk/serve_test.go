package sdk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// asPlugin makes the test binary act as a plugin in tests that run it.
const asPlugin = "MKMINI_SDK_TEST_AS_PLUGIN"

func TestMain(m *testing.M) {
	if os.Getenv(asPlugin) != "" {
		Serve(samplePlugin())
	}
	os.Exit(m.Run())
}

func samplePlugin() Plugin {
	return Plugin{
		Name: "sample", Version: "1.2.3",
		Toolchain: stand{info: ToolchainInfo{Arch: "sw64", CFlags: []string{"-DX=<&>"}}},
		Exporter:  standExporter{},
	}
}

func runPlugin(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), asPlugin+"=1")
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func TestDescribe(t *testing.T) {
	stdout, stderr, code := runPlugin(t, "__serve", "sample", "describe")
	if code != 0 || stderr != "" {
		t.Fatalf("code %d, stderr %q", code, stderr)
	}
	var got Manifest
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatal(err)
	}
	want, err := samplePlugin().Manifest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("manifest (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int{1}, got.Protocols); diff != "" {
		t.Errorf("protocols (-want +got):\n%s", diff)
	}
}

func TestRunByHand(t *testing.T) {
	stdout, stderr, code := runPlugin(t)
	if code != 1 || stdout != "" {
		t.Errorf("code %d, stdout %q", code, stdout)
	}
	for _, want := range []string{`toolchain "sample" {}`, `export "sample" {}`, "mkmini-plugin-sample", "describe"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("%q is not in:\n%s", want, stderr)
		}
	}
}

func TestManifestOfMuslWithoutBuilder(t *testing.T) {
	p := Plugin{Name: "lean", Toolchain: bare{info: ToolchainInfo{Arch: "lean", Musl: "lean"}}}
	if _, err := p.Manifest(t.Context()); err == nil {
		t.Error("a toolchain that can't build musl says that it can")
	}
	p.Toolchain = stand{info: ToolchainInfo{Arch: "lean", Musl: "lean"}}
	if _, err := p.Manifest(t.Context()); err != nil {
		t.Error(err)
	}
}

// bare is a Toolchain with no further ability.
type bare struct {
	Toolchain
	info ToolchainInfo
}

func (b bare) Describe(context.Context) (ToolchainInfo, error) { return b.info, nil }

func TestManifestOfNothing(t *testing.T) {
	if _, err := (Plugin{Name: "empty"}).Manifest(t.Context()); err == nil {
		t.Error("a plugin that can do nothing describes itself")
	}
}
