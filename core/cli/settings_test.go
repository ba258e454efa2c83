package cli

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestPrecedence sets one thing in each place, the nearest last.
func TestPrecedence(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("MKMINI_CONFIG", os.DevNull)
	t.Setenv("MKMINI_STORE", "")
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
	// look returns the store's folder and the values that commands use.
	look := func(args ...string) (store string, jobs int, offline bool) {
		t.Helper()
		a := &app{}
		cmd := a.buildCommand()
		if err := cmd.ParseFlags(args); err != nil {
			t.Fatal(err)
		}
		st, err := a.openStore()
		if err != nil {
			t.Fatal(err)
		}
		rel, err := filepath.Rel(dir, st.Sub(""))
		if err != nil {
			t.Fatal(err)
		}
		return rel, a.jobs(), a.flags.offline
	}
	check := func(wantStore string, wantJobs int, wantOffline bool, args ...string) {
		t.Helper()
		if store, jobs, offline := look(args...); store != wantStore || jobs != wantJobs || offline != wantOffline {
			t.Errorf("%v: store %q, %d jobs, offline %v; want %q, %d, %v", args, store, jobs, offline, wantStore, wantJobs, wantOffline)
		}
	}
	check("cache/mkmini", runtime.NumCPU(), false)
	file := filepath.Join(dir, "config.hcl")
	if err := os.WriteFile(file, []byte("store = \"settings\"\njobs = 77\noffline = true\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	t.Setenv("MKMINI_CONFIG", file)
	check("settings", 77, true)
	t.Setenv("MKMINI_STORE", filepath.Join(dir, "environment"))
	check("environment", 77, true)
	check("flag", 3, false, "--store", filepath.Join(dir, "flag"), "-j", "3", "--offline=false")
	check("environment", 77, true, "--offline")
}

func TestBadSettings(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.hcl")
	if err := os.WriteFile(file, []byte("jbos = 1\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	t.Setenv("MKMINI_CONFIG", file)
	mini := filepath.Join(t.TempDir(), "mini.hcl")
	if err := os.WriteFile(mini, []byte("toolchain \"x86_64\" {}\nexport \"docker\" {}\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := run(t, "validate", "-c", mini)
	if code != exitUsage || !strings.Contains(stderr, `Did you mean "jobs"?`) || !strings.Contains(stderr, "1: jbos = 1") {
		t.Errorf("exit code %d:\n%s", code, stderr)
	}
}
