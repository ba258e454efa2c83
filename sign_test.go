package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mkmini/mkmini/core/testenv"
)

// TestSigned builds with provenance and signatures, twice in different places,
// and verifies what was made: as it is, by building it again, and changed.
func TestSigned(t *testing.T) {
	t.Parallel()
	testenv.Tool(t, "gcc", "gcc")
	minisign := testenv.Tool(t, "minisign", "minisign")
	plugins := t.TempDir()
	makePlugin(t, "toolchain", plugins, "mkmini-plugin-paper")
	var key string
	build := func(name string) command {
		t.Helper()
		dir := filepath.Join(t.TempDir(), name)
		if err := os.MkdirAll(filepath.Join(dir, ".mkmini"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(plugins, filepath.Join(dir, ".mkmini", "plugins")); err != nil {
			t.Fatal(err)
		}
		c := command{dir: dir, env: []string{"MKMINI_STORE=" + filepath.Join(dir, "store")}}
		if key == "" {
			key = filepath.Join(dir, "release.key")
			c.must(t, 0, "key", "new", key, "--no-password")
		}
		config := fmt.Sprintf(`name = "letter"
variable "key" { type = string }
variable "motd" { default = "hello" }
toolchain "paper" { greeting = var.motd }
busybox {
  %s
}
export "docker" {}
export "oci" {}
export "oci" { archive = true }
export "rootfs" { format = "dir" }
provenance {}
sign { key = var.key == "" ? null : var.key }
`, busyboxFile(t))
		if err := os.WriteFile(filepath.Join(dir, "letter.hcl"), []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		c.must(t, 0, "-c", "letter.hcl", "--var", "key="+key)
		return c
	}
	c := build("here")
	public := strings.TrimSuffix(key, ".key") + ".pub"
	compareFolders(t, filepath.Join(c.dir, "out"), filepath.Join(build("there, far away").dir, "out"))
	if ran, _ := steps(command{args: []string{"-c", "letter.hcl", "--var", "key=" + key}, dir: c.dir, env: c.env}.events(t)); len(ran) != 1 {
		t.Errorf("ran %q although nothing changed", ran)
	}
	names := []string{"letter-paper64.docker.tar", "letter.oci", "letter.oci.tar", "letter-paper64.dir"}
	for _, name := range names {
		path := filepath.Join("out", name)
		has(t, c.must(t, 0, "verify", path, "--key", public, "-c", "letter.hcl", "--var", "key="+key).stdout,
			": verified\n", "signature: signed by the key", "provenance: it is about this", "configuration: it was made from this")
		signed := filepath.Join(c.dir, path)
		if info, err := os.Stat(signed); err == nil && info.IsDir() {
			signed += ".sha256sums"
		}
		testenv.Output(t, minisign, "-V", "-m", signed, "-p", public)
	}
	// The same with other bytes, and by another configuration.
	has(t, c.must(t, 0, "verify", "out/letter.oci", "-c", "letter.hcl", "--var", "key="+key, "--rebuild", "--plain").stdout,
		"intact", "ok         rebuild: the configuration makes the very same, as letter.oci")
	has(t, c.must(t, 1, "verify", "out/letter-paper64.docker.tar", "-c", "letter.hcl", "--var", "key="+key, "--var", "motd=bye", "--rebuild", "--plain").stdout,
		"NOT VERIFIED", "failed     rebuild: the configuration makes another one here", `the variable motd was "hello" and is "bye"`)
	has(t, c.must(t, 1, "verify", "out/letter.oci.tar", "-c", "letter.hcl", "--var", "key="+key, "--var", "motd=bye").stdout,
		"NOT VERIFIED", `the variable motd was "hello" and is "bye"`)
	if err := os.WriteFile(filepath.Join(c.dir, "out", "letter-paper64.dir", "bin", "sh"), []byte("evil"), 0o600); err != nil {
		t.Fatal(err)
	}
	has(t, c.must(t, 1, "verify", "out/letter-paper64.dir", "--json").stdout, `"result": "failed"`, `\"bin/sh\" is another one`)
	// What was unsigned is signed afterwards, and was damaged is made anew.
	c.must(t, 0, "-c", "letter.hcl", "--var", "key=", "--plain")
	has(t, c.must(t, 1, "verify", "out/letter.oci", "--key", public).stdout, "NOT VERIFIED", "nobody signed the provenance")
	has(t, c.must(t, 0, "sign", "out/letter.oci", "out/letter-paper64.dir", "--key", key).stdout,
		"out/letter.oci.intoto.jsonl\n", "out/letter.oci.sha256sums\n", "out/letter.oci.sha256sums.minisig\n")
	for _, name := range []string{"letter.oci", "letter-paper64.dir"} {
		has(t, c.must(t, 0, "verify", "out/"+name, "--key", public).stdout, ": verified\n")
	}
}

// must runs a command that ends with an exit code.
func (c command) must(t *testing.T, code int, args ...string) result {
	t.Helper()
	c.args = args
	r := c.run(t)
	if r.code != code {
		t.Fatalf("%q: exit code %d, not %d\n%s%s", args, r.code, code, r.stdout, r.stderr)
	}
	return r
}

// has looks for words in a text.
func has(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("%q is not in:\n%s", word, text)
		}
	}
}
