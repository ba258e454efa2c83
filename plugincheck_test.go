package main_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mkmini/mkmini/core/plugincheck"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// TestPluginCheck holds the plugin in Python against the contract, and a
// program that is none.
func TestPluginCheck(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bad := filepath.Join(dir, "mkmini-plugin-bad")
	if err := os.WriteFile(bad, []byte("#!/bin/sh\necho hello\necho 'who is it?' >&2\nexit 3\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	r := command{args: []string{"plugin", "check", bad, "--plain"}}.run(t)
	if r.code != 1 || !strings.Contains(r.stdout, "describe  failure  exit status 3: who is it?") {
		t.Errorf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	for _, args := range [][]string{{}, {dir}, {bad, "--cc", "gcc"}, {bad, "--attribute", "x"}, {bad, "--busybox", "nowhere"}} {
		if r := (command{args: append([]string{"plugin", "check"}, args...)}).run(t); r.code != 2 || r.stdout != "" {
			t.Errorf("%q: exit code %d\n%s%s", args, r.code, r.stdout, r.stderr)
		}
	}

	good := pythonPlugin(t, dir)
	r = command{args: []string{"plugin", "check", good, "--json", "--attribute", "member=manifest"}}.run(t)
	var results []plugincheck.Result
	if err := json.Unmarshal([]byte(r.stdout), &results); err != nil || r.code != 0 {
		t.Fatalf("exit code %d, %v\n%s%s", r.code, err, r.stdout, r.stderr)
	}
	for _, result := range results {
		if result.Status != sdk.OK && !(result.Check == "export_confined" && result.Status == sdk.Skipped) {
			t.Errorf("%s is %s: %s", result.Check, result.Status, result.Detail)
		}
	}
	if len(results) < 18 {
		t.Errorf("%d checks only:\n%s", len(results), r.stdout)
	}
}
