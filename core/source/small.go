package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
)

// Small fetches a file whose hash isn't known, such as a list of hashes, from
// an http, https or file URL. Mirrors are not asked, as nothing could say
// whether they have the right one. One that isn't there wraps fs.ErrNotExist;
// other errors are one clause, apart from the end of ctx.
func (f *Fetcher) Small(ctx context.Context, from string, limit int64) ([]byte, error) {
	data, err := f.small(ctx, from, limit)
	if err != nil && ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return data, err
}

func (f *Fetcher) small(ctx context.Context, from string, limit int64) ([]byte, error) {
	u, err := url.Parse(from)
	if err != nil {
		return nil, errors.New("it is no URL")
	}
	if u.Scheme == "file" {
		in, err := openRegular(u.Path)
		if err != nil {
			return nil, err
		}
		defer in.Close()
		return atMost(in, limit)
	}
	if f.Offline {
		return nil, ErrOffline
	}
	r := f.Retry.withDefaults()
	client := f.Client
	if client == nil {
		client = newClient(r, f.Proxy)
		defer client.CloseIdleConnections()
	}
	p := patience{retry: r}
	for {
		data, err := getSmall(ctx, client, u, r, limit)
		if err == nil || ctx.Err() != nil {
			return data, err
		}
		wait, more := p.next(err, false)
		if !more {
			return nil, p.describe(err)
		}
		if err := sleep(ctx, wait); err != nil {
			return nil, err
		}
	}
}

func getSmall(ctx context.Context, client *http.Client, u *url.URL, r Retry, limit int64) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.Connect+r.Idle, errIdle)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "mkmini")
	resp, err := client.Do(req)
	if err != nil {
		return nil, because(ctx, err)
	}
	defer resp.Body.Close()
	if u.Scheme == "https" && resp.Request.URL.Scheme != "https" {
		return nil, errors.New("it leads on to plain http, where anybody could have changed it")
	}
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusGone:
		return nil, fmt.Errorf("%w: %w", newStatusError(resp), fs.ErrNotExist)
	default:
		return nil, newStatusError(resp)
	}
	data, err := atMost(resp.Body, limit)
	return data, because(ctx, err)
}

// atMost reads all, but no more than a limit.
func atMost(r io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(data)) > limit {
		return nil, fmt.Errorf("it has more than %d bytes", limit)
	}
	return data, err
}

// Mismatch returns the sha256 that a file had in place of the one that was
// asked for, if that is why a fetch failed.
func Mismatch(err error) (got, want string, ok bool) {
	var wrong *mismatchError
	if !errors.As(err, &wrong) || wrong.html {
		return "", "", false
	}
	return wrong.got, wrong.want, true
}

// Present returns the path of a file by hash that was fetched before, and
// false if there is none. It is not verified: Fetch does that.
func Present(dir, sha256 string) (string, bool) {
	path := dir + string(os.PathSeparator) + sha256
	info, err := os.Stat(path)
	return path, err == nil && info.Mode().IsRegular()
}
