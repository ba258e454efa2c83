package sdk

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	pluginv1 "github.com/mkmini/mkmini/plugins/proto/mkmini/v1"
)

// callKey is the gRPC metadata that names a call.
const callKey = "mkmini-call"

// calls are the calls that run in a plugin.
//
// gRPC stops a server without waiting for its handlers, and a handler may
// have a compiler running. So the plugin counts its calls and ends after
// them.
//
// A panic in a call is not recovered: who knows what it left locked or half
// written. The Go runtime writes it to the real standard error, where the
// host picks it up and explains the crash.
type calls struct {
	pluginv1.UnimplementedCallsServer

	stop chan struct{}

	mu      sync.Mutex
	stopped bool
	closed  bool
	named   map[string]chan struct{}
	running sync.WaitGroup
}

func newCalls() *calls {
	return &calls{stop: make(chan struct{}), named: map[string]chan struct{}{}}
}

// enter counts a call. The call must use the context that is returned, which
// is cancelled with the client's and by cancel, and must call leave.
func (c *calls) enter(ctx context.Context) (_ context.Context, leave func(), err error) {
	name := ""
	if md, ok := metadata.FromIncomingContext(ctx); ok && len(md.Get(callKey)) > 0 {
		name = md.Get(callKey)[0]
	}
	done := make(chan struct{})

	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.stopped {
		return nil, nil, errStopped()
	}
	if ctx.Err() != nil {
		return nil, nil, status.FromContextError(ctx.Err()).Err()
	}
	c.running.Add(1)
	if name != "" {
		c.named[name] = done
	}

	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-c.stop:
			cancel()
		case <-done:
		}
	}()
	return ctx, func() {
		cancel()
		c.mu.Lock()
		delete(c.named, name)
		c.mu.Unlock()
		close(done)
		c.running.Done()
	}, nil
}

// fail returns the gRPC status of a call that ended because it was cancelled,
// and nil if it has an outcome of its own.
func (c *calls) fail(client context.Context) error {
	if err := client.Err(); err != nil {
		return status.FromContextError(err).Err()
	}
	select {
	case <-c.stop:
		return errStopped()
	default:
		return nil
	}
}

func errStopped() error { return status.Error(codes.Unavailable, "the plugin was told to stop") }

// cancel cancels all calls and refuses new ones.
func (c *calls) cancel() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stopped {
		c.stopped = true
		close(c.stop)
	}
}

// drain refuses new calls and waits for those that run. It returns false if
// some still run after the limit.
func (c *calls) drain(limit time.Duration) bool {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	done := make(chan struct{})
	go func() {
		c.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		return true
	case <-time.After(limit):
		return false
	}
}

// Wait implements the service Calls.
func (c *calls) Wait(ctx context.Context, req *pluginv1.WaitRequest) (*pluginv1.WaitResponse, error) {
	c.mu.Lock()
	done := c.named[req.GetCall()]
	c.mu.Unlock()
	if done == nil {
		return &pluginv1.WaitResponse{}, nil
	}
	select {
	case <-done:
		return &pluginv1.WaitResponse{}, nil
	case <-ctx.Done():
		return nil, status.FromContextError(ctx.Err()).Err()
	}
}
