package pluginhost_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mkmini/mkmini/core/pluginhost"
	"github.com/mkmini/mkmini/core/sandbox"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// inAndOut calls a test for plugins in the best sandbox there is, where each
// call has a process of its own, and for those that share one.
func inAndOut(t *testing.T, test func(*testing.T, *sandbox.Sandbox)) {
	t.Run("in", func(t *testing.T) {
		box := sandbox.Detect()
		t.Log(box)
		test(t, box)
	})
	t.Run("out", func(t *testing.T) { test(t, nil) })
}

// build calls a plugin with folders of their own, and returns what it
// reported.
func build(t *testing.T, host *pluginhost.Host, name string) ([]string, error) {
	t.Helper()
	var messages []string
	_, err := startToolchain(t, host, name).Build(t.Context(), sdk.BuildRequest{WorkDir: t.TempDir(), OutDir: t.TempDir()},
		func(r sdk.Report) { messages = append(messages, r.Message) })
	return messages, err
}

// TestMisbehaviour has plugins do what they must not. Each gets an error with
// the plugin's name, its path, the call, how it ended and what it wrote, and
// none keeps us from closing the host.
func TestMisbehaviour(t *testing.T) {
	// Long enough to start, also on a busy machine.
	const short = 2 * time.Second
	tests := []struct {
		plugin string
		opts   pluginhost.Options
		words  []string
	}{
		{"wrongcookie", pluginhost.Options{}, []string{"ended at its start", "exit status 1", "not meant to be executed directly"}},
		{"breaks", pluginhost.Options{}, []string{"crashed", "exit status 7", `"build"`}},
		{"freezes", pluginhost.Options{Heartbeat: short}, []string{"does not answer", "stopped by a signal", "for 2s", `"build"`, "MKMINI_PLUGIN_HEARTBEAT"}},
		{"idles", pluginhost.Options{Silence: short}, []string{"hangs", "no progress for 2s", `"build"`, "thinking", "MKMINI_PLUGIN_TIMEOUT"}},
		{"bloats", pluginhost.Options{}, []string{"sends too much", "64 MiB", `"build"`, "belongs into a file"}},
		{"litters", pluginhost.Options{}, []string{"crashed", "exit status 9", `"build"`}},
		{"eats", pluginhost.Options{Memory: 512 << 20}, []string{"crashed", "exit status 2", "512 MiB", "out of memory", `"build"`, "MKMINI_PLUGIN_MEMORY"}},
	}
	inAndOut(t, func(t *testing.T, box *sandbox.Sandbox) {
		for _, test := range tests {
			t.Run(test.plugin, func(t *testing.T) {
				if test.opts.Memory > 0 && raceDetector {
					t.Skip("the race detector takes more memory than the limit")
				}
				opts := test.opts
				opts.Sandbox = box
				host := newHost(t, opts, test.plugin)
				found, err := host.Find(t.Context(), test.plugin)
				if err != nil {
					t.Fatal(describeError(err))
				}
				toolchain, err := host.Toolchain(t.Context(), test.plugin)
				if err == nil {
					_, err = toolchain.Build(t.Context(), sdk.BuildRequest{WorkDir: t.TempDir(), OutDir: t.TempDir()}, nil)
				}
				wantFault(t, err, append(test.words, `Plugin "`+test.plugin+`"`, found.Path)...)
			})
		}
	})
}

// A plugin that is slow but reports is left alone.
func TestSlowIsNoHang(t *testing.T) {
	host := newHost(t, pluginhost.Options{Silence: 2 * time.Second}, "plods")
	if messages, err := build(t, host, "plods"); err != nil || len(messages) < 10 {
		t.Errorf("%d reports, %v", len(messages), err)
	}
}

// What a plugin sends as an answer is limited, and so is a failure's text.
func TestLargeAnswer(t *testing.T) {
	host := newHost(t, pluginhost.Options{}, "swells")
	_, err := startToolchain(t, host, "swells").Probe(t.Context(), sdk.ProbeRequest{})
	wantFault(t, err, `Plugin "swells" sends too much`, `"probe"`)
}

// Logs without end fill neither memory nor the error.
func TestFlood(t *testing.T) {
	var lines atomic.Int64
	logger := slog.New(slog.NewTextHandler(counter{&lines}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	host := newHost(t, pluginhost.Options{Logger: logger}, "floods")
	if _, err := build(t, host, "floods"); err != nil {
		t.Error(describeError(err))
	}
	if lines.Load() < 1000 {
		t.Errorf("only %d lines came", lines.Load())
	}
}

type counter struct{ lines *atomic.Int64 }

func (c counter) Write(p []byte) (int, error) {
	c.lines.Add(1)
	return len(p), nil
}

// A plugin's processes end with it, in whatever session they are.
func TestStrays(t *testing.T) {
	inAndOut(t, func(t *testing.T, box *sandbox.Sandbox) {
		for _, name := range []string{"litters", "abandons"} {
			t.Run(name, func(t *testing.T) {
				host := newHost(t, pluginhost.Options{Sandbox: box}, name)
				messages, err := build(t, host, name)
				if name == "litters" {
					wantFault(t, err, "exit status 9")
				} else if err != nil {
					t.Error(describeError(err))
				}
				if err := host.Close(); err != nil {
					t.Error(err)
				}
				pids := strings.Fields(messages[0])
				if len(pids) != 2 {
					t.Fatalf("reports %q", messages)
				}
				for i, text := range pids {
					pid, _ := strconv.Atoi(text)
					if i == 1 && box.Owns() == nil {
						// It has nothing that tells whose it is.
						_ = syscall.Kill(pid, syscall.SIGKILL)
					}
					waitGone(t, pid)
				}
			})
		}
	})
}

// A call that was cancelled leaves nothing running, though the plugin takes no
// notice and the host lives on.
func TestDeafCallInSandbox(t *testing.T) {
	box := sandbox.Detect()
	if !box.Files() {
		t.Skip("calls share a process without a sandbox")
	}
	host := newHost(t, pluginhost.Options{Sandbox: box}, "deaf", "good")
	ctx, cancel := context.WithCancel(t.Context())
	var pids []int
	_, err := startToolchain(t, host, "deaf").Build(ctx, sdk.BuildRequest{WorkDir: t.TempDir(), OutDir: t.TempDir()}, func(r sdk.Report) {
		for _, field := range strings.Fields(r.Message) {
			pid, _ := strconv.Atoi(field)
			pids = append(pids, pid)
		}
		cancel()
	})
	if !errors.Is(err, context.Canceled) || len(pids) != 3 {
		t.Fatalf("got %v, processes %v", err, pids)
	}
	waitGone(t, pids...)
	if _, err := build(t, host, "good"); err != nil {
		t.Error(describeError(err))
	}
}

// A killed plugin says so when the kernel says that memory ran out; here it
// did not.
func TestKilledByHand(t *testing.T) {
	host := newHost(t, pluginhost.Options{}, "oom")
	_, err := startToolchain(t, host, "oom").Probe(t.Context(), sdk.ProbeRequest{})
	wantFault(t, err, `Plugin "oom" crashed`, "signal 9", `"probe"`, filepath.Join("", pluginhost.Prefix+"oom"), "dmesg", "-j")
}

// The kernel takes a plugin before it takes mkmini.
func TestSacrifice(t *testing.T) {
	host := newHost(t, pluginhost.Options{}, "good")
	compiler, err := startToolchain(t, host, "good").Probe(t.Context(), sdk.ProbeRequest{CC: "/cc"})
	if err != nil {
		t.Fatal(describeError(err))
	}
	score, err := os.ReadFile("/proc/" + compiler.Version + "/oom_score_adj")
	if err != nil || strings.TrimSpace(string(score)) != "500" {
		t.Errorf("oom_score_adj is %q, %v", score, err)
	}
}
