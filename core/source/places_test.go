package source_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/source"
	"github.com/mkmini/mkmini/core/source/apt"
)

// archive is a source.Archive that has the given bytes, or an error.
type archive struct {
	data []byte
	err  error
}

func (a archive) Fetch(_ context.Context, _, _, target string, progress apt.Progress) (string, error) {
	if a.err != nil {
		return "", a.err
	}
	progress("apt, bookworm", 1, 2)
	return "apt, bookworm", os.WriteFile(target, a.data, 0o600)
}

// TestOrder has every place but the last fail, in its own way.
func TestOrder(t *testing.T) {
	refused := closedPort(t)
	missing, _ := server(t, func(w http.ResponseWriter, r *http.Request, n int) { http.NotFound(w, r) })
	dir := t.TempDir()
	req := request(
		"ftp://mirror.example.test/busybox", "http://[::1/", "http://"+refused+"/busybox",
		"http://no-such-host.invalid/busybox", missing, "file://"+filepath.Join(dir, "absent"),
	)
	req.Debian = "busybox"
	f := &source.Fetcher{Retry: quick, Apt: archive{err: &apt.NotFoundError{Tried: []apt.Miss{
		{Place: "apt, bookworm", Reason: "no"}, {Place: "apt, stable", Reason: "neither"},
	}}}}
	f.Client = &http.Client{Transport: &http.Transport{DialContext: dialLoopback}}
	_, err := f.Fetch(t.Context(), req, filepath.Join(dir, "blobs"), nil)
	e := failed(t, dir, err,
		"ftp://mirror.example.test/busybox: is not an http, https or file URL",
		"http://[::1/: is not a URL",
		"connection refused (2 tries)",
		"http://no-such-host.invalid/busybox: the name no-such-host.invalid does not resolve",
		missing+": answers 404 Not Found",
		"no such file or directory",
		"apt, bookworm: no", "apt, stable: neither",
	)
	if e.Usage || !errors.Is(err, syscall.ECONNREFUSED) || !strings.Contains(e.Remedy, "file = ") {
		t.Errorf("got %+v", e)
	}

	var from []string
	f.Apt = archive{data: content}
	blobs := filepath.Join(dir, "blobs")
	path, err := f.Fetch(t.Context(), req, blobs, func(p source.Progress) { from = append(from, p.From) })
	checkFetched(t, blobs, path, err)
	if len(from) < 2 || from[0] != "apt, bookworm" {
		t.Errorf("progress is from %q", from)
	}
}

// dialLoopback keeps names off the network.
func dialLoopback(ctx context.Context, network, addr string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	if net.ParseIP(host) == nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}}
	}
	return (&net.Dialer{}).DialContext(ctx, network, addr)
}

// closedPort returns a loopback address where nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestPresent(t *testing.T) {
	dir := t.TempDir()
	url, requests := server(t, func(w http.ResponseWriter, r *http.Request, n int) { serve(w, r) })
	f := &source.Fetcher{Retry: quick}
	for range 2 {
		path, err := f.Fetch(t.Context(), request(url), dir, nil)
		checkFetched(t, dir, path, err)
	}
	if n := requests.Load(); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
	write(t, filepath.Join(dir, sum(content)), []byte("damaged"))
	path, err := f.Fetch(t.Context(), request(url), dir, nil)
	checkFetched(t, dir, path, err)
	if n := requests.Load(); n != 2 {
		t.Errorf("%d requests, want 2: a damaged file was taken", n)
	}
}

func TestFile(t *testing.T) {
	tmp := t.TempDir()
	good, bad := filepath.Join(tmp, "good"), filepath.Join(tmp, "bad")
	write(t, good, content)
	write(t, bad, []byte("bad"))
	if err := syscall.Mkfifo(filepath.Join(tmp, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, file, summary, detail string
		offline                     bool
	}{
		{name: "good", file: good},
		{name: "good, offline", file: good, offline: true},
		{name: "another hash", file: bad, summary: "File has another hash",
			detail: "has the sha256 " + sum([]byte("bad")) + ", but " + sum(content) + " is wanted."},
		{name: "missing", file: filepath.Join(tmp, "absent"), summary: "File not found", detail: "There is no file"},
		{name: "a folder", file: tmp, summary: "File not usable", detail: "no regular file"},
		{name: "a pipe", file: filepath.Join(tmp, "pipe"), summary: "File not usable", detail: "no regular file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			url, requests := server(t, func(w http.ResponseWriter, r *http.Request, n int) { serve(w, r) })
			req := request(url)
			req.File = tt.file
			dir := t.TempDir()
			f := &source.Fetcher{Retry: quick, Offline: tt.offline}
			path, err := f.Fetch(t.Context(), req, dir, nil)
			if tt.summary == "" {
				checkFetched(t, dir, path, err)
			} else {
				e := failed(t, dir, err)
				if e.Summary != tt.summary || !strings.Contains(e.Detail, tt.detail) || !e.Usage {
					t.Errorf("got %+v", e)
				}
				if left := names(t, dir); len(left) > 0 {
					t.Errorf("left %q", left)
				}
			}
			if requests.Load() > 0 {
				t.Errorf("the network was tried in place of the file")
			}
		})
	}
}

func TestOffline(t *testing.T) {
	url, requests := server(t, func(w http.ResponseWriter, r *http.Request, n int) { serve(w, r) })
	req := request(url)
	req.Debian = "busybox"
	f := &source.Fetcher{Retry: quick, Offline: true, Apt: archive{data: content}}
	dir := t.TempDir()
	_, err := f.Fetch(t.Context(), req, dir, nil)
	e := failed(t, dir, err, url+": not tried: offline", "apt, source package busybox: not tried: offline")
	if !strings.Contains(e.Detail, "network is off") || !strings.Contains(e.Remedy, "--offline") || !errors.Is(err, source.ErrOffline) {
		t.Errorf("got %+v", e)
	}
	local := filepath.Join(t.TempDir(), "mirror")
	write(t, local, content)
	req.URLs = append(req.URLs, "file://"+local)
	path, err := f.Fetch(t.Context(), req, dir, nil)
	checkFetched(t, dir, path, err)
	if requests.Load() > 0 {
		t.Errorf("the network was used")
	}
}

func TestBadRequest(t *testing.T) {
	f := &source.Fetcher{}
	for _, hash := range []string{"", "abc", strings.Repeat("g", 64), strings.Repeat("a", 66)} {
		_, err := f.Fetch(t.Context(), source.Request{Name: "busybox 1.0", SHA256: hash}, t.TempDir(), nil)
		var e *fault.Error
		if !errors.As(err, &e) || !e.Usage || e.Summary != "Invalid sha256" {
			t.Errorf("hash %q gives %v", hash, err)
		}
	}
	dir := t.TempDir()
	_, err := f.Fetch(t.Context(), request(), dir, nil)
	if e := failed(t, dir, err); !e.Usage || !strings.Contains(e.Remedy, "urls") {
		t.Errorf("got %+v", e)
	}
	req := request()
	req.SHA256 = strings.ToUpper(req.SHA256)
	req.File = filepath.Join(t.TempDir(), "file")
	write(t, req.File, content)
	path, err := f.Fetch(t.Context(), req, dir, nil)
	checkFetched(t, dir, path, err)
}

// TestCancel ends a fetch within a body and keeps what is there for later.
func TestCancel(t *testing.T) {
	url, _ := server(t, func(w http.ResponseWriter, r *http.Request, n int) {
		if n > 0 {
			serve(w, r)
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		_, _ = w.Write(content[:100_000])
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	stop := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	dir := t.TempDir()
	f := &source.Fetcher{Retry: quick}
	_, err := f.Fetch(ctx, request(url), dir, func(p source.Progress) {
		if p.Done >= 50_000 {
			cancel(stop)
		}
	})
	if !errors.Is(err, stop) {
		t.Fatalf("error is %v, want the cause of the context", err)
	}
	fi, err := os.Stat(filepath.Join(dir, sum(content)+".part"))
	if err != nil || fi.Size() < 50_000 {
		t.Errorf("nothing to go on with: %v", err)
	}
	path, err := f.Fetch(t.Context(), request(url), dir, nil)
	checkFetched(t, dir, path, err)
}

func TestUnwritable(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root can write everywhere")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	url, _ := server(t, func(w http.ResponseWriter, r *http.Request, n int) { serve(w, r) })
	_, err := (&source.Fetcher{Retry: quick}).Fetch(t.Context(), request(url, url), dir, nil)
	if e := failed(t, dir, err); e.Summary != "Folder not writable" || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("got %+v", e)
	}
}

// TestSecrets checks that a password in a URL is not shown.
func TestSecrets(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	url := strings.Replace(s.URL, "http://", "http://me:hunter2@", 1)
	dir := t.TempDir()
	_, err := (&source.Fetcher{Retry: quick}).Fetch(t.Context(), request(url, "http://me:hunter2@"+closedPort(t)), dir, nil)
	e := failed(t, dir, err, "404", "refused")
	if text := fmt.Sprintf("%+v %v", e, e.Err); strings.Contains(text, "hunter2") {
		t.Errorf("the password is shown: %s", text)
	}
}
