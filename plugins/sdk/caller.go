package sdk

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	pluginv1 "github.com/mkmini/mkmini/plugins/proto/mkmini/v1"
)

// settleLimit is how long a host waits for the end of a call that it
// cancelled. A call has a compiler to end, which takes half a second at most
// (see Command).
const settleLimit = 700 * time.Millisecond

// ErrStillRunning is in the error of a cancelled call that the plugin goes on
// with all the same: it does not heed its context, and does not end by itself.
var ErrStillRunning = errors.New("the plugin goes on with a call that was cancelled")

// caller makes calls for a host.
type caller struct {
	waiter pluginv1.CallsClient
}

// patienceKey is the key of a context's patience.
type patienceKey struct{}

// WithPatience returns a context whose calls, once they are cancelled, are
// waited for that long before the error is [ErrStillRunning].
func WithPatience(ctx context.Context, d time.Duration) context.Context {
	return context.WithValue(ctx, patienceKey{}, d)
}

func patience(ctx context.Context) time.Duration {
	if d, ok := ctx.Value(patienceKey{}).(time.Duration); ok {
		return d
	}
	return settleLimit
}

func newCaller(conn grpc.ClientConnInterface) caller {
	return caller{waiter: pluginv1.NewCallsClient(conn)}
}

// run makes one call. A cancelled call returns the context's error, and not
// before the plugin has ended it, so that the host may remove the folders it
// worked in. If that takes too long, the error is [ErrStillRunning] as well.
func (c caller) run(ctx context.Context, call func(context.Context) error) error {
	name := rand.Text()
	inner, cancel := context.WithCancel(metadata.AppendToOutgoingContext(ctx, callKey, name))
	err := call(inner)
	cancel()
	if err == nil || ctx.Err() == nil {
		return err
	}
	settle, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience(ctx))
	defer cancel()
	// Another error does not matter: plugins need not have this service, and
	// the process may be gone.
	if _, err := c.waiter.Wait(settle, &pluginv1.WaitRequest{Call: name}); status.Code(err) == codes.DeadlineExceeded {
		return fmt.Errorf("%w: %w", ErrStillRunning, ctx.Err())
	}
	return ctx.Err()
}
