package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/event"
	"github.com/mkmini/mkmini/core/testenv"
)

// workshop is a small system of its own with its own store, and a compiler
// that keeps count of its calls.
type workshop struct {
	dir string
	// calls is the file with a line for each call of the compiler.
	calls string
}

// newWorkshop makes one whose busybox has a few applets only.
func newWorkshop(t *testing.T) workshop {
	t.Helper()
	return workshopIn(t, t.TempDir())
}

func workshopIn(t *testing.T, dir string) workshop {
	t.Helper()
	testenv.Tool(t, "make", "make")
	gcc := testenv.Tool(t, "x86_64-linux-gnu-gcc", "gcc-x86-64-linux-gnu")
	w := workshop{dir: dir}
	w.calls = filepath.Join(w.dir, "calls")
	bin := filepath.Join(w.dir, "toolchain", "bin")
	if err := os.MkdirAll(bin, 0o777); err != nil {
		t.Fatal(err)
	}
	tools, err := filepath.Glob(filepath.Join(filepath.Dir(gcc), "x86_64-linux-gnu-*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tool := range tools {
		if name := filepath.Base(tool); name != "x86_64-linux-gnu-gcc" {
			if err := os.Symlink(tool, filepath.Join(bin, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	script := fmt.Sprintf("#!/bin/sh\necho \"$*\" >> '%s'\nexec %s \"$@\"\n", w.calls, gcc)
	if err := os.WriteFile(filepath.Join(bin, "x86_64-linux-gnu-gcc"), []byte(script), 0o777); err != nil {
		t.Fatal(err)
	}
	w.configure(t, "one", "cat")
	return w
}

// reference is a workshop that was built once, without disturbance.
type reference struct {
	workshop
	// artifacts are the digests by name, and compiled is how often the
	// compiler was called.
	artifacts map[string]string
	compiled  int
}

var undisturbed = struct {
	once sync.Once
	reference
}{}

// newReference returns the reference that the tests share.
func newReference(t *testing.T) reference {
	t.Helper()
	busyboxFile(t)
	undisturbed.once.Do(func() {
		w := workshopIn(t, filepath.Join(shared, "reference"))
		artifacts := digests(w.command().events(t))
		undisturbed.reference = reference{w, artifacts, w.compiled(t)}
	})
	if undisturbed.artifacts == nil {
		t.Fatal("the build of the reference failed in another test")
	}
	return undisturbed.reference
}

// configure writes the configuration.
func (w workshop) configure(t *testing.T, message, applet string) {
	t.Helper()
	text := fmt.Sprintf(`name = "tiny"

toolchain "x86_64" {
  from "path" { dir = %q }
}

busybox {
  %s
  applets { only = ["sh", "ls", %q] }
}

rootfs {
  file "/etc/motd" { content = "%s\n" }
}

export "rootfs" { format = "tar" }
export "rootfs" { format = "cpio.gz" }
export "docker" { tag = "tiny:latest" }
`, filepath.Join(w.dir, "toolchain"), busyboxFile(t), applet, message)
	if err := os.WriteFile(filepath.Join(w.dir, "tiny.hcl"), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// command returns the build. In the sandbox the compiler could not keep count.
func (w workshop) command() command {
	return command{
		args: []string{"-c", "tiny.hcl", "--no-sandbox"}, dir: w.dir,
		env: []string{"MKMINI_STORE=" + filepath.Join(w.dir, "store"), "HOME=" + w.dir},
	}
}

// compiled returns how often the compiler was called since the last time.
func (w workshop) compiled(t *testing.T) int {
	t.Helper()
	calls, err := os.ReadFile(w.calls)
	if os.IsNotExist(err) {
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(w.calls); err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(calls), "\n")
}

// steps returns which steps ran and which were cached.
func steps(events []event.Event) (ran, cached []string) {
	for _, e := range events {
		switch e.Kind {
		case event.Done:
			ran = append(ran, e.Step)
		case event.Cached:
			cached = append(cached, e.Step)
		}
	}
	return ran, cached
}

// digests returns the SHA-256 of each artifact by path.
func digests(events []event.Event) map[string]string {
	all := map[string]string{}
	for _, a := range events[len(events)-1].Artifacts {
		all[filepath.Base(a.Path)] = a.SHA256
	}
	return all
}

// TestCache builds, builds again, and changes one thing after another.
func TestCache(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)

	confined := w.command()
	confined.change = withoutProcesses
	if r := confined.run(t); r.code != 1 {
		t.Fatalf("a first build without processes: exit code %d\n%s", r.code, tail(r.stderr))
	}
	first := w.command().events(t)
	if ran, cached := steps(first); len(ran) < 6 || len(cached) != 0 {
		t.Errorf("the first build ran %q and had %q", ran, cached)
	}
	full := w.compiled(t)
	if full < 50 {
		t.Fatalf("the first build called the compiler %d times", full)
	}

	// Nothing changed: not one process is started.
	again := confined.events(t)
	if ran, cached := steps(again); len(ran) != 0 || len(cached) == 0 {
		t.Errorf("with nothing changed %q ran and %q was cached", ran, cached)
	}
	if diff := cmp.Diff(digests(first), digests(again)); diff != "" {
		t.Errorf("artifacts (-first +again):\n%s", diff)
	}

	// An artifact was lost or damaged: it is put back, without a build.
	lost := filepath.Join(w.dir, "out", "tiny-x86_64.cpio.gz")
	if err := os.Remove(lost); err != nil {
		t.Fatal(err)
	}
	damaged := filepath.Join(w.dir, "out", "tiny-x86_64.tar")
	if err := os.WriteFile(damaged, []byte("no tar"), 0o666); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(digests(first), digests(confined.events(t))); diff != "" {
		t.Errorf("artifacts (-first +put back):\n%s", diff)
	}
	for _, path := range []string{lost, damaged} {
		if info, err := os.Stat(path); err != nil || info.Size() < 1000 {
			t.Errorf("%s was not put back: %v", path, err)
		}
	}

	w.change(t, "two", "cat", first, false)
	w.change(t, "two", "head", first, true)

	// What was there once is still known.
	w.configure(t, "one", "cat")
	if diff := cmp.Diff(digests(first), digests(confined.events(t))); diff != "" {
		t.Errorf("artifacts (-first +back to the first):\n%s", diff)
	}
	if n := w.compiled(t); n != 0 {
		t.Errorf("the compiler was called %d times for what is known", n)
	}
}

// change builds a changed configuration, and checks that busybox is compiled
// only when it must be.
func (w workshop) change(t *testing.T, message, applet string, before []event.Event, compiles bool) {
	t.Helper()
	w.configure(t, message, applet)
	events := w.command().events(t)
	ran, _ := steps(events)
	if got := contains(ran, "busybox"); got != compiles {
		t.Errorf("%s, %s: ran %q", message, applet, ran)
	}
	if calls := w.compiled(t); (calls > 0) != compiles {
		t.Errorf("%s, %s: the compiler was called %d times", message, applet, calls)
	}
	for _, step := range []string{"fetch", "toolchain"} {
		if contains(ran, step) {
			t.Errorf("%s, %s: ran %q, which doesn't depend on it", message, applet, step)
		}
	}
	after := digests(events)
	for path, digest := range digests(before) {
		if after[path] == digest || after[path] == "" {
			t.Errorf("%s, %s: %s has digest %q as before", message, applet, path, digest)
		}
	}
}

func contains(steps []string, prefix string) bool {
	for _, s := range steps {
		if strings.HasPrefix(s, prefix) {
			return true
		}
	}
	return false
}

// TestConcurrentRuns starts two builds on one store: the work is done once.
func TestConcurrentRuns(t *testing.T) {
	t.Parallel()
	alone := newReference(t)
	w := newWorkshop(t)
	var wait sync.WaitGroup
	results := make([]result, 2)
	for i := range results {
		c := w.command()
		c.args = append(c.args, "--json", "--out", fmt.Sprint("out", i))
		wait.Go(func() { results[i] = c.run(t) })
	}
	wait.Wait()
	for _, r := range results {
		if r.code != 0 {
			t.Fatalf("exit code %d\n%s%s", r.code, tail(r.stdout), tail(r.stderr))
		}
		if diff := cmp.Diff(alone.artifacts, digests(decode(t, r.stdout))); diff != "" {
			t.Errorf("artifacts (-alone +beside another):\n%s", diff)
		}
	}
	// The probe of the compiler is cheap and may be done by both.
	if got := w.compiled(t); got >= 2*alone.compiled {
		t.Errorf("two builds called the compiler %d times, one alone %d times", got, alone.compiled)
	}
}
