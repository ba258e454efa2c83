// Package gcctest helps to test toolchains with the real sources of busybox
// and musl.
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

// MuslEnv names the variable that holds the path of musl-1.2.3.tar.gz, or of
// the folder it was unpacked to, and MuslVersion is that version.
const (
	MuslEnv     = "MKMINI_TEST_MUSL"
	MuslVersion = "1.2.3"
)

// MuslSource returns the folder of an unpacked musl that is the test's own,
// and skips the test if there is none.
func MuslSource(t *testing.T) string {
	t.Helper()
	given := os.Getenv(MuslEnv)
	if given == "" {
		t.Skipf("%s is not set to musl-%s.tar.gz: `make test` gets it; Debian 12 has it as the upstream tarball of `apt-get source musl`", MuslEnv, MuslVersion)
	}
	return unpack(t, given, "musl-"+MuslVersion)
}

// Source returns the folder of an unpacked busybox that is the test's own,
// and skips the test if there is none.
func Source(t *testing.T) string {
	t.Helper()
	given := os.Getenv(Env)
	if given == "" {
		t.Skipf("%s is not set to busybox-%s.tar.bz2: `make test` gets it; Debian 12 has it as the upstream tarball of `apt-get source busybox`", Env, Version)
	}
	return unpack(t, given, "busybox-"+Version)
}

// unpack returns a copy of the folder name that an archive or folder holds.
func unpack(t *testing.T, given, name string) string {
	t.Helper()
	dir := t.TempDir()
	source := filepath.Join(dir, name)
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
