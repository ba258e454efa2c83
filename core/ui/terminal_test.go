package ui

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/event"
)

var forced = Screen{Terminal: true, Width: 100}

// until waits for a frame that shows something.
func until(t *testing.T, e *emulator, text string) {
	t.Helper()
	for range 2000 {
		if now, _ := e.screen(); strings.Contains(now, text) {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	now, _ := e.screen()
	t.Fatalf("the screen never showed %q, but\n%s", text, now)
}

func TestTerminalBar(t *testing.T) {
	e, d := newEmulator(t), newDial()
	u := New(Options{Out: io.Discard, Err: e, ErrScreen: forced, Now: d.now})
	defer u.Close()
	u.Event(event.Event{Kind: event.Plan, Steps: planRows()})
	u.Event(event.Event{Kind: event.Progress, Step: "fetch", Phase: "download", Done: 1250000, Total: 2500000, Unit: event.Bytes})
	u.Event(event.Event{Kind: event.Progress, Step: "busybox", Arch: "aarch64", Phase: "compile", Done: 283, Total: 566})
	until(t, e, "all      fetch download            [==================>                   ]   0:00  1.19/2.38 MiB\n"+
		"aarch64  busybox compile           [==================>                   ]   0:00  283/566\n")
	u.Event(event.Event{Kind: event.Log, Level: "warn", Message: "above"})
	u.Event(event.Event{Kind: event.Progress, Step: "busybox", Arch: "aarch64", Phase: "compile", Done: 284, Total: 566})
	until(t, e, "284/566")
	if now, _ := e.screen(); !strings.HasPrefix(now, "warn: above\n") || strings.Contains(now, "283/566") {
		t.Errorf("the screen shows\n%s", now)
	}
}

func TestTerminalLeavesLines(t *testing.T) {
	e, d := newEmulator(t), newDial()
	var out bytes.Buffer
	u := New(Options{Out: &out, Err: e, ErrScreen: forced, Now: d.now})
	play(u, d)
	if err := u.Close(); err != nil {
		t.Fatal(err)
	}
	now, _ := e.screen()
	golden(t, "terminal.txt", []byte(now))
	plain := new(bytes.Buffer)
	(&report{out: &writer{w: plain}}).write(artifacts())
	if diff := cmp.Diff(plain.String(), out.String()); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
}

func TestTerminalVerbose(t *testing.T) {
	e, d := newEmulator(t), newDial()
	u := New(Options{Out: io.Discard, Err: e, ErrScreen: Screen{Terminal: true, Color: true, Width: 60}, Verbosity: 2, Now: d.now})
	play(u, d)
	u.Close()
	now, ever := e.screen()
	golden(t, "terminal-vv-60.txt", []byte(now))
	for i, one := range regexp.MustCompile(`\x1b\[\d+m`).FindAllString(ever, -1) {
		if (one == "\x1b[0m") != (i%2 == 1) {
			t.Fatalf("colour %d is %q: each is to be taken back before the next", i, one)
		}
	}
	if !strings.Contains(ever, "\x1b[33mwarning:\x1b[0m") {
		t.Error("a warning has no colour")
	}
}

func TestTerminalNothingToDo(t *testing.T) {
	e, d := newEmulator(t), newDial()
	u := New(Options{Out: io.Discard, Err: e, ErrScreen: forced, Now: d.now})
	u.Event(event.Event{Kind: event.Plan, Steps: planRows()})
	for _, row := range planRows() {
		u.Event(event.Event{Kind: event.Cached, Step: row.Step, Arch: row.Arch})
	}
	u.Event(event.Event{Kind: event.Summary, Result: event.ResultOK})
	u.Close()
	if now, _ := e.screen(); now != "nothing to do, 5 steps cached (0.0s)\n" {
		t.Errorf("the screen shows\n%s", now)
	}
}

func TestTerminalCloseUnfinished(t *testing.T) {
	e := newEmulator(t)
	u := New(Options{Out: io.Discard, Err: e, ErrScreen: forced})
	u.Event(event.Event{Kind: event.Plan, Steps: planRows()})
	for _, arch := range []string{"", "aarch64", "sw64"} {
		u.Event(event.Event{Kind: event.Progress, Step: "busybox", Arch: arch, Phase: "compile", Done: 1, Total: 566})
	}
	until(t, e, "1/566")
	for range 2 {
		if err := u.Close(); err != nil {
			t.Fatal(err)
		}
	}
	u.Event(event.Event{Kind: event.Done, Step: "busybox", Arch: "sw64"})
	if now, _ := e.screen(); now != "" {
		t.Errorf("the screen still shows\n%s", now)
	}
}

func TestTerminalCloseAtOnce(t *testing.T) {
	for range 20 {
		u := New(Options{Out: io.Discard, Err: newEmulator(t), ErrScreen: forced})
		u.Event(event.Event{Kind: event.Start, Step: "busybox", Arch: "sw64"})
		if err := u.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTerminalGone(t *testing.T) {
	u := New(Options{Out: io.Discard, Err: &broken{left: 2, err: errors.New("gone")}, ErrScreen: forced})
	for i := range 200 {
		u.Event(event.Event{Kind: event.Progress, Step: "busybox", Arch: "sw64", Done: i, Total: 200})
		u.Event(event.Event{Kind: event.Log, Level: "error", Message: "lost"})
		time.Sleep(2 * time.Millisecond)
	}
	if err := u.Close(); err != nil {
		t.Errorf("the results could be written, but Close returned %v", err)
	}
}

// TestConcurrent has as many senders as a build may have, in every mode.
func TestConcurrent(t *testing.T) {
	for name, o := range map[string]Options{
		"terminal": {ErrScreen: forced}, "plain": {Mode: Plain}, "json": {Mode: JSON},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEmulator(t)
			o.Out, o.Err, o.Verbosity = io.Discard, e, 1
			u := New(o)
			var senders sync.WaitGroup
			for n := range 12 {
				arch := fmt.Sprintf("arch%d", n)
				senders.Go(func() { sendAll(u, arch) })
			}
			senders.Wait()
			u.Event(event.Event{Kind: event.Summary, Result: event.ResultOK})
			if err := u.Close(); err != nil {
				t.Fatal(err)
			}
			now, _ := e.screen()
			if want := 12 * 3; o.Mode != JSON && strings.Count(now, "done") != want {
				t.Errorf("there are %d lines of ended steps, want %d:\n%s", strings.Count(now, "done"), want, now)
			}
			if strings.Contains(now, "[=") || strings.Contains(now, "waiting") {
				t.Errorf("a bar is left:\n%s", now)
			}
		})
	}
}

func sendAll(u *UI, arch string) {
	for _, step := range []string{"toolchain", "busybox", "rootfs"} {
		u.Event(event.Event{Kind: event.Start, Step: step, Arch: arch})
		for i := range 100 {
			u.Event(event.Event{Kind: event.Progress, Step: step, Arch: arch, Phase: "compile", Done: i + 1, Total: 100})
		}
		time.Sleep(time.Millisecond)
		u.Event(event.Event{Kind: event.Done, Step: step, Arch: arch})
	}
}
