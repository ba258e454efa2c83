package main_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/testenv"
)

// TestSandbox has a compiler write to the home folder whenever it runs, and
// call somebody. In the sandbox neither works, and the artifacts are the
// same bytes.
func TestSandbox(t *testing.T) {
	t.Parallel()
	testenv.Tool(t, "bash", "bash")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var callers atomic.Int64
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			callers.Add(1)
			conn.Close()
		}
	}()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	w := newWorkshop(t)
	gcc := testenv.Tool(t, "x86_64-linux-gnu-gcc", "gcc-x86-64-linux-gnu")
	script := fmt.Sprintf("#!/bin/sh\n{ echo \"$*\" >> \"$HOME/calls\"; } 2>/dev/null\ncase $* in *appletlib*) bash -c 'exec 3<>/dev/tcp/127.0.0.1/%s' 2>/dev/null;; esac\nexec %s \"$@\"\n", port, gcc)
	if err := os.WriteFile(filepath.Join(w.dir, "toolchain", "bin", "x86_64-linux-gnu-gcc"), []byte(script), 0o777); err != nil {
		t.Fatal(err)
	}

	c := w.command()
	c.args = []string{"-c", "tiny.hcl", "-v", "--plain"}
	r := c.run(t)
	if r.code != 0 {
		t.Fatalf("exit code %d\n%s", r.code, tail(r.stderr))
	}
	if !strings.Contains(r.stderr, "plugins are confined: ") {
		t.Errorf("-v doesn't say what confines plugins:\n%s", tail(r.stderr))
	}
	if strings.Contains(r.stderr, "files by nothing") {
		testenv.Skip(t, "the kernel has no Landlock, and there is no bwrap that works (Debian package bubblewrap)")
	}
	if calls, called := w.compiled(t), callers.Load(); calls > 0 || called > 0 {
		t.Errorf("in the sandbox the compiler wrote %d lines and made %d calls", calls, called)
	}
	c.args = []string{"-c", "tiny.hcl"}
	inside := digests(c.events(t))

	c.args = []string{"-c", "tiny.hcl", "--no-sandbox"}
	c.env = append(c.env, "MKMINI_STORE="+filepath.Join(w.dir, "another"))
	outside := digests(c.events(t))
	if calls, called := w.compiled(t), callers.Load(); calls == 0 || called == 0 {
		t.Errorf("without the sandbox the compiler wrote %d lines and made %d calls, so this shows nothing", calls, called)
	}
	if diff := cmp.Diff(inside, outside); diff != "" || len(inside) != 3 {
		t.Errorf("artifacts (-in the sandbox +without):\n%s", diff)
	}
}

// TestMisbehavedPlugins builds with toolchains that crash, freeze, idle and
// lie, beside a good one, which is built in spite of them.
func TestMisbehavedPlugins(t *testing.T) {
	t.Parallel()
	testenv.Tool(t, "gcc", "gcc")
	// Links from both runs, so on one file system.
	built := t.TempDir()
	good := makePlugin(t, "toolchain", built, "good")
	bad := makePlugin(t, "misbehaved", built, "bad")
	for _, flag := range []string{"--no-sandbox=false", "--no-sandbox"} {
		t.Run(flag, func(t *testing.T) {
			dir := t.TempDir()
			plugins := filepath.Join(dir, ".mkmini", "plugins")
			temp := filepath.Join(dir, "tmp")
			for _, folder := range []string{plugins, temp} {
				if err := os.MkdirAll(folder, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Link(good, filepath.Join(plugins, "mkmini-plugin-paper")); err != nil {
				t.Fatal(err)
			}
			config := "name = \"letter\"\ntoolchain \"paper\" {}\n"
			for _, name := range []string{"panics", "freezes", "idles", "escapes", "exits"} {
				if err := os.Link(bad, filepath.Join(plugins, "mkmini-plugin-"+name)); err != nil {
					t.Fatal(err)
				}
				config += fmt.Sprintf("toolchain %q {}\n", name)
			}
			config += fmt.Sprintf("busybox {\n  %s\n}\nexport \"rootfs\" { format = \"cpio\" }\n", busyboxFile(t))
			if err := os.WriteFile(filepath.Join(dir, "letter.hcl"), []byte(config), 0o666); err != nil {
				t.Fatal(err)
			}
			r := command{
				args: []string{"-c", "letter.hcl", "--keep-going", "--plain", flag}, dir: dir,
				env: []string{
					"MKMINI_STORE=" + filepath.Join(dir, "store"), "TMPDIR=" + temp, "HOME=" + dir,
					"MKMINI_PLUGIN_HEARTBEAT=6s", "MKMINI_PLUGIN_TIMEOUT=6s",
				},
			}.run(t)
			if r.code != 1 {
				t.Errorf("exit code %d", r.code)
			}
			for name, words := range map[string][]string{
				"panics":  {"crashed", "exit status 2", "there is no way to build"},
				"exits":   {"crashed", "exit status 5", "the last words of exits"},
				"freezes": {"does not answer", "stopped by a signal", "the last words of freezes"},
				"idles":   {"hangs", "made no progress for 6s", "the last words of idles"},
				"escapes": {"gave a wrong answer", "../../.."},
			} {
				for _, word := range append(words, fmt.Sprintf("Plugin %q", name), filepath.Join(plugins, "mkmini-plugin-"+name), `"build"`) {
					if !strings.Contains(oneLine(r.stderr), word) {
						t.Errorf("%s: %q is not in:\n%s", name, word, r.stderr)
					}
				}
			}
			if _, err := os.Stat(filepath.Join(dir, "out", "letter-paper64.cpio")); err != nil {
				t.Errorf("the good architecture: %v", err)
			}
			if left := left(t, temp); len(left) > 0 {
				t.Errorf("left behind are %v", left)
			}
		})
	}
}

// oneLine makes one line of what is broken into several.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// left returns what is in a folder, and the processes that have it in their
// environment.
func left(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		all = append(all, entry.Name())
	}
	processes, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range processes {
		if _, err := strconv.Atoi(entry.Name()); err != nil {
			continue
		}
		environ, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "environ"))
		if err == nil && strings.Contains(string(environ), "="+dir) {
			all = append(all, "process "+entry.Name())
		}
	}
	return all
}
