package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// Patience is how long to go on with a registry that does not do as asked.
type Patience struct {
	// Tries is how often a request is made at most; 0 for 6.
	Tries int
	// Base is the pause after the first failure, which doubles with each in
	// a row, and Max the longest one, and the longest that a registry may ask
	// for. 0 for 1 second and 2 minutes.
	Base, Max time.Duration
	// Idle is how long the network may take nothing of what is sent; 0 for 1
	// minute.
	Idle time.Duration
}

func (p Patience) orDefault() Patience {
	set := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	set(&p.Base, time.Second)
	set(&p.Max, 2*time.Minute)
	set(&p.Idle, time.Minute)
	if p.Tries == 0 {
		p.Tries = 6
	}
	return p
}

// errWait is the reason of a push that a registry puts off for too long.
type errWait struct{ after time.Duration }

func (e errWait) Error() string { return fmt.Sprintf("the registry asks to wait %v", e.after) }

// pace makes the pauses after failures, all requests together: go-
// containerregistry tries again, but knows no Retry-After, and its own pauses
// can't be interrupted.
type pace struct {
	http.RoundTripper
	patience Patience
	logger   *slog.Logger

	mu sync.Mutex
	// until is when the next request may go, and failures how many rounds of
	// requests failed in a row, by method: that a blob can be asked for does
	// not mean that it can be sent.
	until    time.Time
	failures map[string]int
	// reached says that the registry has answered.
	reached bool
}

// backoff has go-containerregistry try as often, without pauses of its own.
func (p *pace) backoff() remote.Backoff {
	return remote.Backoff{Duration: time.Millisecond, Factor: 1, Steps: p.patience.Tries}
}

// RoundTrip implements http.RoundTripper.
func (p *pace) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := p.wait(req.Context()); err != nil {
		return nil, err
	}
	began := time.Now()
	req, err := anew(req)
	if err != nil {
		return nil, err
	}
	resp, err := p.RoundTripper.RoundTrip(req)
	switch {
	case err != nil && p.temporary(err):
		p.failed(req.Method, began, 0, err.Error())
	case err == nil && again(resp.StatusCode):
		after := retryAfter(resp.Header.Get("Retry-After"))
		if after > p.patience.Max {
			resp.Body.Close()
			return nil, errWait{after}
		}
		p.failed(req.Method, began, after, resp.Status)
	case err == nil && stale(req, resp):
		refusal := transport.CheckError(resp, http.StatusOK)
		resp.Body.Close()
		return nil, fmt.Errorf("%w: %w", errStale, refusal)
	case err == nil:
		p.mu.Lock()
		p.failures[req.Method], p.reached = 0, true
		p.mu.Unlock()
	}
	return resp, err
}

// tries does something until it goes well, or will not, or was tried often
// enough without getting on.
func (p *pace) tries(do func() (gotOn bool, err error)) error {
	for n := 1; ; n++ {
		gotOn, err := do()
		if err == nil || n >= p.patience.Tries && !gotOn || !p.temporary(err) {
			return err
		}
		if gotOn {
			n = 0
			p.mu.Lock()
			clear(p.failures)
			p.mu.Unlock()
		}
	}
}

// failed puts the next request off. Requests that were under way together fail
// together, and count once.
func (p *pace) failed(method string, began time.Time, after time.Duration, why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failures[method] == 0 || began.After(p.until) {
		p.failures[method]++
		pause := min(p.patience.Base<<min(p.failures[method]-1, 16), p.patience.Max)
		pause = pause/2 + rand.N(pause/2+1)
		if next := time.Now().Add(pause); next.After(p.until) {
			p.until = next
		}
		p.logger.Warn("the registry failed; trying again", "why", why, "pause", max(pause, after).Round(time.Millisecond))
	}
	if asked := time.Now().Add(after); after > 0 && asked.After(p.until) {
		p.until = asked
	}
}

// wait returns when the next request may go.
func (p *pace) wait(ctx context.Context) error {
	for {
		p.mu.Lock()
		left := time.Until(p.until)
		p.mu.Unlock()
		if left <= 0 {
			return ctx.Err()
		}
		t := time.NewTimer(left)
		select {
		case <-ctx.Done():
			t.Stop()
			return context.Cause(ctx)
		case <-t.C:
		}
	}
}

// again says whether a request may do better later.
func again(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// retryAfter reads the header, in seconds or as a date; 0 if there is none.
func retryAfter(text string) time.Duration {
	if s, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(s) * time.Second
	}
	if t, err := http.ParseTime(text); err == nil {
		return max(0, time.Until(t))
	}
	return 0
}

// temporary says whether the same may go well on a further try.
func (p *pace) temporary(err error) bool {
	var answer *transport.Error
	var ne net.Error
	var wait errWait
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, errDamaged), errors.As(err, &wait):
		return false
	case errors.Is(err, errAnew), errors.Is(err, errStale):
		return true
	case errors.As(err, &answer):
		// A registry that lost an upload begins it anew.
		return again(answer.StatusCode) || answer.StatusCode == http.StatusRequestedRangeNotSatisfiable || lost(answer)
	case errors.As(err, &ne) && ne.Timeout():
		return true
	case errors.Is(err, syscall.ECONNREFUSED):
		// It is being started again if it was there before.
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.reached
	}
	for _, e := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE, net.ErrClosed} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func lost(answer *transport.Error) bool {
	for _, d := range answer.Errors {
		if d.Code == transport.BlobUploadUnknownErrorCode || d.Code == transport.BlobUploadInvalidErrorCode {
			return true
		}
	}
	return false
}
