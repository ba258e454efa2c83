package source_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/source"
)

// content is what the tests fetch: incompressible and the same every time.
var content = func() []byte {
	r := rand.NewChaCha8([32]byte{1})
	b := make([]byte, 300_000)
	_, _ = r.Read(b)
	return b
}()

func sum(b []byte) string { return fmt.Sprintf("%x", sha256.Sum256(b)) }

// quick is patience for tests.
var quick = source.Retry{
	Base: time.Millisecond, Max: 2 * time.Second, Connect: 10 * time.Second, Idle: 10 * time.Second,
}

// server counts the requests to a handler, which is told how many were
// before.
func server(t *testing.T, handle func(w http.ResponseWriter, r *http.Request, n int)) (url string, requests *atomic.Int64) {
	t.Helper()
	requests = new(atomic.Int64)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handle(w, r, int(requests.Add(1))-1)
	}))
	t.Cleanup(s.Close)
	return s.URL + "/busybox.tar.bz2", requests
}

// serve serves content with Range and an ETag.
func serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("ETag", `"one"`)
	http.ServeContent(w, r, "busybox.tar.bz2", time.Time{}, strings.NewReader(string(content)))
}

// breakOff sends n bytes of the whole and closes the connection.
func breakOff(w http.ResponseWriter, n int) {
	w.Header().Set("Content-Length", fmt.Sprint(len(content)))
	_, _ = w.Write(content[:n])
	panic(http.ErrAbortHandler)
}

func request(urls ...string) source.Request {
	return source.Request{Name: "busybox 1.0", SHA256: sum(content), URLs: urls}
}

// checkFetched checks the result and that nothing else was left.
func checkFetched(t *testing.T, dir, path string, err error) {
	t.Helper()
	if err != nil {
		var f *fault.Error
		if errors.As(err, &f) {
			t.Fatalf("Fetch: %v\n%s", err, strings.Join(f.Excerpt, "\n"))
		}
		t.Fatalf("Fetch: %v", err)
	}
	if want := filepath.Join(dir, sum(content)); path != want {
		t.Errorf("path is %s, want %s", path, want)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if sum(got) != sum(content) {
		t.Errorf("the file's hash is wrong")
	}
	fi, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if fi.Mode().Perm() != 0o644 {
		t.Errorf("mode is %v, want 0644", fi.Mode())
	}
	if diff := cmp.Diff([]string{sum(content)}, names(t, dir)); diff != "" {
		t.Errorf("files in the folder (-want +got):\n%s", diff)
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// failed checks that err is a *fault.Error whose excerpt has a line for each
// of want, in that order, and that no final file is there.
func failed(t *testing.T, dir string, err error, want ...string) *fault.Error {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) {
		t.Fatalf("error is %T %v, want a *fault.Error", err, err)
	}
	if len(f.Excerpt) != len(want) {
		t.Fatalf("excerpt has %d lines, want %d:\n%s", len(f.Excerpt), len(want), strings.Join(f.Excerpt, "\n"))
	}
	for i, w := range want {
		if !strings.Contains(f.Excerpt[i], w) {
			t.Errorf("line %d is %q, want %q in it", i, f.Excerpt[i], w)
		}
	}
	if f.Step != "fetch busybox 1.0" || f.Summary == "" || f.Detail == "" || f.Remedy == "" {
		t.Errorf("incomplete: %+v", f)
	}
	if _, err := os.Stat(filepath.Join(dir, sum(content))); err == nil {
		t.Errorf("there is a file under the final name")
	}
	return f
}

func TestServers(t *testing.T) {
	tests := []struct {
		name     string
		handle   func(w http.ResponseWriter, r *http.Request, n int)
		requests int64
		want     string // in the reason; empty if it works
	}{
		{"plain", func(w http.ResponseWriter, r *http.Request, n int) { serve(w, r) }, 1, ""},
		{"breaks off, goes on", func(w http.ResponseWriter, r *http.Request, n int) {
			if n == 0 {
				breakOff(w, 100_000)
			}
			if got := r.Header.Get("Range"); got == "" {
				t.Error("the second request has no Range")
			}
			serve(w, r)
		}, 2, ""},
		{"breaks off, ignores Range", func(w http.ResponseWriter, r *http.Request, n int) {
			if n == 0 {
				breakOff(w, 100_000)
			}
			_, _ = w.Write(content)
		}, 2, ""},
		{"breaks off, then 416", func(w http.ResponseWriter, r *http.Request, n int) {
			switch n {
			case 0:
				breakOff(w, 100_000)
			case 1:
				w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
			default:
				if r.Header.Get("Range") != "" {
					t.Error("Range after 416")
				}
				serve(w, r)
			}
		}, 3, ""},
		{"breaks off, then another range", func(w http.ResponseWriter, r *http.Request, n int) {
			switch n {
			case 0:
				breakOff(w, 100_000)
			case 1:
				w.Header().Set("Content-Range", fmt.Sprintf("bytes 5-%d/%d", len(content)-1, len(content)))
				w.WriteHeader(http.StatusPartialContent)
				_, _ = w.Write(content[5:])
			default:
				serve(w, r)
			}
		}, 3, ""},
		{"breaks off often but gets on", func(w http.ResponseWriter, r *http.Request, n int) {
			if n < 9 {
				var from int
				_, _ = fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from)
				w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(content)-1, len(content)))
				w.Header().Set("Content-Length", fmt.Sprint(len(content)-from))
				if from > 0 {
					w.WriteHeader(http.StatusPartialContent)
				}
				_, _ = w.Write(content[from : from+20_000])
				panic(http.ErrAbortHandler)
			}
			serve(w, r)
		}, 10, ""},
		{"always half", func(w http.ResponseWriter, r *http.Request, n int) {
			w.Header().Set("Content-Length", fmt.Sprint(len(content)))
			_, _ = w.Write(content[:150_000])
			panic(http.ErrAbortHandler)
		}, 4, "breaks off after 150000 of 300000 bytes (4 tries)"},
		{"half without a length", func(w http.ResponseWriter, r *http.Request, n int) {
			_, _ = w.Write(content[:150_000])
		}, 1, "has the sha256 " + sum(content[:150_000]) + " in place of " + sum(content)},
		{"503 twice", func(w http.ResponseWriter, r *http.Request, n int) {
			if n < 2 {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			serve(w, r)
		}, 3, ""},
		{"503 always", func(w http.ResponseWriter, r *http.Request, n int) {
			w.WriteHeader(http.StatusServiceUnavailable)
		}, 4, "answers 503 Service Unavailable (4 tries)"},
		{"429 with a short wait", func(w http.ResponseWriter, r *http.Request, n int) {
			if n == 0 {
				w.Header().Set("Retry-After", "1")
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
			serve(w, r)
		}, 2, ""},
		{"429 with a long wait", func(w http.ResponseWriter, r *http.Request, n int) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusTooManyRequests)
		}, 1, "answers 429 Too Many Requests and asks to wait 1h0m0s"},
		{"404", func(w http.ResponseWriter, r *http.Request, n int) {
			http.NotFound(w, r)
		}, 1, "answers 404 Not Found"},
		{"an HTML page", func(w http.ResponseWriter, r *http.Request, n int) {
			fmt.Fprint(w, "\n<!DOCTYPE html><html><title>Log in</title></html>")
		}, 1, "is an HTML page, perhaps a login or error page of a proxy"},
		{"another file", func(w http.ResponseWriter, r *http.Request, n int) {
			fmt.Fprint(w, "BZh9 something else")
		}, 1, "has the sha256 " + sum([]byte("BZh9 something else"))},
		{"redirect loop", func(w http.ResponseWriter, r *http.Request, n int) {
			http.Redirect(w, r, r.URL.Path, http.StatusFound)
		}, 10, "stopped after 10 redirects"},
		{"redirect", func(w http.ResponseWriter, r *http.Request, n int) {
			if n == 0 {
				http.Redirect(w, r, "/elsewhere", http.StatusMovedPermanently)
				return
			}
			serve(w, r)
		}, 2, ""},
		{"too large", func(w http.ResponseWriter, r *http.Request, n int) {
			w.Header().Set("Content-Length", "3000000")
			_, _ = w.Write(content)
		}, 1, "has 3000000 bytes, more than the 1000000 allowed"},
		{"endless", func(w http.ResponseWriter, r *http.Request, n int) {
			for r.Context().Err() == nil {
				if _, err := w.Write(content); err != nil {
					return
				}
			}
		}, 1, "has more than the 1000000 bytes allowed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			url, requests := server(t, tt.handle)
			f := &source.Fetcher{Retry: quick, MaxSize: 1_000_000}
			dir := filepath.Join(t.TempDir(), "blobs")
			path, err := f.Fetch(t.Context(), request(url), dir, nil)
			if tt.want == "" {
				checkFetched(t, dir, path, err)
			} else {
				failed(t, dir, err, url+": "+tt.want)
			}
			if got := requests.Load(); got != tt.requests {
				t.Errorf("%d requests, want %d", got, tt.requests)
			}
		})
	}
}

func TestStall(t *testing.T) {
	url, requests := server(t, func(w http.ResponseWriter, r *http.Request, n int) {
		if n == 0 {
			w.Header().Set("Content-Length", fmt.Sprint(len(content)))
			_, _ = w.Write(content[:1000])
			_ = http.NewResponseController(w).Flush()
		}
		<-r.Context().Done()
	})
	retry := quick
	retry.Idle, retry.Attempts = 100*time.Millisecond, 2
	f := &source.Fetcher{Retry: retry}
	dir := t.TempDir()
	_, err := f.Fetch(t.Context(), request(url), dir, nil)
	failed(t, dir, err, "the server stopped sending for 100ms (2 tries)")
	if got := requests.Load(); got != 2 {
		t.Errorf("%d requests, want 2", got)
	}
}

// TestResumeLaterRun goes on with what an earlier run left, and starts again
// where that turns out to be of another file.
func TestResumeLaterRun(t *testing.T) {
	wrong := make([]byte, 100_000)
	tests := []struct {
		name string
		part []byte
		tag  string // after the URL
		want []string
	}{
		{"right", content[:100_000], "", []string{"bytes=100000- "}},
		{"right, same version", content[:100_000], `"one"`, []string{`bytes=100000- "one"`}},
		{"wrong, another version", wrong, `"two"`, []string{`bytes=100000- "two"`}},
		{"wrong", wrong, "", []string{"bytes=100000- ", " "}},
		{"complete", content, "", nil},
		{"too long", append(content[:len(content):len(content)], 1), "", []string{"bytes=300001- ", " "}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			url, _ := server(t, func(w http.ResponseWriter, r *http.Request, n int) {
				got = append(got, r.Header.Get("Range")+" "+r.Header.Get("If-Range"))
				serve(w, r)
			})
			dir := t.TempDir()
			part := filepath.Join(dir, sum(content)+".part")
			write(t, part, tt.part)
			if tt.tag != "" {
				write(t, part+".tag", []byte(url+"\n"+tt.tag))
			}
			f := &source.Fetcher{Retry: quick}
			path, err := f.Fetch(t.Context(), request(url), dir, nil)
			checkFetched(t, dir, path, err)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Range and If-Range (-want +got):\n%s", diff)
			}
		})
	}
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}
