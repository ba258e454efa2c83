package main_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mkmini/mkmini/core/event"
)

// TestConfigs builds each of the configurations that users copy.
func TestConfigs(t *testing.T) {
	t.Parallel()
	configs, err := filepath.Glob(filepath.Join("configs", "*.hcl"))
	if err != nil || len(configs) < 4 {
		t.Fatalf("found %q, %v", configs, err)
	}
	for _, config := range configs {
		name := strings.TrimSuffix(filepath.Base(config), ".hcl")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			archs := []string{name}
			switch name {
			case "multiarch":
				archs = []string{"x86_64", "aarch64", "sw64"}
			case "host":
				archs = []string{"x86_64"}
			}
			out := filepath.Join(t.TempDir(), "out")
			args := []string{"-c", config, "--out", out}
			for _, arch := range archs {
				args = append(args, compilerFor(t, arch)...)
			}
			events := command{args: args}.events(t)
			checkArtifacts(t, out, archs, events[len(events)-1].Artifacts)
		})
	}
}

// checkArtifacts checks that what a build says of its artifacts is so, and
// that there is nothing else.
func checkArtifacts(t *testing.T, out string, archs []string, artifacts []event.Artifact) {
	t.Helper()
	want := map[string]bool{"minios.oci": true}
	for _, arch := range archs {
		for _, format := range []string{"docker.tar", "tar.gz", "cpio.gz"} {
			want["minios-"+arch+"."+format] = true
		}
	}
	for _, a := range artifacts {
		name := filepath.Base(a.Path)
		if !want[name] {
			t.Errorf("an artifact that wasn't asked for: %s", name)
		}
		delete(want, name)
		if a.Format == "oci" {
			continue
		}
		content, err := os.ReadFile(filepath.Join(out, name))
		if err != nil {
			t.Error(err)
			continue
		}
		sum := sha256.Sum256(content)
		if hex.EncodeToString(sum[:]) != a.SHA256 || int64(len(content)) != a.Size {
			t.Errorf("%s has %d bytes and sha256 %x; it is said to have %d and %s", name, len(content), sum, a.Size, a.SHA256)
		}
	}
	for name := range want {
		t.Errorf("there is no artifact %s", name)
	}
	if entries, err := os.ReadDir(out); err != nil || len(entries) != 1+3*len(archs) {
		t.Errorf("in the folder: %s (%v)", names(t, out), err)
	}
}
