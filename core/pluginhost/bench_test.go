package pluginhost_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/mkmini/mkmini/core/pluginhost"
	"github.com/mkmini/mkmini/core/sandbox"
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

// BenchmarkPlugins takes several plugins through a run: they are found, started
// side by side, called one after the other, and stopped. What it reports is in
// docs/benchmarks.md.
func BenchmarkPlugins(b *testing.B) {
	for _, n := range []int{1, 5, 20} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			var names []string
			for i := range n {
				names = append(names, fmt.Sprintf("good%d", i))
			}
			dir := install(b, b.TempDir(), names...)
			time.Sleep(50 * time.Millisecond)
			sums := map[string]float64{}
			for b.Loop() {
				cache := filepath.Join(b.TempDir(), "cache")
				opts := pluginhost.Options{Dirs: []string{dir}, CacheDir: cache}
				timed(sums, "ms-describe", func() { findAll(b, pluginhost.New(opts), names) })
				host := pluginhost.New(opts)
				timed(sums, "ms-find", func() { findAll(b, host, names) })
				timed(sums, "ms-start", func() {
					var group sync.WaitGroup
					for _, name := range names {
						group.Go(func() {
							if _, err := host.Toolchain(b.Context(), name); err != nil {
								b.Error(err)
							}
						})
					}
					group.Wait()
				})
				for _, name := range names {
					resident, own := memory(b, callEach(b, sums, host, name))
					sums["MiB-resident"] += resident
					sums["MiB-own"] += own
				}
				timed(sums, "ms-stop", func() {
					if err := host.Close(); err != nil {
						b.Fatal(err)
					}
				})
				inSandbox(b, sums, opts, names)
			}
			for _, unit := range []string{"ms-describe", "ms-find", "ms-start", "ms-stop"} {
				b.ReportMetric(sums[unit]/float64(b.N), unit)
			}
			for _, unit := range []string{"MiB-resident", "MiB-own", "µs-call", "ms-call-sandbox"} {
				b.ReportMetric(sums[unit]/float64(b.N*n), unit)
			}
		})
	}
}

// timed adds how many milliseconds something takes.
func timed(sums map[string]float64, unit string, do func()) {
	start := time.Now()
	do()
	sums[unit] += time.Since(start).Seconds() * 1e3
}

func findAll(b *testing.B, host *pluginhost.Host, names []string) {
	b.Helper()
	for _, name := range names {
		if _, err := host.Find(b.Context(), name); err != nil {
			b.Fatal(err)
		}
	}
}

// callEach calls a plugin that runs, notes how long one call takes, and
// returns the number of its process.
func callEach(b *testing.B, sums map[string]float64, host *pluginhost.Host, name string) int {
	b.Helper()
	const calls = 100
	toolchain := startToolchain(b, host, name)
	pid := 0
	start := time.Now()
	for range calls {
		compiler, err := toolchain.Probe(b.Context(), sdk.ProbeRequest{CC: "/cc"})
		if err != nil {
			b.Fatal(err)
		}
		pid, _ = strconv.Atoi(compiler.Version)
	}
	sums["µs-call"] += time.Since(start).Seconds() * 1e6 / calls
	return pid
}

// inSandbox makes calls that each have a process of their own.
func inSandbox(b *testing.B, sums map[string]float64, opts pluginhost.Options, names []string) {
	b.Helper()
	opts.Sandbox = sandbox.Detect()
	host := pluginhost.New(opts)
	defer func() {
		if err := host.Close(); err != nil {
			b.Error(err)
		}
	}()
	for _, name := range names {
		toolchain, dir := startToolchain(b, host, name), b.TempDir()
		timed(sums, "ms-call-sandbox", func() {
			if _, err := toolchain.Probe(b.Context(), sdk.ProbeRequest{CC: "/cc", WorkDir: dir}); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// memory returns how many MiB of a process are in memory, and how many of them
// it shares with nobody.
func memory(b *testing.B, pid int) (resident, own float64) {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		b.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		fields := bytes.Fields(line)
		if len(fields) < 2 {
			continue
		}
		size, _ := strconv.ParseFloat(string(fields[1]), 64)
		switch string(fields[0]) {
		case "Rss:":
			resident = size / 1024
		case "Private_Clean:", "Private_Dirty:":
			own += size / 1024
		}
	}
	return resident, own
}
