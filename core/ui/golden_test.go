package ui

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/event"
	"github.com/mkmini/mkmini/plugins/sdk"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// dial is a clock that tests turn by hand.
type dial struct {
	mu   sync.Mutex
	time time.Time
}

func newDial() *dial {
	return &dial{time: time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)}
}

func (d *dial) now() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.time
}

func (d *dial) turn(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.time = d.time.Add(by)
}

const digest = "b8cc24c9574d809e7279c3be349795c5d5ceb6fdf19ca709f80cde50e47de314"

func artifacts() []event.Artifact {
	return []event.Artifact{
		{Path: "out/minios-aarch64.docker.tar", Format: "docker", Arch: "aarch64", Libc: "musl 1.2.3", SHA256: digest, Size: 2051234,
			Elapsed: 440 * time.Millisecond, Run: []string{"docker load -i {path}", "docker run --rm -it minios:latest"}},
		{Path: "我的 系统/minios.oci", Format: "oci", Size: 812, SHA256: digest, Cached: true,
			Run: []string{"skopeo inspect oci:{path} && true"}},
	}
}

// play sends a build that has some of everything.
func play(s event.Sink, d *dial) {
	step := func(k event.Kind, step, arch string) event.Event {
		return event.Event{Kind: k, Step: step, Arch: arch}
	}
	send := func(e event.Event, after time.Duration) {
		d.turn(after)
		s.Event(e)
	}
	send(event.Event{Kind: event.Plan, Steps: planRows()}, 0)
	send(step(event.Start, "fetch", ""), 0)
	for i := range 3 {
		e := step(event.Progress, "fetch", "")
		e.Phase, e.Done, e.Total, e.Unit = "download", i*1250000, 2500000, event.Bytes
		send(e, 700*time.Millisecond)
	}
	done := step(event.Done, "fetch", "")
	done.Message = "busybox-1.36.1.tar.bz2"
	send(done, 100*time.Millisecond)
	hit := step(event.Cached, "toolchain", "aarch64")
	hit.Facts = facts()
	send(hit, 0)
	busybox := step(event.Start, "busybox", "aarch64")
	send(busybox, 0)
	busybox.Kind, busybox.Phase, busybox.Message = event.Progress, "configure", "\x1b[1mdefconfig\x1b[0m"
	send(busybox, time.Second)
	for i := range 60 {
		busybox.Phase, busybox.Done, busybox.Total, busybox.Message = "compile", i, 566, "libbb/a.c"
		send(busybox, 200*time.Millisecond)
	}
	wait := step(event.Waiting, "busybox", "aarch64")
	wait.Message = "another run builds it"
	send(wait, time.Second)
	warning := step(event.Warning, "busybox", "aarch64")
	warning.Diagnostics = []event.Diagnostic{{Severity: sdk.Warning, Summary: "The applet tc is left out",
		Detail: "The kernel headers\n6.8 lack TCA_CBQ_MAX.", Remedy: "Set TC = false.",
		Range:   &event.Range{File: "a.hcl", Line: 3, Column: 1, EndLine: 3, EndColumn: 4},
		Excerpt: []string{"tc.c:1: error:", "\t  x = TCA;"}, Log: "log/build.log"}}
	send(warning, 0)
	send(event.Event{Kind: event.Log, Level: "debug", Message: "make -j2"}, 0)
	send(event.Event{Kind: event.Log, Step: "busybox", Arch: "aarch64", Message: "oldconfig"}, 0)
	send(event.Event{Kind: event.Log, Level: "warn", Message: "clock went back"}, 0)
	failed := step(event.Failed, "busybox", "aarch64")
	failed.Diagnostics = []event.Diagnostic{{Severity: sdk.Error, Summary: "Busybox did not compile", Detail: "D.", Remedy: "R."}}
	send(failed, 62*time.Second)
	skipped := step(event.Skipped, "rootfs", "aarch64")
	skipped.Message = "busybox failed"
	send(skipped, 0)
	send(step(event.Start, "toolchain", "sw64"), 0)
	send(step(event.Cancelled, "toolchain", "sw64"), 300*time.Millisecond)
	send(event.Event{Kind: event.Summary, Result: event.ResultFailed, Artifacts: artifacts()}, time.Second)
}

func planRows() []PlanRow {
	return []PlanRow{
		{Number: 1, Step: "fetch", Key: digest, State: event.StateRun, Why: "not in the store"},
		{Number: 2, Step: "toolchain", Arch: "aarch64", Key: digest, State: event.StateCached},
		{Number: 3, Step: "busybox", Arch: "aarch64", State: event.StateRun, Why: "fetch must run"},
		{Number: 10, Step: "rootfs", Arch: "aarch64", Key: digest, State: event.StateRun, Why: "rootfs <file \"/etc/主题\"> changed"},
		{Number: 11, Step: "toolchain", Arch: "sw64", Key: digest, State: event.StateRun},
	}
}

func facts() []sdk.Fact {
	return []sdk.Fact{
		{Name: "target", Value: "aarch64-linux-gnu", Status: sdk.OK},
		{Name: "static_link", Value: "getpwnam is linked in", Status: sdk.Warn, Remedy: "Set USE_BB_PWD_GRP = true."},
		{Name: "run", Value: "no emulator", Status: sdk.Skipped, Remedy: "Install qemu-user-static."},
		{Name: "libc", Status: sdk.Fail},
	}
}

func TestGoldenBuild(t *testing.T) {
	tests := []struct {
		name      string
		mode      Mode
		verbosity int
	}{
		{"plain", Plain, 0},
		{"plain-v", Plain, 1},
		{"auto-off-a-terminal", Auto, 2},
		{"json", JSON, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var out, err bytes.Buffer
			d := newDial()
			u := New(Options{Out: &out, Err: &err, Mode: test.mode, Verbosity: test.verbosity, Now: d.now})
			play(u, d)
			if err := u.Close(); err != nil {
				t.Fatal(err)
			}
			if bytes.ContainsAny(append(out.Bytes(), err.Bytes()...), "\x1b\r") {
				t.Error("there are control characters in it")
			}
			golden(t, test.name+".out", out.Bytes())
			golden(t, test.name+".err", err.Bytes())
		})
	}
}

func TestGoldenResults(t *testing.T) {
	for _, test := range []struct {
		name   string
		screen Screen
		full   bool
	}{
		{"results-160", Screen{Terminal: true, Width: 160}, false},
		{"results-100", Screen{Terminal: true, Width: 100}, false},
		{"results-100-v", Screen{Terminal: true, Width: 100}, true},
		{"results-50-color", Screen{Terminal: true, Width: 50, Color: true}, false},
	} {
		var out bytes.Buffer
		r := &report{out: &writer{w: &out}, raw: &out, screen: test.screen, full: test.full}
		r.write(artifacts())
		golden(t, test.name+".out", out.Bytes())
	}
}

func TestGoldenTables(t *testing.T) {
	var plan, lines, probe, color bytes.Buffer
	for _, err := range []error{
		WritePlan(&plan, Screen{}, planRows()),
		WritePlanJSON(&lines, planRows()),
		WriteFacts(&probe, Screen{}, facts()),
		WriteFacts(&color, Screen{Color: true}, facts()),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	golden(t, "plan.txt", plan.Bytes())
	golden(t, "plan.json", lines.Bytes())
	golden(t, "facts.txt", probe.Bytes())
	golden(t, "facts-color.txt", color.Bytes())
}
