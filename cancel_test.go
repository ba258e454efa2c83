package main_test

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/event"
	"github.com/mkmini/mkmini/core/testenv"
)

// started is a build on its way, in a session of its own: its processes may
// change their group, but not their session.
type started struct {
	*exec.Cmd
	lines *bufio.Scanner
}

func (c command) start(t *testing.T) *started {
	t.Helper()
	c.args = append(c.args, "--json")
	cmd := c.cmd(t)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	return &started{cmd, lines}
}

// until reads events up to one for which ready says true.
func (s *started) until(t *testing.T, ready func(event.Event) bool) {
	t.Helper()
	for s.lines.Scan() {
		var e event.Event
		if err := json.Unmarshal(s.lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		if ready(e) {
			return
		}
	}
	t.Fatalf("the build ended before what the test waits for: %v", s.Wait())
}

// compiling says that compilers run right now.
func compiling(e event.Event) bool {
	return e.Kind == event.Progress && strings.HasPrefix(e.Step, "busybox") && e.Done >= 5
}

// end reads the rest and returns the exit code and how long it took.
func (s *started) end(t *testing.T) (int, time.Duration) {
	t.Helper()
	start := time.Now()
	for s.lines.Scan() {
	}
	_ = s.Wait() // The exit code tells.
	return s.ProcessState.ExitCode(), time.Since(start)
}

// session returns the processes of the build's session that are alive, each
// with its command.
func (s *started) session(t *testing.T) []string {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	var alive []string
	for _, name := range stats {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		// 42 (name) S ppid pgrp session …; the name may hold anything.
		_, rest, _ := strings.Cut(string(text), "(")
		at := strings.LastIndex(rest, ")")
		fields := strings.Fields(rest[at+1:])
		if fields[3] == strconv.Itoa(s.Process.Pid) && fields[0] != "Z" {
			alive = append(alive, rest[:at])
		}
	}
	return alive
}

// gone waits until no process of the session is left.
func (s *started) gone(t *testing.T) {
	t.Helper()
	var alive []string
	for range 300 {
		if alive = s.session(t); len(alive) == 0 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("still there: %q", alive)
}

// finishes checks that the next build does the rest of the job, with the same
// result as one that was never stopped.
func (w workshop) finishes(t *testing.T, want map[string]string) {
	t.Helper()
	if left, err := filepath.Glob(filepath.Join(w.dir, "out", "*")); err != nil || len(left) > 0 {
		t.Errorf("the stopped build left %q in out (%v)", left, err)
	}
	events := w.command().events(t)
	if diff := cmp.Diff(want, digests(events)); diff != "" {
		t.Errorf("artifacts (-never stopped +stopped):\n%s", diff)
	}
	left, err := filepath.Glob(filepath.Join(w.dir, "out", ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left in out: %q (%v)", left, err)
	}
	if ran, _ := steps(events); contains(ran, "source") {
		t.Errorf("the source was fetched again: %q", ran)
	}
}

// TestStop stops builds in the middle of the compile in several ways.
func TestStop(t *testing.T) {
	t.Parallel()
	want := newReference(t).artifacts
	for _, how := range []struct {
		name string
		sig  syscall.Signal
		// group sends it to the whole group, as a terminal does.
		group bool
		code  int
	}{
		{"Ctrl-C", syscall.SIGINT, true, 130},
		{"SIGINT", syscall.SIGINT, false, 130},
		{"SIGTERM", syscall.SIGTERM, false, 130},
		{"SIGKILL", syscall.SIGKILL, false, -1},
	} {
		t.Run(how.name, func(t *testing.T) {
			w := newWorkshop(t)
			s := w.command().start(t)
			s.until(t, compiling)
			if n := len(s.session(t)); n < 3 {
				t.Errorf("%d processes while it compiles", n)
			}
			pid := s.Process.Pid
			if how.group {
				pid = -pid
			}
			if err := syscall.Kill(pid, how.sig); err != nil {
				t.Fatal(err)
			}
			code, took := s.end(t)
			t.Logf("ended after %s", took.Round(time.Millisecond))
			if code != how.code {
				t.Errorf("exit code %d, want %d", code, how.code)
			}
			if how.sig != syscall.SIGKILL {
				// It waits for what it started.
				if alive := s.session(t); len(alive) > 0 {
					t.Errorf("it left %q behind", alive)
				}
			}
			s.gone(t)
			// The compiler's own path is in its fingerprint, not in the results.
			w.finishes(t, want)
		})
	}
}

// TestNoSpace gives the build an output folder or a store that fills up.
func TestNoSpace(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		testenv.Skip(t, "mounting a small file system needs root")
	}
	built := newReference(t)
	small := newWorkshop(t)
	for name, c := range map[string]command{"out": built.command(), "store": small.command()} {
		t.Run(name, func(t *testing.T) {
			full := mountSmall(t)
			c.args = append(c.args, "--"+name, full)
			r := c.run(t)
			if r.code != 1 {
				t.Errorf("exit code %d, want 1", r.code)
			}
			if !strings.Contains(strings.ToLower(r.stderr), "no space left") || strings.Contains(r.stderr, "goroutine") {
				t.Errorf("it doesn't say why:\n%s", r.stderr)
			}
			if name == "out" {
				if left := names(t, full); strings.Contains(left, "tar") || strings.HasPrefix(left, ".") {
					t.Errorf("left behind: %q", left)
				}
			}
		})
	}
}

// mountSmall mounts a file system of half a MiB for the time of the test.
func mountSmall(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=512k"); err != nil {
		testenv.Skip(t, "no small file system can be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}
