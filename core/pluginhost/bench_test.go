package pluginhost_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/mkmini/mkmini/core/pluginhost"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// BenchmarkStart starts a plugin that is known, connects and stops it.
func BenchmarkStart(b *testing.B) {
	opts := pluginhost.Options{Dirs: []string{install(b, b.TempDir(), "good")}, CacheDir: filepath.Join(b.TempDir(), "cache")}
	time.Sleep(50 * time.Millisecond)
	for b.Loop() {
		host := pluginhost.New(opts)
		startToolchain(b, host, "good")
		if err := host.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFind is what a run with nothing to do pays for each plugin.
func BenchmarkFind(b *testing.B) {
	opts := pluginhost.Options{Dirs: []string{install(b, b.TempDir(), "good")}, CacheDir: filepath.Join(b.TempDir(), "cache")}
	time.Sleep(50 * time.Millisecond)
	for b.Loop() {
		if _, err := pluginhost.New(opts).Find(b.Context(), "good"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCall is a call of a running plugin.
func BenchmarkCall(b *testing.B) {
	host := newHost(b, pluginhost.Options{}, "good")
	toolchain := startToolchain(b, host, "good")
	for b.Loop() {
		if _, err := toolchain.Probe(b.Context(), sdk.ProbeRequest{CC: "/cc"}); err != nil {
			b.Fatal(err)
		}
	}
}
