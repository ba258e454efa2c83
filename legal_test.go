package main_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdxlib"

	"github.com/mkmini/mkmini/core/testenv"
)

// TestLegal puts the sources of a system into a folder, builds its busybox
// again from that folder alone, and compares it with what the SBOM says of the
// image.
func TestLegal(t *testing.T) {
	t.Parallel()
	compilerFor(t, "x86_64")
	testenv.Tool(t, "x86_64-linux-gnu-gcc", "gcc-x86-64-linux-gnu")
	testenv.Tool(t, "bzip2", "bzip2")
	dir := t.TempDir()
	text := fmt.Sprintf(`name = "lawful"
toolchain "x86_64" {}
busybox {
  file = %q
  applets { only = ["sh", "ls"] }
}
sbom {}
export "oci" {}
`, testenv.BusyboxSource(t))
	if err := os.WriteFile(filepath.Join(dir, "lawful.hcl"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	command{args: []string{"-c", "lawful.hcl"}, dir: dir}.events(t)
	said := command{args: []string{"legal", "-c", "lawful.hcl", "-o", "legal", "--offline", "--plain"}, dir: dir}.run(t)
	if said.code != 0 {
		t.Fatalf("mkmini legal: %s", said.stderr)
	}
	_, sum, _ := strings.Cut(strings.TrimSpace(said.stdout), "busybox sha256:")
	if documented := documentedBusybox(t, filepath.Join(dir, "out", "lawful-x86_64.spdx.json")); documented != sum {
		t.Errorf("the SBOM says %s, and mkmini legal %s", documented, sum)
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "legal", "rebuild.sh"), "x86_64")
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "CFLAGS=-Onothing", "ARCH=none", "MAKEFLAGS=-n")
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "is the same, sha256 "+sum) {
		t.Errorf("rebuild.sh: %v\n%s", err, out)
	}
	cmd = exec.CommandContext(t.Context(), filepath.Join(dir, "legal", "rebuild.sh"), "sw64")
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "ARCH is one of: x86_64") {
		t.Errorf("rebuild.sh for another architecture: %v\n%s", err, out)
	}
}

// documentedBusybox returns the sha256 of busybox in an SBOM.
func documentedBusybox(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := spdxjson.Read(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := spdxlib.ValidateDocument(doc); err != nil {
		t.Error(err)
	}
	for _, f := range doc.Files {
		if f.FileName == "./bin/busybox" {
			return f.Checksums[1].Value
		}
	}
	t.Fatal("the SBOM has no busybox")
	return ""
}
