package pluginhost

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"

	"github.com/mkmini/mkmini/plugins/sdk"
)

const (
	// stopLimit is how long a plugin may take to end: Ctrl-C should end
	// everything within a second. The SDK lets calls run on for less.
	stopLimit = 900 * time.Millisecond
	// idleLimit is how long one may that has nothing left to do.
	idleLimit = 300 * time.Millisecond
	// killLimit is how long the kernel may take to end a process.
	killLimit = 5 * time.Second
)

// maxMessage is the largest message in bytes that we take from a plugin, as
// large as those that plugins take from us. Files are never in messages.
const maxMessage = 64 << 20

// process is a plugin that was started.
type process struct {
	found   *Found
	program *program
	logger  *slog.Logger
	config  *plugin.ClientConfig
	timeout time.Duration
	// heartbeat and silence are those of the options.
	heartbeat, silence time.Duration
	digests            *digests

	// ready is closed when the start has succeeded or failed; what follows
	// is set then.
	ready     chan struct{}
	err       error
	client    *plugin.Client
	toolchain sdk.Toolchain
	exporter  sdk.Exporter

	// verdict is set when we end it in the middle of a call.
	verdict  atomic.Pointer[verdict]
	stopping atomic.Bool
	stopOnce sync.Once
	stopErr  error
}

// newProcess returns a process that launch starts.
func (h *Host) newProcess(f *Found) *process {
	logger := h.logger.With("plugin", f.Name)
	p := &process{
		found:   f,
		program: newProgram(logger),
		logger:  logger,
		timeout: h.opts.StartTimeout,
		digests: &h.digests,
		ready:   make(chan struct{}),

		heartbeat: h.opts.Heartbeat, silence: h.opts.Silence,
	}
	p.program.limits.memory = h.opts.Memory
	output := func() io.Writer { return newLines(p.program.line) }
	p.config = &plugin.ClientConfig{
		HandshakeConfig:  sdk.Handshake(),
		VersionedPlugins: sdk.HostPlugins(),
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		AutoMTLS:         true,
		SkipHostEnv:      true,
		StartTimeout:     h.opts.StartTimeout,
		SyncStdout:       output(),
		SyncStderr:       output(),
		Logger:           bridge(logger),
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: socketBase()},
		GRPCDialOptions:  []grpc.DialOption{grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage))},
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, temp string) (runner.Runner, error) {
			p.program.limits.temp = temp
			p.program.cmd = exec.Command(f.Path, f.Args...)
			p.program.cmd.Env = append(h.environment(temp), cmd.Env...)
			p.program.cmd.Dir = "/"
			return p.program, nil
		},
	}
	if f.Attached != nil {
		p.config = p.attach()
	}
	return p
}

// socketBase returns a folder for the folders of sockets, whose paths are
// limited to 107 bytes.
func socketBase() string {
	const rest = len("/plugin-dir4294967295/plugin4294967295")
	if base := os.TempDir(); len(base)+rest <= 107 {
		return base
	}
	return "/tmp"
}

// launch starts the process and connects to it.
func (p *process) launch() {
	defer close(p.ready)
	if p.found.Attached != nil {
		p.client = plugin.NewClient(p.config)
		p.err = p.explainAttach(p.connect())
		return
	}
	if p.err = p.verify(); p.err != nil {
		return
	}
	p.client = plugin.NewClient(p.config)
	began := time.Now()
	// go-plugin bounds the wait for the handshake only, not that for the
	// connection.
	watchdog := time.AfterFunc(p.timeout+time.Second, p.program.kill)
	err := p.connect()
	watchdog.Stop()
	if err != nil {
		p.program.kill()
		p.client.Kill()
		p.err = p.explainStart(err, time.Since(began))
	}
}

// verify checks that the executable is still the one that was found.
func (p *process) verify() error {
	f := p.found
	id, err := identify(f.Path)
	if err != nil {
		return f.fail("can't be read", sentence(err), "Install the plugin again.", err)
	}
	sum, err := p.digests.of(id)
	if err != nil {
		return f.fail("can't be read", sentence(err), "Install the plugin again.", err)
	}
	if actual := "sha256:" + hex.EncodeToString(sum); actual != f.Digest {
		return f.fail("has changed since this run began",
			fmt.Sprintf("%s should have the digest %s and has %s.", f.Path, f.Digest, actual),
			"Run mkmini again if you changed the plugin; otherwise find out who did.", plugin.ErrChecksumsDoNotMatch)
	}
	return nil
}

func (p *process) connect() error {
	protocol, err := p.client.Client()
	if err != nil {
		return err
	}
	if p.found.Manifest.Toolchain != nil {
		raw, err := protocol.Dispense(sdk.KindToolchain)
		if err != nil {
			return err
		}
		p.toolchain = raw.(sdk.Toolchain)
	}
	if p.found.Manifest.Exporter != nil {
		raw, err := protocol.Dispense(sdk.KindExporter)
		if err != nil {
			return err
		}
		p.exporter = raw.(sdk.Exporter)
	}
	return nil
}

// dead says that the process can't be called any more.
func (p *process) dead() bool {
	select {
	case <-p.ready:
	default:
		return false
	}
	if p.err != nil {
		return true
	}
	select {
	case <-p.program.exited:
		return true
	default:
		return false
	}
}

// stop ends the process and removes its socket. It may be called several
// times.
func (p *process) stop() error { return p.stopWithin(stopLimit) }

// stopWithin is stop with another limit, after which the process is killed.
func (p *process) stopWithin(limit time.Duration) error {
	p.stopOnce.Do(func() { p.stopErr = p.end(limit) })
	return p.stopErr
}

func (p *process) end(limit time.Duration) error {
	p.stopping.Store(true)
	select {
	case <-p.ready:
	default:
		// It is still starting, and go-plugin's Kill would wait for that.
		p.program.kill()
		<-p.ready
	}
	if p.client == nil {
		return nil
	}
	done := make(chan struct{})
	go func() {
		p.client.Kill()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-time.After(limit):
		// A frozen plugin does not even take the request to end.
		p.program.kill()
	}
	select {
	case <-done:
		return nil
	case <-time.After(killLimit):
		return fmt.Errorf("stop plugin %s: process %d does not end", p.found.Name, p.program.pid)
	}
}

// firstLine returns the first line that the plugin printed.
func (p *process) firstLine() string {
	line, _, _ := bytes.Cut(p.program.stdout.bytes(), []byte{'\n'})
	return string(bytes.TrimSpace(line))
}
