package ui

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/event"
)

// broken is a writer that fails after some writes.
type broken struct {
	left int
	err  error
}

func (b *broken) Write(p []byte) (int, error) {
	if b.left--; b.left < 0 {
		return 0, b.err
	}
	return len(p), nil
}

func TestCloseReturnsWriteError(t *testing.T) {
	gone := errors.New("gone")
	for _, mode := range []Mode{Plain, JSON} {
		out := &broken{err: gone}
		u := New(Options{Out: out, Err: io.Discard, Mode: mode})
		u.Event(event.Event{Kind: event.Summary, Result: event.ResultOK, Artifacts: artifacts()})
		u.Event(event.Event{Kind: event.Log, Level: "error", Message: "late"})
		if err := u.Close(); !errors.Is(err, gone) {
			t.Errorf("mode %d: Close returned %v, want %v", mode, err, gone)
		}
	}
}

func TestJSONLinesEndInSummary(t *testing.T) {
	var out bytes.Buffer
	d := newDial()
	u := New(Options{Out: &out, Err: &broken{}, Mode: JSON, Now: d.now})
	play(u, d)
	u.Event(event.Event{Kind: event.Log, Level: "debug", Message: "hidden"})
	if err := u.Close(); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	var last event.Event
	for i, line := range lines {
		last = event.Event{}
		if err := json.Unmarshal([]byte(line), &last); err != nil {
			t.Fatalf("line %d: %v: %s", i+1, err, line)
		}
	}
	want := event.Event{
		Kind: event.Summary, Result: event.ResultFailed, Time: d.now(),
		Elapsed: d.now().Sub(newDial().now()), Artifacts: artifacts(),
	}
	for i := range want.Artifacts {
		want.Artifacts[i].Run = Commands(want.Artifacts[i])
	}
	if diff := cmp.Diff(want, last); diff != "" {
		t.Errorf("last event (-want +got):\n%s", diff)
	}
}

func TestPlainHeartbeat(t *testing.T) {
	var err bytes.Buffer
	d := newDial()
	u := New(Options{Out: io.Discard, Err: &err, Mode: Plain, Now: d.now})
	defer u.Close()
	for i := range 25 {
		u.Event(event.Event{Kind: event.Progress, Step: "busybox", Arch: "sw64", Phase: "link", Done: i + 1})
		d.turn(time.Second)
	}
	want := "[sw64] busybox: link 1\n[sw64] busybox: link 11\n[sw64] busybox: link 21\n"
	if diff := cmp.Diff(want, err.String()); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

func TestVerdict(t *testing.T) {
	tests := []struct {
		name   string
		kinds  []event.Kind
		result event.Result
		want   string
	}{
		{"built", []event.Kind{event.Done, event.Done, event.Cached}, event.ResultOK, "built in 1.5s: 2 steps run, 1 cached"},
		{"nothing to do", []event.Kind{event.Cached, event.Cached}, event.ResultOK, "nothing to do, 2 steps cached (1.5s)"},
		{"failed early", nil, event.ResultFailed, "failed after 1.5s: 0 steps run"},
		{"cancelled", []event.Kind{event.Done, event.Cancelled}, event.ResultCancelled, "cancelled after 1.5s: 1 step run, 1 cancelled"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			sum := newTally()
			for _, kind := range test.kinds {
				sum.add(&event.Event{Kind: kind})
			}
			got := sum.verdict(event.Event{Result: test.result, Elapsed: 1500 * time.Millisecond})
			if got != test.want {
				t.Errorf("verdict = %q, want %q", got, test.want)
			}
		})
	}
}

func TestHandler(t *testing.T) {
	var got []event.Event
	sink := event.Func(func(e event.Event) {
		if e.Time.IsZero() {
			t.Error("a log event has no time")
		}
		e.Time = time.Time{}
		got = append(got, e)
	})
	log := slog.New(NewHandler(sink, slog.LevelInfo))
	log.Debug("unseen")
	log.Info("fetched", "url", "https://example.org/a b", "n", 3)
	log.With("plugin", "sw64").WithGroup("call").Warn("slow", "ms", 900)
	log.Error("bare")
	want := []event.Event{
		{Kind: event.Log, Level: "info", Message: `fetched url="https://example.org/a b" n=3`},
		{Kind: event.Log, Level: "warn", Message: "slow plugin=sw64 call.ms=900"},
		{Kind: event.Log, Level: "error", Message: "bare"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestDetect(t *testing.T) {
	getenv := func(string) string { return "" }
	if got := Detect(new(bytes.Buffer), getenv); got != (Screen{}) {
		t.Errorf("a buffer is %+v", got)
	}
}
