package apt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// maxOutput is how much of a command's output is kept, in bytes.
const maxOutput = 1 << 20

// output runs a command and returns its standard output. A failure's text is
// what apt gave as the reason.
func output(ctx context.Context, env []string, name string, args ...string) (string, error) {
	var out bytes.Buffer
	err := run(ctx, env, &out, name, args...)
	return out.String(), err
}

// run runs a command in a process group of its own, which ends with ctx.
func run(ctx context.Context, env []string, stdout io.Writer, name string, args ...string) error {
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	if env == nil {
		env = os.Environ()
	}
	cmd.Env = append(slices.Clone(env), "LC_ALL=C", "LANGUAGE=", "DEBIAN_FRONTEND=noninteractive")
	head := &limited{max: maxOutput}
	cmd.Stdout = io.MultiWriter(stdout, head)
	cmd.Stderr = &limited{Buffer: &stderr, max: maxOutput}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 500 * time.Millisecond
	err := cmd.Run()
	if ctx.Err() != nil {
		if cmd.Process != nil {
			// What is left of the group: apt's download methods.
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		}
		return context.Cause(ctx)
	}
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return fmt.Errorf("%s: %s", filepath.Base(name), reason(stderr.String()+"\n"+head.String(), exit))
	case err != nil:
		return fmt.Errorf("run %s: %w", filepath.Base(name), err)
	}
	return nil
}

// reason picks what apt says went wrong: its first failed download, else its
// first error, else how it ended.
func reason(text string, exit *exec.ExitError) string {
	first := ""
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(line)
		body, isError := strings.CutPrefix(line, "E: ")
		if !isError {
			body, isError = strings.CutPrefix(line, "W: ")
		}
		if !isError {
			continue
		}
		if strings.HasPrefix(body, "Failed to fetch") {
			return body
		}
		if first == "" {
			first = body
		}
	}
	if first == "" {
		return exit.String()
	}
	return first
}

// limited keeps the first max bytes and swallows the rest.
type limited struct {
	*bytes.Buffer
	max int
}

func (l *limited) Write(p []byte) (int, error) {
	if l.Buffer == nil {
		l.Buffer = new(bytes.Buffer)
	}
	l.Buffer.Write(p[:min(len(p), max(0, l.max-l.Len()))])
	return len(p), nil
}

// String returns what was kept.
func (l *limited) String() string {
	if l.Buffer == nil {
		return ""
	}
	return l.Buffer.String()
}
