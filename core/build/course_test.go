package build_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/event"
)

// courses checks that the events of each step come in the order that package
// event promises, and returns them.
func (w *world) courses() map[string][]event.Kind {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	all := map[string][]event.Kind{}
	for _, e := range w.events {
		if e.Step == "" {
			continue
		}
		name := strings.TrimSuffix(e.Step+"/"+e.Arch, "/")
		before := all[name]
		switch {
		case len(before) == 0:
			if e.Kind != event.Start && e.Kind != event.Cached && e.Kind != event.Skipped {
				w.t.Errorf("%s begins with %s", name, e.Kind)
			}
		case before[len(before)-1].Ends():
			w.t.Errorf("%s has %s after its end, %s", name, e.Kind, before[len(before)-1])
		case e.Kind == event.Start, e.Kind == event.Skipped:
			w.t.Errorf("%s has %s after %v", name, e.Kind, before)
		}
		if e.Kind == event.Skipped && !strings.Contains(e.Message, ": ") {
			w.t.Errorf("%s was skipped, and %q names no step", name, e.Message)
		}
		all[name] = append(before, e.Kind)
	}
	for name, kinds := range all {
		if !kinds[len(kinds)-1].Ends() {
			w.t.Errorf("%s has no end: %v", name, kinds)
		}
	}
	return all
}

// TestCourseOfWaiting has another process hold the key that a build wants.
func TestCourseOfWaiting(t *testing.T) {
	for _, made := range []bool{false, true} {
		w := newWorld(t)
		w.mustBuild()
		w.job.Config.Targets[0].Busybox.Set = map[string]string{"FOO": "n"}
		preview, err := w.builder.Preview(t.Context(), w.job)
		if err != nil {
			t.Fatal(err)
		}
		at := slices.IndexFunc(preview.Steps, func(s event.Step) bool { return s.Step == "busybox" && s.Arch == "a64" })
		key := "busybox-a64-" + preview.Steps[at].Key
		if keys, _ := filepath.Glob(filepath.Join(w.dir, "store", "steps", "busybox-a64-*")); len(keys) != 1 {
			t.Fatalf("results of busybox: %q", keys)
		}
		unlock, err := w.builder.Store.Lock(t.Context(), key, nil)
		if err != nil {
			t.Fatal(err)
		}
		go func() { // the other one is done once somebody waits for it
			defer unlock()
			for !slices.Contains(w.kinds("busybox", "a64"), event.Waiting) && t.Context().Err() == nil {
				time.Sleep(time.Millisecond)
			}
			if made {
				before, _ := filepath.Glob(filepath.Join(w.dir, "store", "steps", "busybox-a64-*"))
				if err := os.CopyFS(w.builder.Store.Path(key), os.DirFS(before[0])); err != nil {
					t.Error(err)
				}
			}
		}()
		w.mustBuild()
		want := []event.Kind{event.Start, event.Waiting, event.Progress, event.Progress, event.Done}
		if made {
			want = []event.Kind{event.Start, event.Waiting, event.Cached}
		}
		if diff := cmp.Diff(want, w.courses()["busybox/a64"]); diff != "" {
			t.Errorf("made by the other: %v (-want +got):\n%s", made, diff)
		}
	}
}

// TestCourseOfFailures looks at the events of builds that fail.
func TestCourseOfFailures(t *testing.T) {
	skipped := []event.Kind{event.Skipped}
	for name, test := range map[string]struct {
		prepare func(w *world)
		want    map[string][]event.Kind
	}{
		"a toolchain": {
			func(w *world) { _ = os.Remove(filepath.Join(w.dir, "bin", "a64-linux-gnu-gcc")) },
			map[string][]event.Kind{"toolchain/a64": {event.Start, event.Failed}, "busybox/a64": skipped, "export copy/a64": skipped},
		},
		"a build": {
			func(w *world) { w.broken["a64"] = errors.New("broken") },
			map[string][]event.Kind{"toolchain/a64": {event.Start, event.Done}, "busybox/a64": {event.Start, event.Failed}, "check/a64": skipped},
		},
		"an artifact in the store that can't be put in place": {
			func(w *world) {
				w.mustBuild()
				w.write("out/mini-a64.tar", "mine")
				stored, _ := filepath.Glob(filepath.Join(w.dir, "store", "steps", "export-*", "out", "mini-a64.tar"))
				for _, path := range stored {
					_ = os.WriteFile(path, []byte("damaged"), 0o644)
				}
			},
			map[string][]event.Kind{"busybox/a64": {event.Cached}, "export copy/a64": {event.Start, event.Failed}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.builder.KeepGoing = true
			test.prepare(w)
			if _, err := w.build(); err == nil {
				t.Fatal("it did not fail")
			}
			got := w.courses()
			for step, kinds := range test.want {
				if diff := cmp.Diff(kinds, got[step]); diff != "" {
					t.Errorf("%s (-want +got):\n%s", step, diff)
				}
			}
		})
	}
}

// TestCourseOfCancel stops a build that has one place for a compile: the
// architecture that waits for it has not begun.
func TestCourseOfCancel(t *testing.T) {
	w := newWorld(t)
	w.builder.Jobs = 1
	ctx, cancel := context.WithCancel(t.Context())
	w.during = func(ctx context.Context, _ string) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}
	if _, err := w.builder.Build(ctx, w.job); !errors.Is(err, context.Canceled) {
		t.Fatalf("err = %v", err)
	}
	got := w.courses()
	if len(got["busybox/a64"])+len(got["busybox/b64"]) != 2 {
		t.Errorf("busybox: %v and %v", got["busybox/a64"], got["busybox/b64"])
	}
}

func TestProgressHasATime(t *testing.T) {
	w := newWorld(t)
	var ticks atomic.Int64
	w.builder.Now = func() time.Time { return time.Unix(ticks.Add(1), 0) }
	w.mustBuild()
	for _, e := range w.events {
		if e.Kind == event.Progress && e.Elapsed <= 0 {
			t.Errorf("%s %s: elapsed %v", e.Step, e.Phase, e.Elapsed)
		}
	}
}
