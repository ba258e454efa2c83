// Package gcctest helps to test toolchains with the real busybox source.
package gcctest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Env names the variable that holds the path of busybox-1.35.0.tar.bz2, or of
// the folder it was unpacked to.
const Env = "MKMINI_TEST_BUSYBOX"

// Version is the version of busybox that tests build.
const Version = "1.35.0"

// Source returns the folder of an unpacked busybox that is the test's own,
// and skips the test if there is none.
func Source(t *testing.T) string {
	t.Helper()
	given := os.Getenv(Env)
	if given == "" {
		t.Skipf("%s is not set to busybox-%s.tar.bz2: `make test` gets it; Debian 12 has it as the upstream tarball of `apt-get source busybox`", Env, Version)
	}
	dir := t.TempDir()
	source := filepath.Join(dir, "busybox-"+Version)
	info, err := os.Stat(given)
	if err != nil {
		t.Fatal(err)
	}
	if info.IsDir() {
		err = os.CopyFS(source, os.DirFS(given))
	} else {
		var out []byte
		out, err = exec.Command("tar", "-xf", given, "-C", dir).CombinedOutput()
		if err != nil {
			t.Logf("tar: %s", out)
		}
	}
	if err != nil {
		t.Fatalf("unpack %s: %v", given, err)
	}
	return source
}
