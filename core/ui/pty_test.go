package ui

import (
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mkmini/mkmini/core/event"
)

// openPTY returns both ends of a new terminal.
// Source: pts(4), ioctl_tty(2).
func openPTY(t *testing.T, cols, rows uint16) (screen, tty *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	t.Cleanup(func() { screen.Close() })
	fd := int(screen.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Skipf("no pseudo terminals here: unlock: %v", err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Skipf("no pseudo terminals here: number: %v", err)
	}
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	t.Cleanup(func() { tty.Close() })
	size := &unix.Winsize{Col: cols, Row: rows}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, size); err != nil {
		t.Fatal(err)
	}
	return screen, tty
}

// TestPTY has more architectures at work than the screen has lines.
func TestPTY(t *testing.T) {
	screen, tty := openPTY(t, 72, 6)
	env := map[string]string{"TERM": "xterm"}
	getenv := func(name string) string { return env[name] }
	if got := Detect(tty, getenv); got != (Screen{Terminal: true, Color: true}) {
		t.Errorf("a terminal is %+v", got)
	}
	env["NO_COLOR"] = "1"
	found := Detect(tty, getenv)
	if found != (Screen{Terminal: true}) {
		t.Errorf("a terminal without colours is %+v", found)
	}
	env["TERM"] = "dumb"
	if got := Detect(tty, getenv); got != (Screen{}) {
		t.Errorf("a dumb terminal is %+v", got)
	}

	e := newEmulator(t)
	read := make(chan struct{})
	go func() {
		defer close(read)
		buf := make([]byte, 4<<10)
		for {
			n, err := screen.Read(buf)
			if err != nil {
				return // the other end was closed
			}
			_, _ = e.Write(buf[:n])
		}
	}()
	u := New(Options{Out: tty, Err: tty, OutScreen: found, ErrScreen: found})
	for n := range 9 {
		u.Event(event.Event{Kind: event.Progress, Step: "busybox", Arch: fmt.Sprintf("arch%d", n), Phase: "compile", Done: 5, Total: 10})
	}
	until(t, e, "arch3    busybox compile           [======>      ]   0:0")
	for n := range 9 {
		u.Event(event.Event{Kind: event.Done, Step: "busybox", Arch: fmt.Sprintf("arch%d", n), Elapsed: time.Second})
	}
	u.Event(event.Event{Kind: event.Summary, Result: event.ResultOK, Elapsed: time.Second, Artifacts: artifacts()})
	if err := u.Close(); err != nil {
		t.Fatal(err)
	}
	tty.Close()
	<-read
	now, _ := e.screen()
	golden(t, "pty.txt", []byte(now))
}
