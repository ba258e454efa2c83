package source

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"syscall"
	"time"
)

var (
	// errIdle ends a request whose server went silent.
	errIdle = errors.New("the server stopped sending")
	// errRange asks for the file from its start.
	errRange = errors.New("the server cannot go on where the download broke off")
)

// statusError is a response that is not the file.
type statusError struct {
	code int
	text string
	// after is how long the server asks to wait; 0 if it does not say.
	after time.Duration
}

func (e *statusError) Error() string { return "answers " + e.text }

func newStatusError(resp *http.Response) *statusError {
	e := &statusError{code: resp.StatusCode, text: resp.Status}
	if text := http.StatusText(e.code); text != "" {
		e.text = fmt.Sprintf("%d %s", e.code, text)
	}
	after := resp.Header.Get("Retry-After")
	if s, err := strconv.ParseInt(after, 10, 32); err == nil {
		e.after = time.Duration(max(0, s)) * time.Second
	} else if t, err := http.ParseTime(after); err == nil {
		e.after = max(0, time.Until(t))
	}
	return e
}

// brokenError is a body that ended too early.
type brokenError struct {
	done, total int64
	err         error
}

func (e *brokenError) Error() string {
	how := "breaks off"
	if errors.Is(e.err, errIdle) {
		how = "stops sending"
	}
	if e.total > 0 {
		return fmt.Sprintf("%s after %d of %d bytes", how, e.done, e.total)
	}
	return fmt.Sprintf("%s after %d bytes", how, e.done)
}

func (e *brokenError) Unwrap() error { return e.err }

// patience decides whether a place gets another request.
type patience struct {
	retry Retry
	// tries counts all requests, idle those in a row that brought nothing.
	tries, idle int
}

// next returns how long to wait before the next request, or false if there
// should be none. Progress says that the last one brought something.
func (p *patience) next(err error, progress bool) (time.Duration, bool) {
	p.tries++
	p.idle++
	if progress {
		p.idle = 1
	}
	allowed := p.retry.Attempts
	var status *statusError
	switch {
	case errors.As(err, &status):
		if status.code < 500 && status.code != http.StatusTooManyRequests && status.code != http.StatusRequestTimeout {
			return 0, false
		}
		if status.after > p.retry.Max {
			return 0, false
		}
	case unreachable(err):
		allowed = p.retry.Quick
	case !temporary(err):
		return 0, false
	}
	// A server that breaks off after every few bytes ends at some time too.
	if p.idle >= allowed || p.tries >= 5*allowed {
		return 0, false
	}
	wait := min(p.retry.Base<<min(p.idle-1, 16), p.retry.Max)
	wait = wait/2 + rand.N(wait/2+1)
	if status != nil {
		wait = max(wait, status.after)
	}
	return wait, true
}

// describe puts an error in words.
func (p *patience) describe(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err
	}
	var dns *net.DNSError
	var op *net.OpError
	var status *statusError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		err = fmt.Errorf("the name %s does not resolve: %w", dns.Name, err)
	case errors.As(err, &status) && status.after > p.retry.Max:
		err = fmt.Errorf("%w and asks to wait %v", err, status.after)
	case errors.As(err, &op) && op.Op == "dial" && op.Timeout():
		err = fmt.Errorf("no connection within %v: %w", p.retry.Connect, err)
	case errors.Is(err, errIdle):
		err = fmt.Errorf("%w for %v", err, p.retry.Idle)
	}
	if p.tries > 1 {
		return fmt.Errorf("%w (%d tries)", err, p.tries)
	}
	return err
}

// unreachable says that a place will hardly come up within seconds.
func unreachable(err error) bool {
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return true
	}
	for _, e := range []error{syscall.ECONNREFUSED, syscall.ENETUNREACH, syscall.EHOSTUNREACH} {
		if errors.Is(err, e) {
			return true
		}
	}
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial" && op.Timeout()
}

// temporary says that the same request may work the next time.
func temporary(err error) bool {
	var cert *tls.CertificateVerificationError
	if errors.As(err, &cert) {
		return false
	}
	for _, e := range []error{errIdle, errRange, io.ErrUnexpectedEOF, io.EOF, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, e) {
			return true
		}
	}
	var broken *brokenError
	var ne net.Error
	return errors.As(err, &broken) || errors.As(err, &ne) && ne.Timeout()
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
