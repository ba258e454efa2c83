package testenv

import (
	"bytes"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"
)

// start starts a command in a process group of its own, which also ends when
// the test's process dies. The function it returns sends the group a signal,
// and SIGKILL when that hasn't ended the command in time.
func start(t testing.TB, cmd *exec.Cmd) (stop func(syscall.Signal, time.Duration)) {
	t.Helper()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // Stopping it is an error too.
	}()
	return func(sig syscall.Signal, patience time.Duration) {
		_ = syscall.Kill(-cmd.Process.Pid, sig)
		select {
		case <-ended:
		case <-time.After(patience):
		}
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-ended
	}
}

// limited keeps the last bytes that were written to it.
type limited struct {
	mu   sync.Mutex
	text bytes.Buffer
}

const limit = 16 << 10

// Write implements io.Writer; it never fails.
func (l *limited) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(p)
	if n := l.text.Len(); n > limit {
		l.text.Next(n - limit)
	}
	return len(p), nil
}

// String returns the last bytes.
func (l *limited) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
