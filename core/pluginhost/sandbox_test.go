package pluginhost_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mkmini/mkmini/core/pluginhost"
	"github.com/mkmini/mkmini/core/sandbox"
	"github.com/mkmini/mkmini/core/testenv"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// needBox returns what confines files and network here.
func needBox(t *testing.T) *sandbox.Sandbox {
	t.Helper()
	box := sandbox.Detect()
	if !box.Files() || !box.Network() {
		testenv.Skip(t, "the kernel has no Landlock, and there is no bwrap that works (Debian package bubblewrap): %s", box)
	}
	return box
}

// TestSandbox has what a plugin starts reach for what it may not have. The
// same succeeds without the sandbox, or else the test would show nothing.
func TestSandbox(t *testing.T) {
	testenv.Tool(t, "bash", "bash")
	box := needBox(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	home, other := t.TempDir(), t.TempDir()
	t.Setenv("HOME", home)
	tests := []struct {
		name, script string
		confined     bool
	}{
		{"write to HOME", `echo x > "$HOME/file"`, false},
		{"write to another call's folder", "echo x > " + filepath.Join(other, "file"), false},
		{"write beside its folder", `echo x > "$OUT/../file"`, false},
		{"connect", "bash -c 'exec 3<>/dev/tcp/127.0.0.1/" + port + "'", false},
		{"write its output", `echo x > "$OUT/file"`, true},
		{"write its work", `echo x > "$WORK/file" && mv "$WORK/file" "$OUT/moved"`, true},
		{"write a temporary file", `echo x > "$TMPDIR/file"`, true},
		{"write to /dev/null", `echo x > /dev/null`, true},
		{"read", `ls / > /dev/null && cat /etc/passwd > "$WORK/passwd"`, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, box := range []*sandbox.Sandbox{nil, box} {
				// Folders below one that only we can write to.
				top := t.TempDir()
				work, out := filepath.Join(top, "work"), filepath.Join(top, "out")
				for _, dir := range []string{work, out} {
					if err := os.Mkdir(dir, 0o755); err != nil {
						t.Fatal(err)
					}
				}
				host := newHost(t, pluginhost.Options{
					Sandbox: box, Env: []string{"TRY=" + test.script, "WORK=" + work, "OUT=" + out},
				}, "reaches")
				said := ""
				_, err := startToolchain(t, host, "reaches").Build(t.Context(), sdk.BuildRequest{WorkDir: work, OutDir: out},
					func(r sdk.Report) { said += r.Message })
				if err != nil {
					t.Fatal(describeError(err))
				}
				if want := box == nil || test.confined; strings.Contains(said, "<nil>") != want {
					t.Errorf("in %s: %s", box, said)
				}
			}
		})
	}
}

// A plugin that describes itself is confined as well.
func TestSandboxOfDescribe(t *testing.T) {
	box := needBox(t)
	mark := filepath.Join(t.TempDir(), "mark")
	host := newHost(t, pluginhost.Options{Sandbox: box, Env: []string{"TRY=" + mark}}, "marks")
	_, err := host.Find(t.Context(), "marks")
	wantFault(t, err, `Plugin "marks" can't describe itself`, mark)
	host = newHost(t, pluginhost.Options{Env: []string{"TRY=" + mark}}, "marks")
	if _, err := host.Find(t.Context(), "marks"); err != nil {
		t.Error(describeError(err))
	}
}

// Each call with folders has a process of its own in the sandbox; the others
// share one.
func TestProcessOfACall(t *testing.T) {
	host := newHost(t, pluginhost.Options{Sandbox: needBox(t)}, "good")
	toolchain := startToolchain(t, host, "good")
	pid := func(dir string) string {
		t.Helper()
		compiler, err := toolchain.Probe(t.Context(), sdk.ProbeRequest{CC: "/cc", WorkDir: dir})
		if err != nil {
			t.Fatal(describeError(err))
		}
		return compiler.Version
	}
	a, b, c, d := pid(""), pid(""), pid(t.TempDir()), pid(t.TempDir())
	if a != b || c == d || a == c {
		t.Errorf("processes %s %s without folders, %s %s with", a, b, c, d)
	}
	_, err := toolchain.Probe(t.Context(), sdk.ProbeRequest{CC: "/cc", WorkDir: filepath.Join(t.TempDir(), "absent")})
	wantFault(t, err, `Plugin "good" can't be confined`, "absent", "--no-sandbox")
}

// Where the kernel has no Landlock, bubblewrap does.
func TestBubblewrap(t *testing.T) {
	testenv.Tool(t, "bwrap", "bubblewrap")
	box := sandbox.Bubblewrap()
	if box == nil {
		t.Skip("bwrap may not make namespaces here")
	}
	home := t.TempDir()
	t.Setenv("HOME", home)
	host := newHost(t, pluginhost.Options{Sandbox: box, Env: []string{"TRY=echo x > $HOME/file"}}, "good", "reaches", "litters")
	if _, err := build(t, host, "good"); err != nil {
		t.Error(describeError(err))
	}
	said, err := build(t, host, "reaches")
	if err != nil || len(said) == 0 || strings.Contains(said[0], "<nil>") {
		t.Errorf("reports %q, %v", said, err)
	}
	if _, err := os.Stat(filepath.Join(home, "file")); !os.IsNotExist(err) {
		t.Errorf("the file in HOME: %v", err)
	}
	_, err = build(t, host, "litters")
	wantFault(t, err, `Plugin "litters" crashed`, "exit status 9", `"build"`)
}
