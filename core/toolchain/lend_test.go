package toolchain_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/store"
	"github.com/mkmini/mkmini/core/toolchain"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// TestLend runs a lent compiler: it has to hand on all options as they are.
func TestLend(t *testing.T) {
	st, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(t.TempDir(), "it's here")
	cc := filepath.Join(bin, "arm-linux-gnueabihf-gcc")
	for _, path := range []string{cc, filepath.Join(bin, "arm-linux-gnueabihf-ar")} {
		driver(t, path, "")
		if err := os.WriteFile(path, []byte("#!/bin/sh\nprintf '<%s>' \"$@\"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	c := sdk.Compiler{
		CC: cc, Prefix: strings.TrimSuffix(cc, "gcc"), Target: "arm-linux-gnueabihf", Libc: "/musl",
		CFlags: []string{"-isystem", "/a b"}, LDFlags: []string{"-L/c"},
	}
	got, err := toolchain.Lend(t.Context(), st, c, "musl")
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Base(got.CC) != "arm-linux-musleabihf-gcc" || got.CC != got.Prefix+"gcc" {
		t.Errorf("it is %s", got.CC)
	}
	out, err := exec.Command(got.CC, "-c", "x y.c").Output()
	if err != nil || string(out) != "<-isystem></a b><-L/c><-c><x y.c><-static>" {
		t.Errorf("it runs %s, %v", out, err)
	}
	var names []string
	for _, v := range toolchain.Env(sdk.ToolchainInfo{CFlags: []string{"-O2"}}, got, "/usr/bin") {
		names = append(names, v.Name)
	}
	// The options are in the script.
	if diff := cmp.Diff([]string{"ARCH", "CROSS_COMPILE", "CC", "AR", "PATH"}, names); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
	for target, want := range map[string]string{"": "musl-gcc", "x86_64-linux-gnu": "x86_64-linux-musl-gcc", "riscv64-linux-musl": "riscv64-linux-musl-gcc"} {
		c.Target = target
		if got, err := toolchain.Lend(t.Context(), st, c, "musl"); err != nil || filepath.Base(got.CC) != want {
			t.Errorf("for %q: %s, %v", target, got.CC, err)
		}
	}
}
