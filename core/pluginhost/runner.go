package pluginhost

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-plugin/runner"
	"golang.org/x/sys/unix"
)

// pipeGrace is how long what a dead plugin has written may take to be read.
// Then its pipes are closed: a child that outlived it may hold them open.
const pipeGrace = 500 * time.Millisecond

// program runs a plugin's executable for go-plugin, whose own runner would
// wait for the pipes before the process, and so hang when a child of a dead
// plugin holds them; leave the plugin's group alive; and parse its log lines
// with code that panics on odd ones.
type program struct {
	cmd    *exec.Cmd
	logger *slog.Logger
	limits limits
	stdout *head
	stderr *tail

	out     *os.File
	errOut  *io.PipeReader
	started chan error
	// exited is closed when the process has been waited for; state is set
	// then.
	exited chan struct{}
	state  *os.ProcessState

	mu     sync.Mutex
	pid    int
	killed bool
	reaped bool
}

var _ runner.Runner = (*program)(nil)

// errKilled means that a plugin was stopped before it was started.
var errKilled = errors.New("stopped before it was started")

// maxHandshake bounds what is kept of a plugin's standard output.
const maxHandshake = 16 << 10

// newProgram returns a program that start makes run.
func newProgram(logger *slog.Logger) *program {
	return &program{
		logger:  logger,
		stdout:  &head{limit: maxHandshake},
		stderr:  &tail{},
		started: make(chan error, 1),
		exited:  make(chan struct{}),
	}
}

// Start starts the command in a process group of its own: Ctrl-C on a
// terminal reaches the plugin only through us.
func (p *program) Start(context.Context) error {
	out, outW, err := os.Pipe()
	if err != nil {
		return err
	}
	errs, errsW, err := os.Pipe()
	if err != nil {
		out.Close()
		outW.Close()
		return err
	}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = nil, outW, errsW
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	go p.supervise()
	err = <-p.started
	outW.Close()
	errsW.Close()
	if err != nil {
		out.Close()
		errs.Close()
		return err
	}
	p.limits.apply(p.pid)
	p.out = out
	var pipe *io.PipeWriter
	p.errOut, pipe = io.Pipe()
	go func() {
		p.readErrors(errs)
		pipe.Close()
	}()
	go func() {
		<-p.exited
		time.AfterFunc(pipeGrace, func() {
			out.Close()
			errs.Close()
		})
	}()
	return nil
}

// supervise starts the process, waits for it, and ends what it left. It has a
// thread to itself, because Pdeathsig is sent when the thread ends that
// started the process, and because the sandbox binds the thread: it is not
// unlocked, and ends with the goroutine.
func (p *program) supervise() {
	runtime.LockOSThread()
	began := now()
	if err := p.fork(); err != nil {
		close(p.exited)
		p.started <- err
		return
	}
	p.started <- nil
	p.limits.endAll(p.pid, began)
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.cmd.Wait()
	p.reaped = true
	p.state = p.cmd.ProcessState
	close(p.exited)
}

func (p *program) fork() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.killed {
		return errKilled
	}
	if err := p.limits.enter(p.cmd); err != nil {
		return err
	}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	p.pid = p.cmd.Process.Pid
	return nil
}

// readErrors reads the plugin's standard error up to its end.
func (p *program) readErrors(r io.ReadCloser) {
	defer r.Close()
	lines := newLines(p.line)
	_, _ = io.Copy(lines, bufio.NewReader(r))
	lines.flush()
}

// line takes a line that the plugin wrote for people.
func (p *program) line(line string) {
	var entry struct {
		Message string `json:"@message"`
	}
	if line != "" && line[0] == '{' && json.Unmarshal([]byte(line), &entry) == nil && entry.Message != "" {
		line = entry.Message
	}
	p.stderr.add(line)
	p.logger.Debug(line)
}

// kill ends the process and its group at once.
func (p *program) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.killed = true
	if p.pid != 0 && !p.reaped {
		_ = unix.Kill(-p.pid, unix.SIGKILL)
	}
}

// wasKilled says that kill ended it, or would have.
func (p *program) wasKilled() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.killed
}

// Kill implements runner.Runner.
func (p *program) Kill(context.Context) error {
	p.kill()
	return nil
}

// Wait implements runner.Runner.
func (p *program) Wait(context.Context) error {
	<-p.exited
	return nil
}

// Stdout implements runner.Runner. What is read is kept too.
func (p *program) Stdout() io.ReadCloser {
	return struct {
		io.Reader
		io.Closer
	}{io.TeeReader(p.out, p.stdout), p.out}
}

// Stderr implements runner.Runner. It is empty, and ends when all errors have
// been read.
func (p *program) Stderr() io.ReadCloser { return p.errOut }

// Name implements runner.Runner.
func (p *program) Name() string { return p.cmd.Path }

// ID implements runner.Runner. It is never empty, or else go-plugin would not
// clean up.
func (p *program) ID() string { return p.cmd.Path }

// Diagnose implements runner.Runner.
func (p *program) Diagnose(context.Context) string { return "" }

// PluginToHost implements runner.Runner.
func (p *program) PluginToHost(network, address string) (string, string, error) {
	return network, address, nil
}

// HostToPlugin implements runner.Runner.
func (p *program) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}
