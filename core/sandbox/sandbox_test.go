package sandbox_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/mkmini/mkmini/core/sandbox"
	"github.com/mkmini/mkmini/core/testenv"
)

// try makes the test program do one thing, in place of its tests.
const try = "-try"

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == try {
		if err := attempts[os.Args[2]](os.Args[3:]); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// attempts are what a program may try to do.
var attempts = map[string]func([]string) error{
	"write":    func(args []string) error { return os.WriteFile(args[0], []byte("new"), 0o600) },
	"truncate": func(args []string) error { return os.Truncate(args[0], 0) },
	"mkdir":    func(args []string) error { return os.Mkdir(args[0], 0o700) },
	"remove":   func(args []string) error { return os.Remove(args[0]) },
	"rename":   func(args []string) error { return os.Rename(args[0], args[1]) },
	"link":     func(args []string) error { return os.Link(args[0], args[1]) },
	"symlink":  func(args []string) error { return os.Symlink("x", args[0]) },
	"read":     func(args []string) error { _, err := os.ReadFile(args[0]); return err },
	"run": func([]string) error {
		return exec.Command("/bin/sh", "-c", "echo out >/dev/null; echo err >/dev/stderr").Run()
	},
	"dial": func(args []string) error {
		c, err := net.Dial(args[0], args[1])
		if err != nil {
			return err
		}
		_, err = c.Write([]byte("x"))
		return err
	},
	"listen": func(args []string) error {
		l, err := net.Listen(args[0], args[1])
		if err != nil {
			return err
		}
		return l.Close()
	},
	"kill": func(args []string) error {
		pid, err := strconv.Atoi(args[0])
		if err != nil {
			return err
		}
		return syscall.Kill(pid, 0)
	},
}

// attempt makes a confined process do something, and returns what it printed
// if that failed.
func attempt(t *testing.T, box *sandbox.Sandbox, writable []string, args ...string) error {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, append([]string{try}, args...)...)
	// Programs with the race detector sleep at their end for a second.
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	failed := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if err := box.Enter(cmd, writable...); err != nil {
			failed <- fmt.Errorf("enter: %w", err)
			return
		}
		failed <- cmd.Run()
	}()
	err = <-failed
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if err != nil {
		return errors.New(strings.TrimSpace(out.String()))
	}
	return nil
}

// boxes calls a test with each kind of sandbox.
func boxes(t *testing.T, test func(*testing.T, *sandbox.Sandbox)) {
	t.Run("landlock", func(t *testing.T) {
		box := sandbox.Landlock()
		if box == nil {
			testenv.Skip(t, "the kernel has no Landlock of version 2 or newer")
		}
		test(t, box)
	})
	t.Run("bwrap", func(t *testing.T) {
		testenv.Tool(t, "bwrap", "bubblewrap")
		box := sandbox.Bubblewrap()
		if box == nil {
			t.Skip("bwrap may not make namespaces here")
		}
		test(t, box)
	})
}

func TestFiles(t *testing.T) {
	boxes(t, func(t *testing.T, box *sandbox.Sandbox) {
		if !box.Files() || !box.Network() || !strings.Contains(box.String(), "files") {
			t.Errorf("the sandbox is %s", box)
		}
		outside, a, b := t.TempDir(), t.TempDir(), t.TempDir()
		for _, path := range []string{filepath.Join(outside, "old"), filepath.Join(a, "old")} {
			if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		old, mine := filepath.Join(outside, "old"), filepath.Join(a, "old")
		tests := []struct {
			args    []string
			allowed bool
		}{
			{[]string{"write", filepath.Join(a, "new")}, true},
			{[]string{"mkdir", filepath.Join(a, "dir")}, true},
			{[]string{"write", filepath.Join(a, "dir", "new")}, true},
			{[]string{"rename", filepath.Join(a, "new"), filepath.Join(a, "newer")}, true},
			{[]string{"link", filepath.Join(a, "newer"), filepath.Join(a, "dir", "newest")}, true},
			{[]string{"truncate", mine}, true},
			{[]string{"remove", mine}, true},
			{[]string{"symlink", filepath.Join(b, "link")}, true},
			{[]string{"listen", "unix", filepath.Join(b, "socket")}, true},
			{[]string{"write", "/dev/null"}, true},
			{[]string{"read", old}, true},
			{[]string{"run"}, true},
			{[]string{"write", filepath.Join(outside, "new")}, false},
			{[]string{"write", old}, false},
			{[]string{"truncate", old}, false},
			{[]string{"mkdir", filepath.Join(outside, "dir")}, false},
			{[]string{"remove", old}, false},
			{[]string{"rename", old, filepath.Join(outside, "newer")}, false},
			{[]string{"rename", filepath.Join(a, "newer"), filepath.Join(outside, "newer")}, false},
			{[]string{"link", old, filepath.Join(a, "old")}, false},
			{[]string{"symlink", filepath.Join(outside, "link")}, false},
			{[]string{"listen", "unix", filepath.Join(outside, "socket")}, false},
		}
		for _, test := range tests {
			if err := attempt(t, box, []string{a, b}, test.args...); (err == nil) != test.allowed {
				t.Errorf("%v: %v", test.args, err)
			}
		}
		if b, err := os.ReadFile(old); err != nil || string(b) != "old" {
			t.Errorf("the file outside is %q, %v", b, err)
		}
		entries, err := os.ReadDir(outside)
		if err != nil || len(entries) != 1 {
			t.Errorf("outside are %v, %v", entries, err)
		}
	})
}

func TestNetwork(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	// received returns what came before a mark of our own.
	received := func() string {
		t.Helper()
		conn, err := net.Dial("udp", udp.LocalAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Write([]byte("mark")); err != nil {
			t.Fatal(err)
		}
		var all string
		for b := make([]byte, 16); !strings.HasSuffix(all, "mark"); {
			n, _, err := udp.ReadFrom(b)
			if err != nil {
				t.Fatal(err)
			}
			all += string(b[:n])
		}
		return strings.TrimSuffix(all, "mark")
	}
	ways := [][]string{
		{"dial", "tcp", tcp.Addr().String()}, {"dial", "udp", udp.LocalAddr().String()}, {"listen", "tcp", "127.0.0.1:0"},
	}
	for _, way := range ways {
		if err := attempt(t, nil, nil, way...); err != nil {
			t.Fatalf("without a sandbox: %v: %v", way, err)
		}
	}
	if got := received(); got != "x" {
		t.Fatalf("without a sandbox came %q", got)
	}
	boxes(t, func(t *testing.T, box *sandbox.Sandbox) {
		if err := attempt(t, box, nil, ways[0]...); err == nil {
			t.Errorf("%v succeeded", ways[0])
		}
		// A network of its own takes the packet, and doesn't bring it here.
		_ = attempt(t, box, nil, ways[1]...)
		if got := received(); got != "" {
			t.Errorf("%q came out", got)
		}
	})
	// It also holds without Landlock.
	if box := sandbox.FilterOnly(); box.Network() {
		for _, way := range ways {
			if err := attempt(t, box, nil, way...); err == nil || !strings.Contains(err.Error(), "permission denied") {
				t.Errorf("%v: %v", way, err)
			}
		}
		if err := attempt(t, box, nil, "listen", "unix", filepath.Join(t.TempDir(), "socket")); err != nil {
			t.Error(err)
		}
	}
}

// Neither are the threads bound that the sandbox isn't for.
func TestOthersAreFree(t *testing.T) {
	box := sandbox.Detect()
	t.Log(box)
	for range 20 {
		if err := attempt(t, box, nil, "write", filepath.Join(t.TempDir(), "new")); box.Files() == (err == nil) {
			t.Errorf("a confined process: %v", err)
		}
		if err := os.WriteFile(filepath.Join(t.TempDir(), "new"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := attempt(t, nil, nil, "write", filepath.Join(t.TempDir(), "new")); err != nil {
			t.Error(err)
		}
	}
}

func TestMissingFolder(t *testing.T) {
	box := sandbox.Landlock()
	if box == nil {
		testenv.Skip(t, "the kernel has no Landlock of version 2 or newer")
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		done <- box.Enter(exec.Command("true"), filepath.Join(t.TempDir(), "absent"))
	}()
	if err := <-done; !errors.Is(err, sandbox.ErrConfine) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// Descendants are told from others, whatever they do.
func TestOwns(t *testing.T) {
	box := sandbox.Landlock()
	if box == nil || box.Owns() == nil {
		testenv.Skip(t, "the kernel has no Landlock of version 6 or newer")
	}
	stranger := exec.Command("sleep", "1000")
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stranger.Process.Kill(); _ = stranger.Wait() }()
	type answer struct {
		mine, other, parent bool
		signal              error
	}
	done := make(chan answer)
	go func() {
		runtime.LockOSThread()
		cmd := exec.Command("setsid", "env", "-i", "/bin/sleep", "1000")
		if err := errors.Join(box.Enter(cmd), cmd.Start()); err != nil {
			t.Error(err)
			close(done)
			return
		}
		owns := box.Owns()
		done <- answer{
			mine: owns(cmd.Process.Pid), other: owns(stranger.Process.Pid), parent: owns(os.Getppid()),
			signal: syscall.Kill(stranger.Process.Pid, 0),
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	if got := <-done; !got.mine || got.other || got.parent || !errors.Is(got.signal, syscall.EPERM) {
		t.Errorf("got %+v", got)
	}
	if err := attempt(t, box, nil, "kill", strconv.Itoa(os.Getpid())); err == nil {
		t.Error("a confined process may signal us")
	}
}

func TestOff(t *testing.T) {
	var off *sandbox.Sandbox
	if off.Files() || off.Network() || off.Owns() != nil || !strings.Contains(off.String(), "off") {
		t.Errorf("%s", off)
	}
	if err := attempt(t, off, nil, "write", filepath.Join(t.TempDir(), "new")); err != nil {
		t.Error(err)
	}
}
