package registry_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mkmini/mkmini/core/registry"
)

// keeper is a registry that keeps what it got of a blob when a connection
// breaks, as the specification of distribution has it, and says so. Blobs that
// are complete go to another handler.
type keeper struct {
	http.Handler
	mu      sync.Mutex
	uploads map[string]*bytes.Buffer
	// cut is how many bytes of a request are taken before its connection is
	// cut, while cuts is positive; taken is the bytes of blobs that were taken.
	cut         int64
	cuts, taken atomic.Int64
	// plain says that it refuses pieces.
	plain bool
}

func (k *keeper) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	dir, id := path.Split(r.URL.Path)
	if !strings.HasSuffix(dir, "/blobs/uploads/") {
		k.Handler.ServeHTTP(w, r)
		return
	}
	k.mu.Lock()
	if r.Method == http.MethodPost {
		id = fmt.Sprint(len(k.uploads))
		k.uploads[id] = &bytes.Buffer{}
		w.Header().Set("Location", dir+id)
		w.WriteHeader(http.StatusAccepted)
	}
	b := k.uploads[id]
	k.mu.Unlock()
	switch r.Method {
	case http.MethodGet:
		if b == nil || k.plain {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Location", dir+id)
		w.Header().Set("Range", fmt.Sprintf("0-%d", max(0, b.Len()-1)))
		w.WriteHeader(http.StatusNoContent)
	case http.MethodPatch:
		k.patch(w, r, b)
	case http.MethodPut:
		again := r.Clone(r.Context())
		again.Method, again.URL.Path = http.MethodPost, dir
		again.Body, again.ContentLength = io.NopCloser(b), int64(b.Len())
		k.Handler.ServeHTTP(w, again)
	}
}

func (k *keeper) patch(w http.ResponseWriter, r *http.Request, b *bytes.Buffer) {
	start, end, at := 0, 0, r.Header.Get("Content-Range")
	if at != "" {
		if _, err := fmt.Sscanf(at, "%d-%d", &start, &end); err != nil || int64(end-start+1) != r.ContentLength || k.plain {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
	}
	if start != b.Len() {
		w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
		return
	}
	n := r.ContentLength
	cut := n > k.cut && k.cuts.Add(-1) >= 0
	if cut {
		n = k.cut
	}
	got, _ := io.CopyN(b, r.Body, n)
	k.taken.Add(got)
	if cut {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(http.StatusAccepted)
}

// keep starts a registry that cuts connections.
func keep(t *testing.T, k *keeper) string {
	return serve(t, func(h http.Handler) http.Handler {
		k.Handler, k.uploads = h, map[string]*bytes.Buffer{}
		return k
	})
}

// blobs returns the length of all blobs of a layout, in bytes; manifests are
// those of its index.json.
func blobBytes(t *testing.T, layout string, manifests int64) (total int64) {
	t.Helper()
	entries, err := os.ReadDir(layout + "/blobs/sha256")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		total += info.Size()
	}
	return total - manifests
}

// manifestSize returns the length of the only manifest of a layout.
func manifestSize(t *testing.T, image string) int64 {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+strings.Replace(image, "/mini:", "/v2/mini/manifests/", 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "application/vnd.oci.image.manifest.v1+json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.ContentLength
}

// TestGoesOn has connections cut many times, in the middle of pieces and of
// whole blobs. No byte is sent twice.
func TestGoesOn(t *testing.T) {
	path := layout(t, 1, nil)
	for _, chunk := range []int64{0, 10_000, 2000} {
		k := &keeper{cut: 1501}
		k.cuts.Store(1 << 40)
		image := keep(t, k) + "/mini:1"
		if _, err := push(t, registry.Pusher{Chunk: chunk}, path, registry.Request{Names: []string{image}}); err != nil {
			t.Fatal(err)
		}
		pulled(t, image)
		if want := blobBytes(t, path, manifestSize(t, image)); k.taken.Load() != want || 1<<40-k.cuts.Load() < 8 {
			t.Errorf("pieces of %d: %d bytes were sent, not %d; %d cuts", chunk, k.taken.Load(), want, 1<<40-k.cuts.Load())
		}
	}
}

// TestNextRunGoesOn stops a push, and has the next one go on where it was.
func TestNextRunGoesOn(t *testing.T) {
	layout := layout(t, 1, nil)
	for _, remembers := range []bool{true, false} {
		k := &keeper{cut: 1501}
		k.cuts.Store(1 << 40)
		image := keep(t, k) + "/mini:1"
		p := registry.Pusher{Chunk: 4000}
		if remembers {
			p.Sessions = t.TempDir() + "/uploads"
		}
		ctx, cancel := context.WithCancel(t.Context())
		p.Transport = stopping(&k.taken, 8000, cancel)
		if _, err := pushContext(ctx, t, p, layout, registry.Request{Names: []string{image}}); err == nil {
			t.Fatal("it wasn't stopped")
		}
		p.Transport = nil
		k.cuts.Store(0)
		if _, err := push(t, p, layout, registry.Request{Names: []string{image}}); err != nil {
			t.Fatal(err)
		}
		pulled(t, image)
		if want := blobBytes(t, layout, manifestSize(t, image)); (k.taken.Load() == want) != remembers {
			t.Errorf("remembers %t: %d bytes were sent, of %d", remembers, k.taken.Load(), want)
		}
		if left, _ := os.ReadDir(p.Sessions); len(left) > 0 {
			t.Errorf("still remembered: %v", left)
		}
	}
}

// stopping cancels once so many bytes were taken.
func stopping(taken *atomic.Int64, most int64, cancel func()) http.RoundTripper {
	return transportFunc(func(r *http.Request) (*http.Response, error) {
		if taken.Load() > most {
			cancel()
		}
		return http.DefaultTransport.RoundTrip(r)
	})
}

type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestRegistryWithoutPieces gets large blobs in one request.
func TestRegistryWithoutPieces(t *testing.T) {
	path := layout(t, 3, nil)
	k := &keeper{cut: 1501, plain: true}
	k.cuts.Store(2)
	image := keep(t, k) + "/mini:1"
	if _, err := push(t, registry.Pusher{Chunk: 4000}, path, registry.Request{Names: []string{image}}); err != nil {
		t.Fatal(err)
	}
	pulled(t, image)
}

// TestForgottenSession has registries that lost an upload which is remembered,
// and remembers places in vain.
func TestForgottenSession(t *testing.T) {
	path := layout(t, 1, nil)
	for _, text := range []string{"lost", "", "\x00", "http://HOST/v2/", "https://HOST/nowhere", "http://127.0.0.1:1/v2/x", "ftp://x", "/v2/"} {
		k := &keeper{cut: 1501}
		k.cuts.Store(1 << 40)
		host := keep(t, k)
		p := registry.Pusher{Sessions: t.TempDir(), Patience: registry.Patience{Tries: 1, Base: 1, Max: 1}}
		req := registry.Request{Names: []string{host + "/mini:1"}}
		if _, err := push(t, p, path, req); err == nil {
			t.Fatal("it wasn't stopped")
		}
		kept, err := os.ReadDir(p.Sessions)
		if err != nil || len(kept) == 0 {
			t.Fatalf("nothing is remembered: %v", err)
		}
		for _, e := range kept {
			if text == "lost" {
				continue
			}
			if err := os.WriteFile(p.Sessions+"/"+e.Name(), []byte(strings.ReplaceAll(text, "HOST", host)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		k.cuts.Store(0)
		k.mu.Lock()
		clear(k.uploads)
		k.mu.Unlock()
		if _, err := push(t, registry.Pusher{Sessions: p.Sessions}, path, req); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		pulled(t, host+"/mini:1")
		if left, _ := os.ReadDir(p.Sessions); len(left) > 0 {
			t.Errorf("%q: still remembered: %v", text, left)
		}
	}
}

// TestDistributionGoesOn stops uploads to Debian's docker-registry, behind a
// proxy that hands on whole requests, as most do.
func TestDistributionGoesOn(t *testing.T) {
	layout := layout(t, 1, nil)
	var n, taken atomic.Int64
	host := before(t, distribution(t), func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPatch && r.ContentLength > 3000 {
				if n.Add(1)%3 == 0 {
					_, _ = io.CopyN(io.Discard, r.Body, 1000)
					panic(http.ErrAbortHandler)
				}
			}
			if r.Method == http.MethodPatch {
				taken.Add(r.ContentLength)
			}
			h.ServeHTTP(w, r)
		})
	})
	image := host + "/mini:1"
	p := registry.Pusher{Chunk: 4000, Sessions: t.TempDir()}
	ctx, cancel := context.WithCancel(t.Context())
	p.Transport = stopping(&taken, 9000, cancel)
	if _, err := pushContext(ctx, t, p, layout, registry.Request{Names: []string{image}}); err == nil {
		t.Fatal("it wasn't stopped")
	}
	p.Transport = nil
	if _, err := push(t, p, layout, registry.Request{Names: []string{image}}); err != nil {
		t.Fatal(err)
	}
	pulled(t, image)
	if want := blobBytes(t, layout, manifestSize(t, image)); taken.Load() != want || n.Load() < 6 {
		t.Errorf("%d bytes were sent, not %d", taken.Load(), want)
	}
}

// FuzzAnswers has a registry answer requests about an upload with anything. A
// push comes to its end, and never says that it went well when it didn't.
func FuzzAnswers(f *testing.F) {
	for _, seed := range []struct {
		status        int
		ranges, where string
	}{
		{202, "0-99", "/v2/mini/blobs/uploads/1"}, {204, "0-0", ""}, {416, "bytes=0-5", "//"}, {201, "5-1", "http://10.0.0.1/x"},
		{404, "0--1", "?"}, {500, "0-9223372036854775807", "/v2/mini/blobs/uploads/1?_state=x"}, {308, "-", "ftp://x"}, {401, "", "%"},
	} {
		f.Add(seed.status, seed.status, seed.ranges, seed.where)
	}
	path := layout(f, 1, nil)
	f.Fuzz(func(t *testing.T, began, patched int, ranges, where string) {
		answer := func(r *http.Request) (*http.Response, error) {
			if r.Body != nil {
				_, _ = io.Copy(io.Discard, r.Body)
				_ = r.Body.Close()
			}
			resp := &http.Response{StatusCode: http.StatusNotFound, Header: http.Header{}, Body: http.NoBody, Request: r}
			resp.Header.Set("Range", ranges)
			resp.Header.Set("Location", where)
			switch {
			case r.URL.Path == "/v2/":
				resp.StatusCode = http.StatusOK
			case r.Method == http.MethodPost || r.Method == http.MethodGet:
				resp.StatusCode = 100 + (began%500+500)%500
			case r.Method == http.MethodPatch:
				resp.StatusCode = 100 + (patched%500+500)%500
			case r.Method == http.MethodPut && !strings.Contains(r.URL.Path, "/manifests/"):
				resp.StatusCode = http.StatusBadRequest
			}
			return resp, nil
		}
		p := registry.Pusher{Chunk: 4000, Transport: transportFunc(answer), Sessions: t.TempDir(), Patience: registry.Patience{Base: 1, Max: 1}}
		_, err := push(t, p, path, registry.Request{Names: []string{"127.0.0.1:1/mini:1"}})
		if err == nil {
			t.Fatal("a push went well that didn't")
		}
	})
}
