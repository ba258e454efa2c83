package pluginhost_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/pluginhost"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// install puts the test binary as plugins into a folder.
func install(t testing.TB, dir string, names ...string) string {
	t.Helper()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		path := filepath.Join(dir, pluginhost.Prefix+name)
		if os.Link(self, path) != nil {
			copyFile(t, self, path)
		}
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

// newHost returns a host with the named plugins in one folder. Temporary
// files go to a folder that must be empty in the end.
func newHost(t testing.TB, opts pluginhost.Options, names ...string) *pluginhost.Host {
	t.Helper()
	opts.Dirs = append(opts.Dirs, install(t, t.TempDir(), names...))
	// Programs with the race detector sleep at their end for a second.
	opts.Env = append(opts.Env, "GORACE=atexit_sleep_ms=0")
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	host := pluginhost.New(opts)
	t.Cleanup(func() {
		if err := host.Close(); err != nil {
			t.Error(err)
		}
		left, err := os.ReadDir(temp)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range left {
			t.Errorf("left in the folder for temporary files: %s", entry.Name())
		}
	})
	return host
}

func startToolchain(t testing.TB, host *pluginhost.Host, name string) sdk.Toolchain {
	t.Helper()
	toolchain, err := host.Toolchain(t.Context(), name)
	if err != nil {
		t.Fatal(describeError(err))
	}
	return toolchain
}

// describeError returns all of a fault.
func describeError(err error) string {
	var f *fault.Error
	if !errors.As(err, &f) {
		return err.Error()
	}
	return strings.Join(append([]string{f.Error(), "remedy: " + f.Remedy}, f.Excerpt...), "\n")
}

// wantFault checks that an error is a fault with a remedy whose text has all
// the words.
func wantFault(t *testing.T, err error, words ...string) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) {
		t.Fatalf("got %v, want a *fault.Error", err)
	}
	if f.Summary == "" || f.Detail == "" || f.Remedy == "" {
		t.Errorf("summary, detail or remedy is missing: %+v", f)
	}
	text := describeError(err)
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("%q is not in:\n%s", word, text)
		}
	}
}

// waitGone waits for processes to end; a zombie that nobody waits for counts
// as ended.
func waitGone(t *testing.T, pids ...int) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for _, pid := range pids {
		for alive(pid) {
			if time.Now().After(deadline) {
				t.Fatalf("process %d is alive", pid)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
}

func alive(pid int) bool {
	if syscall.Kill(pid, 0) == syscall.ESRCH {
		return false
	}
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	_, after, _ := bytes.Cut(b, []byte(") "))
	return !bytes.HasPrefix(after, []byte("Z"))
}

func TestGoodPlugin(t *testing.T) {
	var log lockedBuffer
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	t.Setenv("MKMINI_SECRET", "1")
	host := newHost(t, pluginhost.Options{Logger: logger, Env: []string{"EXTRA=yes"}}, "good")
	toolchain := startToolchain(t, host, "good")

	info, err := toolchain.Describe(t.Context())
	if err != nil || info.Arch != "sw64" {
		t.Fatalf("Describe = %+v, %v", info, err)
	}
	compiler, err := toolchain.Probe(t.Context(), sdk.ProbeRequest{CC: "/usr/bin/cc"})
	if err != nil {
		t.Fatal(describeError(err))
	}
	env := map[string]string{}
	for _, fact := range compiler.Facts {
		env[fact.Name] = fact.Value
	}
	for name, want := range map[string]string{
		"PATH": os.Getenv("PATH"), "HOME": os.Getenv("HOME"), "TMPDIR": env["PLUGIN_UNIX_SOCKET_DIR"],
		"LC_ALL": "C", "TZ": "UTC", "EXTRA": "yes", "MKMINI_SECRET": "",
	} {
		if env[name] != want {
			t.Errorf("the plugin has %s=%q, want %q", name, env[name], want)
		}
	}

	out := t.TempDir()
	var reports []sdk.Report
	result, err := toolchain.Build(t.Context(), sdk.BuildRequest{OutDir: out}, func(r sdk.Report) { reports = append(reports, r) })
	if err != nil {
		t.Fatal(describeError(err))
	}
	if diff := cmp.Diff(sdk.BuildResult{Tree: "tree", Config: "config"}, result); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]sdk.Report{{Phase: "compile", Done: 1, Total: 1}}, reports); diff != "" {
		t.Errorf("reports (-want +got):\n%s", diff)
	}

	exporter, err := host.Exporter(t.Context(), "good")
	if err != nil {
		t.Fatal(describeError(err))
	}
	exported, err := exporter.Export(t.Context(), sdk.ExportRequest{Name: "mini", OutDir: t.TempDir()}, nil)
	if err != nil || len(exported.Artifacts) != 1 {
		t.Errorf("Export = %+v, %v", exported, err)
	}
	if err := host.Close(); err != nil {
		t.Error(err)
	}
	pid, _ := strconv.Atoi(compiler.Version)
	waitGone(t, pid)
	if !strings.Contains(log.String(), "probing /usr/bin/cc") {
		t.Errorf("standard error of the plugin is not in the log:\n%s", log.String())
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Callers that come at once share one process, and one that dies is
// replaced.
func TestSharedProcess(t *testing.T) {
	host := newHost(t, pluginhost.Options{}, "good")
	pid := func() string {
		compiler, err := startToolchain(t, host, "good").Probe(t.Context(), sdk.ProbeRequest{CC: "/cc"})
		if err != nil {
			t.Error(describeError(err))
		}
		return compiler.Version
	}
	pids := make([]string, 4)
	var group sync.WaitGroup
	for i := range pids {
		group.Go(func() { pids[i] = pid() })
	}
	group.Wait()
	for _, one := range pids {
		if one != pids[0] {
			t.Fatalf("processes %v", pids)
		}
	}
	number, _ := strconv.Atoi(pids[0])
	if err := syscall.Kill(number, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	waitGone(t, number)
	deadline := time.Now().Add(20 * time.Second)
	for {
		toolchain := startToolchain(t, host, "good")
		compiler, err := toolchain.Probe(t.Context(), sdk.ProbeRequest{CC: "/cc"})
		if err == nil {
			if compiler.Version == pids[0] {
				t.Error("a dead process answered")
			}
			break
		}
		// The host may not have noticed yet.
		if time.Now().After(deadline) {
			t.Fatal(describeError(err))
		}
	}
}

func TestDiagnosticsPass(t *testing.T) {
	host := newHost(t, pluginhost.Options{}, "diagnoses")
	_, err := startToolchain(t, host, "diagnoses").Probe(t.Context(), sdk.ProbeRequest{})
	var got sdk.Diagnostics
	if !errors.As(err, &got) {
		t.Fatalf("got %v", err)
	}
	want := sdk.Diagnostics{{Severity: sdk.Error, Summary: "No compiler", Path: []string{"attributes", "cpu"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("diagnostics (-want +got):\n%s", diff)
	}
}

func TestFailingCalls(t *testing.T) {
	tests := []struct {
		plugin string
		words  []string
	}{
		{"fails", []string{`Plugin "fails" failed to probe`, "Disk on fire"}},
		{"panics", []string{`Plugin "panics" crashed`, "exit status 2", `"probe"`, "panic: the cat is on the keyboard", "goroutine"}},
		{"oom", []string{`Plugin "oom" crashed`, "signal 9", "memory", "-j"}},
	}
	for _, test := range tests {
		t.Run(test.plugin, func(t *testing.T) {
			host := newHost(t, pluginhost.Options{}, test.plugin)
			_, err := startToolchain(t, host, test.plugin).Probe(t.Context(), sdk.ProbeRequest{})
			wantFault(t, err, test.words...)
		})
	}
}

func TestCrashInStream(t *testing.T) {
	host := newHost(t, pluginhost.Options{}, "breaks")
	reports := 0
	_, err := startToolchain(t, host, "breaks").Build(t.Context(), sdk.BuildRequest{}, func(sdk.Report) { reports++ })
	wantFault(t, err, `Plugin "breaks" crashed`, "exit status 7", `"build"`)
	if reports != 1 {
		t.Errorf("%d reports came before the crash", reports)
	}
}

// cancelled starts a build, cancels it when the processes are known, and
// returns them and the error.
func cancelled(t *testing.T, host *pluginhost.Host, name string) ([]int, error) {
	t.Helper()
	toolchain := startToolchain(t, host, name)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var pids []int
	_, err := toolchain.Build(ctx, sdk.BuildRequest{}, func(r sdk.Report) {
		for _, field := range strings.Fields(r.Message) {
			pid, err := strconv.Atoi(field)
			if err != nil {
				t.Error(err)
			}
			pids = append(pids, pid)
		}
		cancel()
	})
	return pids, err
}

// A cancelled compile is over when the call returns; the plugin lives on.
func TestCancelEndsTheCompile(t *testing.T) {
	host := newHost(t, pluginhost.Options{}, "compiles")
	pids, err := cancelled(t, host, "compiles")
	if !errors.Is(err, context.Canceled) || len(pids) != 3 {
		t.Fatalf("got %v, processes %v", err, pids)
	}
	waitGone(t, pids[1:]...)
	if !alive(pids[0]) {
		t.Error("the plugin died of a cancelled call")
	}
	if err := host.Close(); err != nil {
		t.Error(err)
	}
	waitGone(t, pids[0])
}

// A plugin that ignores the end of its call is ended itself, and at once.
func TestCancelEndsADeafPlugin(t *testing.T) {
	host := newHost(t, pluginhost.Options{}, "deaf")
	pids, err := cancelled(t, host, "deaf")
	if !errors.Is(err, context.Canceled) || len(pids) != 3 {
		t.Fatalf("got %v, processes %v", err, pids)
	}
	waitGone(t, pids...)
	if err := host.Close(); err != nil {
		t.Error(err)
	}
}

func TestCloseEndsAFrozenPlugin(t *testing.T) {
	host := newHost(t, pluginhost.Options{}, "freezes")
	toolchain := startToolchain(t, host, "freezes")
	compiler, err := toolchain.Probe(t.Context(), sdk.ProbeRequest{CC: "/cc"})
	if err != nil {
		t.Fatal(describeError(err))
	}
	done := make(chan error, 1)
	go func() {
		_, err := toolchain.Build(t.Context(), sdk.BuildRequest{OutDir: t.TempDir()}, nil)
		done <- err
	}()
	pid, _ := strconv.Atoi(compiler.Version)
	for !stopped(pid) {
		time.Sleep(5 * time.Millisecond)
	}
	if err := host.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err == nil {
		t.Error("a call of a plugin that was ended succeeded")
	}
	waitGone(t, pid)
}

func stopped(pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	_, after, _ := bytes.Cut(b, []byte(") "))
	return err != nil || bytes.HasPrefix(after, []byte("T"))
}

// When mkmini itself is killed, nothing of it stays.
func TestKilledHost(t *testing.T) {
	temp := t.TempDir()
	dir := install(t, t.TempDir(), "host", "compiles")
	cmd := exec.Command(filepath.Join(dir, pluginhost.Prefix+"host"))
	cmd.Env = append(os.Environ(), "TMPDIR="+temp)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pids := make([]int, 3)
	if _, err := fmt.Fscan(out, &pids[0], &pids[1], &pids[2]); err != nil {
		t.Error(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the host was not killed")
	}
	waitGone(t, pids...)
	left, err := os.ReadDir(temp)
	if err != nil || len(left) > 0 {
		t.Errorf("left in the folder for temporary files: %v, %v", left, err)
	}
}

func TestWrongAnswers(t *testing.T) {
	for plugin, words := range map[string][]string{
		"escapes": {`Plugin "escapes" gave a wrong answer`, "../artifact.txt"},
		"invents": {`Plugin "invents" gave a wrong answer`, "nowhere.txt"},
	} {
		t.Run(plugin, func(t *testing.T) {
			host := newHost(t, pluginhost.Options{}, plugin)
			exporter, err := host.Exporter(t.Context(), plugin)
			if err != nil {
				t.Fatal(describeError(err))
			}
			_, err = exporter.Export(t.Context(), sdk.ExportRequest{OutDir: t.TempDir()}, nil)
			wantFault(t, err, words...)
		})
	}
}

func TestUseAfterClose(t *testing.T) {
	host := newHost(t, pluginhost.Options{}, "good")
	toolchain := startToolchain(t, host, "good")
	if err := host.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := toolchain.Probe(t.Context(), sdk.ProbeRequest{}); err == nil {
		t.Error("a closed host made a call")
	}
	if _, err := host.Toolchain(t.Context(), "good"); err == nil {
		t.Error("a closed host started a plugin")
	}
	if err := host.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}
