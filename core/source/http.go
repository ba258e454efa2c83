package source

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// newClient returns a client that takes proxies from the environment if it is
// given none.
func newClient(r Retry, proxy func(*http.Request) (*url.URL, error)) *http.Client {
	if proxy == nil {
		proxy = http.ProxyFromEnvironment
	}
	return &http.Client{Transport: &http.Transport{
		Proxy:               proxy,
		DialContext:         (&net.Dialer{Timeout: r.Connect}).DialContext,
		TLSHandshakeTimeout: r.Connect,
		ForceAttemptHTTP2:   true,
		// The hash is that of the file as it is served.
		DisableCompression: true,
	}}
}

// download fetches a URL, with as many requests as it takes within patience.
func (j *job) download(ctx context.Context, u *url.URL) error {
	p := patience{retry: j.retry}
	again := false
	for {
		before := size(j.part)
		resumed, err := j.request(ctx, u)
		if err == nil {
			err = j.verifyPart(ctx)
			var wrong *mismatchError
			if resumed && !again && errors.As(err, &wrong) {
				again = true
				j.log.Debug("what was there did not fit, starting again", "url", u.Redacted())
				continue
			}
			return err
		}
		var disk *diskError
		if ctx.Err() != nil || errors.As(err, &disk) {
			return err
		}
		wait, more := p.next(err, size(j.part) > before)
		if !more {
			return p.describe(err)
		}
		j.log.Debug("trying again", "url", u.Redacted(), "reason", err, "wait", wait)
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// verifyPart makes the downloaded file the final one, or removes it if its
// hash is wrong.
func (j *job) verifyPart(ctx context.Context) error {
	sum, err := hashFile(ctx, j.part)
	if err != nil {
		return &diskError{err}
	}
	if sum == j.sha256 {
		return j.accept(j.part)
	}
	wrong := &mismatchError{got: sum, want: j.sha256, size: size(j.part), html: htmlFile(j.part)}
	return errors.Join(wrong, removeIfThere(j.part, j.tag()))
}

// request makes one request and appends what it brings to the part file. It
// says whether the part file had bytes of an earlier request.
func (j *job) request(ctx context.Context, u *url.URL) (resumed bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	idle := time.AfterFunc(j.retry.Idle, func() { cancel(errIdle) })
	defer idle.Stop()

	offset := size(j.part)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return false, err
	}
	j.setHeaders(req, offset)
	resp, err := j.client.Do(req)
	if err != nil {
		return false, because(ctx, err)
	}
	defer resp.Body.Close()
	offset, err = j.start(resp, offset)
	if err != nil {
		return false, err
	}
	body := bufio.NewReaderSize(&idleReader{resp.Body, idle, j.retry.Idle}, 64<<10)
	if offset == 0 {
		if head, _ := body.Peek(512); looksHTML(head) {
			return false, &mismatchError{html: true}
		}
	}
	if err := j.keepTag(u, resp); err != nil {
		return false, err
	}
	p := Progress{Done: offset, From: u.Redacted()}
	if resp.ContentLength >= 0 {
		p.Total = offset + resp.ContentLength
	}
	return offset > 0, because(ctx, j.receive(body, offset, p))
}

// because puts the reason why ctx ended in place of the error that came of it.
func because(ctx context.Context, err error) error {
	var disk *diskError
	var broken *brokenError
	switch {
	case err == nil || ctx.Err() == nil || errors.As(err, &disk):
		return err
	case errors.As(err, &broken):
		broken.err = context.Cause(ctx)
		return broken
	}
	return context.Cause(ctx)
}

func (j *job) setHeaders(req *http.Request, offset int64) {
	req.Header.Set("User-Agent", "mkmini")
	req.Header.Set("Accept-Encoding", "identity")
	if offset == 0 {
		return
	}
	req.Header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
	if url, tag := j.readTag(); tag != "" && url == req.URL.Redacted() {
		req.Header.Set("If-Range", tag)
	}
}

// start looks at the head of a response and returns where its body belongs
// in the file.
func (j *job) start(resp *http.Response, offset int64) (int64, error) {
	switch resp.StatusCode {
	case http.StatusOK:
		offset = 0
	case http.StatusPartialContent:
		var from int64
		if _, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-", &from); err != nil || from != offset {
			return 0, errors.Join(errRange, removeIfThere(j.part, j.tag()))
		}
	case http.StatusRequestedRangeNotSatisfiable:
		return 0, errors.Join(errRange, removeIfThere(j.part, j.tag()))
	default:
		return 0, newStatusError(resp)
	}
	if offset+resp.ContentLength > j.maxSize {
		err := fmt.Errorf("has %d bytes, more than the %d allowed", offset+resp.ContentLength, j.maxSize)
		return 0, errors.Join(err, removeIfThere(j.part, j.tag()))
	}
	return offset, nil
}

// receive writes a body to the part file from offset on.
func (j *job) receive(body io.Reader, offset int64, p Progress) (err error) {
	out, err := os.OpenFile(j.part, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return &diskError{err}
	}
	defer func() {
		if cerr := out.Close(); cerr != nil && err == nil {
			err = &diskError{cerr}
		}
	}()
	if err := out.Truncate(offset); err != nil {
		return &diskError{err}
	}
	buf := make([]byte, 64<<10)
	for {
		n, rerr := body.Read(buf)
		if _, err := out.WriteAt(buf[:n], p.Done); err != nil {
			return &diskError{err}
		}
		p.Done += int64(n)
		if p.Done > j.maxSize {
			err := fmt.Errorf("has more than the %d bytes allowed", j.maxSize)
			return errors.Join(err, removeIfThere(j.part, j.tag()))
		}
		j.progress(p)
		if rerr == io.EOF {
			return nil
		}
		if rerr != nil {
			return &brokenError{p.Done, p.Total, rerr}
		}
	}
}

// tag is the path of the file that says what version of the file the part
// file is of, as its server put it.
func (j *job) tag() string { return j.part + ".tag" }

// keepTag notes the URL and what makes If-Range work: a strong ETag, else
// the time of modification.
func (j *job) keepTag(u *url.URL, resp *http.Response) error {
	tag := resp.Header.Get("ETag")
	if tag == "" || strings.HasPrefix(tag, "W/") {
		tag = resp.Header.Get("Last-Modified")
	}
	if tag == "" {
		return removeIfThere(j.tag())
	}
	if err := os.WriteFile(j.tag(), []byte(u.Redacted()+"\n"+tag), 0o600); err != nil {
		return &diskError{err}
	}
	return nil
}

func (j *job) readTag() (url, tag string) {
	text, err := os.ReadFile(j.tag())
	if err != nil {
		return "", ""
	}
	url, tag, _ = strings.Cut(string(text), "\n")
	return url, tag
}

// size returns the bytes of a file, 0 if there is none.
func size(path string) int64 {
	fi, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return fi.Size()
}

// idleReader puts off a timer with each read that brings something.
type idleReader struct {
	r     io.Reader
	timer *time.Timer
	idle  time.Duration
}

func (r *idleReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if n > 0 {
		r.timer.Reset(r.idle)
	}
	return n, err
}
