package sdktest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// Toolchain checks a toolchain plugin: its description, that a file that is no
// compiler is refused with a diagnostic, and that the compiler of one of its
// triplets passes, where there is one on PATH.
func Toolchain(t *testing.T, p sdk.Plugin) {
	t.Helper()
	m := Manifest(t, p)
	if m.Toolchain == nil {
		t.Fatal("the plugin has no toolchain")
	}
	request := func(t *testing.T, cc string) sdk.ProbeRequest {
		return sdk.ProbeRequest{
			CC: cc, Prefix: strings.TrimSuffix(cc, "gcc"), WorkDir: t.TempDir(),
			Attributes: Defaults(t, m.Toolchain.Attributes),
		}
	}
	t.Run("wrong compiler", func(t *testing.T) {
		cc := filepath.Join(t.TempDir(), "none-gcc")
		if err := os.WriteFile(cc, []byte("#!/bin/sh\nexit 1\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		_, err := p.Toolchain.Probe(t.Context(), request(t, cc))
		var diagnostics sdk.Diagnostics
		if !errors.As(err, &diagnostics) || len(diagnostics) == 0 {
			t.Fatalf("a program that is no compiler is answered with %v, not with diagnostics", err)
		}
		for _, d := range diagnostics {
			if d.Summary == "" || d.Detail == "" {
				t.Errorf("the diagnostic %+v has no summary or no detail", d)
			}
		}
	})
	t.Run("compiler", func(t *testing.T) {
		cc := compiler(*m.Toolchain)
		if cc == "" {
			t.Skipf("no compiler of %s on PATH; Debian has it in %s", strings.Join(m.Toolchain.Triplets, ", "),
				strings.Join(m.Toolchain.Packages, ", "))
		}
		c, err := p.Toolchain.Probe(t.Context(), request(t, cc))
		if err != nil {
			t.Fatalf("%s: %v", cc, err)
		}
		probed(t, c)
	})
}

// probed checks what a probe found out.
func probed(t *testing.T, c sdk.Compiler) {
	t.Helper()
	if !filepath.IsAbs(c.CC) || c.Target == "" || c.Version == "" {
		t.Errorf("the compiler %+v needs an absolute path, a target and a version", c)
	}
	if len(c.Files) == 0 {
		t.Error("Files is empty: mkmini could not tell one compiler from another")
	}
	for _, file := range c.Files {
		if info, err := os.Stat(file); !filepath.IsAbs(file) || err != nil || !info.Mode().IsRegular() {
			t.Errorf("the compiler's file %q is no absolute path of a file", file)
		}
	}
	for _, fact := range c.Facts {
		switch fact.Status {
		case sdk.OK, sdk.Warn, sdk.Skipped:
		default:
			t.Errorf("the fact %+v of a compiler that passed has that status", fact)
		}
	}
}

// compiler returns the path of a compiler of an architecture.
func compiler(info sdk.ToolchainInfo) string {
	for _, triplet := range info.Triplets {
		for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
			found, err := filepath.Glob(filepath.Join(dir, triplet+"-gcc"))
			if err == nil && len(found) > 0 && filepath.IsAbs(found[0]) {
				return found[0]
			}
		}
	}
	machine, err := exec.Command("uname", "-m").Output()
	if err != nil {
		return ""
	}
	for _, own := range info.HostMachines {
		if own == strings.TrimSpace(string(machine)) {
			cc, err := exec.LookPath("gcc")
			if err != nil {
				return ""
			}
			return cc
		}
	}
	return ""
}
