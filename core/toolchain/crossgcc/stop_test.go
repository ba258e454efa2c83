package crossgcc

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCancel(t *testing.T) {
	b := newBench(t)
	b.write(t, "hang", "")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := b.Provide(ctx, info, b.from, nil)
		done <- err
	}()
	pid := waitFor(t, b.path("pid"))
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Provide gave %v", err)
	}
	gone(t, pid)
	if err := os.Remove(b.path("hang")); err != nil {
		t.Fatal(err)
	}
	b.trace(t)
	if _, err := b.provide(t); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(whole[4:], b.trace(t)); diff != "" {
		t.Errorf("what was done afterwards (-want +got):\n%s", diff)
	}
}

// childDir tells a process of TestKilled where to build.
const childDir = "MKMINI_TEST_CROSSGCC"

// A run that is killed outright leaves nothing that the next one trips over.
func TestKilled(t *testing.T) {
	if dir := os.Getenv(childDir); dir != "" {
		_, err := benchIn(t, dir).provide(t)
		t.Fatalf("it ended: %v", err)
	}
	b := newBench(t)
	b.write(t, "hang", "")
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilled$")
	child.Env = append(os.Environ(), childDir+"="+b.dir)
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	pid := waitFor(t, b.path("pid"))
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // it was killed
	gone(t, pid)
	if err := os.Remove(b.path("hang")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(whole[:5], b.trace(t)); diff != "" {
		t.Errorf("what was done (-want +got):\n%s", diff)
	}
	if _, err := b.provide(t); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(whole[4:], b.trace(t)); diff != "" {
		t.Errorf("what was done afterwards (-want +got):\n%s", diff)
	}
	if left, _ := os.ReadDir(b.Keeper.Store.Sub("tmp")); len(left) > 0 {
		t.Errorf("%s is left", left)
	}
}
