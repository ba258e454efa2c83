package pluginhost

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/mkmini/mkmini/plugins/sdk"
)

const (
	// defaultHeartbeat is how long a plugin may not answer: far more than a
	// machine needs that is busy with compiles and short of memory.
	defaultHeartbeat = 30 * time.Second
	// defaultSilence is how long a call may make no progress. On a slow board
	// one compile or one compression takes minutes.
	defaultSilence = 30 * time.Minute
	// missesAllowed is how many questions in a row a plugin may leave without
	// an answer. One isn't enough: mkmini itself may have been stopped.
	missesAllowed = 2
)

// verdict says why we ended a plugin in the middle of a call.
type verdict struct{ what, detail, remedy string }

// watch is one call that is being watched.
type watch struct {
	process *process
	call    string
	// reported is set by each report of progress.
	reported atomic.Bool
	// cancel ends the call when the plugin doesn't even end by SIGKILL.
	cancel context.CancelFunc
}

// call makes a call of the plugin, and ends the plugin if it no longer answers
// or makes no progress for too long. The error is explained.
func (p *process) call(ctx context.Context, name string, progress sdk.Progress, do func(context.Context, sdk.Progress) error) error {
	if p.found.Attached != nil {
		// Somebody may be thinking in a debugger.
		return p.explain(ctx, name, do(ctx, progress))
	}
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	w := &watch{process: p, call: name, cancel: cancel}
	over := make(chan struct{})
	defer close(over)
	go w.run(inner, over)
	return p.explain(ctx, name, do(inner, func(r sdk.Report) {
		w.reported.Store(true)
		if progress != nil {
			progress(r)
		}
	}))
}

// run asks the plugin at intervals whether it is there. Time counts by these
// intervals, so that none passes while mkmini itself is stopped.
func (w *watch) run(ctx context.Context, over <-chan struct{}) {
	p := w.process
	interval := min(p.heartbeat/missesAllowed, max(p.silence/4, time.Millisecond))
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	var quiet time.Duration
	misses := 0
	for {
		select {
		case <-over:
			return
		case <-p.program.exited:
			return
		case <-ticker.C:
		}
		if quiet += interval; w.reported.Swap(false) {
			quiet = 0
		}
		switch answered := p.answers(ctx); {
		case ctx.Err() != nil:
			return // a cancelled call has its own limits
		case answered:
			misses = 0
		default:
			misses++
		}
		switch {
		case misses >= missesAllowed:
			w.giveUp("does not answer", fmt.Sprintf("%s (process %d) did not answer for %v in the call %q: it is %s.",
				p.found.Path, p.program.pid, p.heartbeat, w.call, processState(p.program.pid)),
				"Try again. If the machine is only slow, allow more by heartbeat in the settings or MKMINI_PLUGIN_HEARTBEAT.")
			return
		case quiet >= p.silence:
			w.giveUp("hangs", fmt.Sprintf("%s (process %d) made no progress for %v in the call %q.",
				p.found.Path, p.program.pid, p.silence, w.call),
				"Report this to whoever makes the plugin. If it is only slow, allow more by timeout in the settings or MKMINI_PLUGIN_TIMEOUT.")
			return
		}
	}
}

// giveUp ends the plugin.
func (w *watch) giveUp(what, detail, remedy string) {
	p := w.process
	p.verdict.CompareAndSwap(nil, &verdict{what, detail, remedy})
	p.program.kill()
	select {
	case <-p.program.exited:
	case <-time.After(killLimit):
		w.cancel()
	}
}

// answers asks the plugin's health service, as go-plugin's Ping does but for a
// limited time. Any answer is one, also that it has no such service.
func (p *process) answers(ctx context.Context) bool {
	conn, err := p.grpcConn()
	if err != nil {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, p.heartbeat/missesAllowed)
	defer cancel()
	_, err = grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: plugin.GRPCServiceName})
	return status.Code(err) != codes.DeadlineExceeded
}

// grpcConn returns the connection of a plugin that runs.
func (p *process) grpcConn() (*grpc.ClientConn, error) {
	protocol, err := p.client.Client()
	if err != nil {
		return nil, err
	}
	client, ok := protocol.(*plugin.GRPCClient)
	if !ok {
		return nil, fmt.Errorf("plugin %s does not speak gRPC", p.found.Name)
	}
	return client.Conn, nil
}

// processState says in words what a process is doing.
// Source: proc_pid_stat(5).
func processState(pid int) string {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return "gone"
	}
	// The name before it is in brackets and may hold anything.
	_, rest, _ := bytes.Cut(stat[max(0, bytes.LastIndexByte(stat, ')')):], []byte(" "))
	if len(rest) == 0 {
		return "gone"
	}
	switch rest[0] {
	case 'R':
		return "running"
	case 'T':
		return "stopped by a signal"
	case 't':
		return "stopped by a debugger"
	case 'D':
		return "waiting for a disk or another device"
	}
	return "waiting"
}
