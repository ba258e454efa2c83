package pluginhost_test

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/pluginhost"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// debugged starts a plugin with --debug, and returns what it says of itself
// and a function that stops it as Ctrl-C does.
func debugged(t *testing.T, name string) (map[string]sdk.Reattach, func() error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(install(t, t.TempDir(), name), pluginhost.Prefix+name), "--debug")
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir(), "GORACE=atexit_sleep_ms=0")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("it printed %q, %v", line, err)
	}
	// The line is for a shell: let one read it.
	value, err := exec.CommandContext(t.Context(), "sh", "-c", line+"printf %s \"$"+sdk.ReattachVariable+"\"").Output()
	if err != nil {
		t.Fatalf("a shell can't read %s: %v", line, err)
	}
	attach, err := sdk.ParseReattach(string(value))
	if err != nil {
		t.Fatal(err)
	}
	if attach[name].Pid != cmd.Process.Pid {
		t.Fatalf("process %d says that it is %+v", cmd.Process.Pid, attach)
	}
	return attach, func() error {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			return err
		}
		_, _ = io.Copy(io.Discard, stdout)
		return cmd.Wait()
	}
}

func TestReattach(t *testing.T) {
	attach, stop := debugged(t, "good")
	var digests []string
	for range 2 {
		// The one in the folder would be started.
		host := newHost(t, pluginhost.Options{Attached: attach}, "good")
		found, err := host.Find(t.Context(), "good")
		if err != nil {
			t.Fatal(describeError(err))
		}
		digests = append(digests, found.Digest)
		toolchain := startToolchain(t, host, "good")
		compiler, err := toolchain.Probe(t.Context(), sdk.ProbeRequest{CC: "/bin/cc"})
		if err != nil {
			t.Fatal(describeError(err))
		}
		if pid := strings.TrimSpace(compiler.Version); pid != strconv.Itoa(attach["good"].Pid) {
			t.Errorf("process %s answered, not %d", pid, attach["good"].Pid)
		}
		out := t.TempDir()
		if _, err := toolchain.Build(t.Context(), sdk.BuildRequest{OutDir: out}, nil); err != nil {
			t.Error(describeError(err))
		}
		if err := host.Close(); err != nil {
			t.Error(err)
		}
		if err := syscall.Kill(attach["good"].Pid, 0); err != nil {
			t.Fatalf("the plugin ended with its host: %v", err)
		}
	}
	if digests[0] == digests[1] || !strings.HasPrefix(digests[0], "sha256:") {
		t.Errorf("digests %q: results would be found in the store", digests)
	}
	if err := stop(); err != nil {
		t.Errorf("Ctrl-C ends it with %v", err)
	}
	if _, err := os.Stat(attach["good"].Address); err == nil {
		t.Errorf("it leaves its socket %s", attach["good"].Address)
	}
	host := newHost(t, pluginhost.Options{Attached: attach})
	_, err := host.Toolchain(t.Context(), "good")
	wantFault(t, err, `Plugin "good" can't be attached to`, sdk.ReattachVariable, "--debug")
}

func TestParseReattach(t *testing.T) {
	if all, err := sdk.ParseReattach(""); len(all) > 0 || err != nil {
		t.Errorf("nothing is %v, %v", all, err)
	}
	good := `{"a":{"network":"unix","address":"/s","pid":1,"protocol":1,"executable":"/a","args":["__serve","a"]}}`
	all, err := sdk.ParseReattach(good)
	want := map[string]sdk.Reattach{"a": {Network: "unix", Address: "/s", Pid: 1, Protocol: 1, Executable: "/a", Args: []string{"__serve", "a"}}}
	if diff := cmp.Diff(want, all); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for _, bad := range []string{"x", good + "x", `{"a":{}}`, `{"a":{"network":"tcp","address":"/s","executable":"/a"}}`, `{"a":{"port":1}}`, "[]"} {
		if _, err := sdk.ParseReattach(bad); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}
