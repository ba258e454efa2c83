package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mkmini/mkmini/core/pluginhost/plugintest"
	"github.com/mkmini/mkmini/core/testenv"
)

// TestExternalPlugins builds with a toolchain and an exporter that were made
// outside of mkmini: one lies in the configuration's folder, the other on
// PATH.
func TestExternalPlugins(t *testing.T) {
	t.Parallel()
	testenv.Tool(t, "gcc", "gcc")
	dir := t.TempDir()
	plugins := filepath.Join(dir, ".mkmini", "plugins")
	bin := filepath.Join(dir, "bin")
	for _, folder := range []string{plugins, bin} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	plugintest.Build(t, "toolchain", plugins, "mkmini-plugin-paper")
	plugintest.Build(t, "exporter", bin, "mkmini-plugin-listing")
	config := fmt.Sprintf(`name = "letter"
toolchain "paper" { greeting = "dear" }
busybox { file = %q }
export "listing" { title = "names" }
export "rootfs" { format = "cpio" }
`, testenv.BusyboxSource(t))
	if err := os.WriteFile(filepath.Join(dir, "letter.hcl"), []byte(config), 0o666); err != nil {
		t.Fatal(err)
	}
	c := command{
		args: []string{"-c", "letter.hcl", "--plugins-from-path"}, dir: dir,
		env: []string{"MKMINI_STORE=" + filepath.Join(dir, "store"), "PATH=" + bin + ":" + os.Getenv("PATH")},
	}
	first := c.events(t)
	listing, err := os.ReadFile(filepath.Join(dir, "out", "letter-paper64.listing"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"bin/busybox", "bin/sh", "usr/lib", "init"} {
		if !strings.Contains("\n"+strings.ReplaceAll(string(listing), "/\n", "\n"), "\n"+want+"\n") {
			t.Errorf("%q is not in the listing:\n%s", want, listing)
		}
	}
	if ran, _ := steps(first); len(ran) < 6 {
		t.Errorf("ran only %q", ran)
	}

	// They count for the cache like built-in ones.
	c.change = withoutProcesses
	if ran, _ := steps(c.events(t)); len(ran) > 0 {
		t.Errorf("ran %q although nothing changed", ran)
	}
}
