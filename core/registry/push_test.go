package registry_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	fake "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/registry"
	"github.com/mkmini/mkmini/plugins/docker"
	"github.com/mkmini/mkmini/plugins/layer/layertest"
	"github.com/mkmini/mkmini/plugins/oci"
)

// impatient makes tests quick.
var impatient = registry.Patience{Base: time.Millisecond, Max: time.Minute}

// serve starts a registry behind a handler, and returns its host and port.
func serve(t *testing.T, wrap func(http.Handler) http.Handler) string {
	t.Helper()
	h := fake.New(fake.Logger(log.New(io.Discard, "", 0)), fake.WithReferrersSupport(true))
	if wrap != nil {
		h = wrap(h)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// counted counts the requests of a method.
func counted(n *atomic.Int64, method string) func(http.Handler) http.Handler {
	return func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == method {
				n.Add(1)
			}
			h.ServeHTTP(w, r)
		})
	}
}

// layout exports the images of three architectures, or of one.
func layout(t testing.TB, archs int, attributes map[string]any) string {
	t.Helper()
	path, _ := layertest.Export(t, oci.New(), layertest.Request(t, layertest.Images(t)[3-archs:], attributes))
	return path
}

func push(t *testing.T, p registry.Pusher, path string, req registry.Request) ([]registry.Pushed, error) {
	t.Helper()
	return pushContext(t.Context(), t, p, path, req)
}

func pushContext(ctx context.Context, t *testing.T, p registry.Pusher, path string, req registry.Request) ([]registry.Pushed, error) {
	t.Helper()
	// No credentials but those of a test.
	if os.Getenv("DOCKER_CONFIG") == "" {
		t.Setenv("DOCKER_CONFIG", t.TempDir())
	}
	l, err := registry.Open(ctx, path)
	if err != nil {
		return nil, registry.Unusable(err)
	}
	defer l.Close()
	p.Logger = slog.New(slog.DiscardHandler)
	if p.Patience == (registry.Patience{}) {
		p.Patience = impatient
	}
	return p.Push(ctx, l, req, func(done, total int64) {
		if done < 0 || done > total {
			t.Errorf("sent %d of %d bytes", done, total)
		}
	})
}

// refused checks that an error is a fault that says all of these.
func refused(t *testing.T, err error, pieces ...string) *fault.Error {
	t.Helper()
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		t.Fatalf("got %v, want a fault", err)
	}
	text := f.Error() + " " + f.Remedy
	for _, piece := range pieces {
		if !strings.Contains(text, piece) {
			t.Errorf("%q lacks %q", text, piece)
		}
	}
	if f.Remedy == "" || strings.Contains(text, "..") || strings.Contains(text, "\n") {
		t.Errorf("the fault isn't for people: %q", text)
	}
	return f
}

// pulled reads what a name stands for back, all of it.
func pulled(t *testing.T, text string) v1.Hash {
	t.Helper()
	ref, err := name.ParseReference(text)
	if err != nil {
		t.Fatal(err)
	}
	d, err := remote.Get(ref, remote.WithContext(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	if d.MediaType.IsIndex() {
		index, err := d.ImageIndex()
		if err == nil {
			err = validate.Index(index)
		}
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		return d.Digest
	}
	img, err := d.Image()
	if err == nil {
		err = validate.Image(img)
	}
	if err != nil {
		t.Errorf("%s: %v", text, err)
	}
	return d.Digest
}

func TestPush(t *testing.T) {
	host := serve(t, nil)
	archive, _ := layertest.Export(t, docker.New(), layertest.Request(t, layertest.Images(t)[:1], nil))
	for form, path := range map[string]string{
		"folder": layout(t, 3, nil), "archive": layout(t, 3, map[string]any{"archive": true}), "one": layout(t, 1, nil), "docker": archive,
	} {
		t.Run(form, func(t *testing.T) {
			image := host + "/team/" + form + ":1"
			done, err := push(t, registry.Pusher{}, path, registry.Request{Names: []string{image}})
			if err != nil {
				t.Fatal(err)
			}
			if len(done) != 1 || done[0].Name != image || done[0].Digest != pulled(t, image).String() {
				t.Errorf("got %+v", done)
			}
		})
	}
}

func TestPushPerArch(t *testing.T) {
	host := serve(t, nil)
	done, err := push(t, registry.Pusher{}, layout(t, 3, nil), registry.Request{Names: []string{host + "/mini:1"}, PerArch: true})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range done {
		names = append(names, strings.TrimPrefix(d.Name, host))
		if got := pulled(t, d.Name).String(); got != d.Digest {
			t.Errorf("%s is %s, not %s", d.Name, got, d.Digest)
		}
	}
	if diff := cmp.Diff([]string{"/mini:1", "/mini:1-aarch64", "/mini:1-sw64", "/mini:1-x86_64"}, names); diff != "" {
		t.Error(diff)
	}
}

func TestPushImage(t *testing.T) {
	host, path := serve(t, nil), layout(t, 3, nil)
	done, err := push(t, registry.Pusher{}, path, registry.Request{Names: []string{host + "/mini"}, Image: "latest-sw64"})
	if err != nil || done[0].Name != host+"/mini:latest" {
		t.Fatalf("%+v %v", done, err)
	}
	pulled(t, host+"/mini:latest")
	_, err = push(t, registry.Pusher{}, path, registry.Request{Names: []string{host + "/mini"}, Image: "latest-alpha"})
	if f := refused(t, err, `no image "latest-alpha"`, "latest-aarch64", "latest-sw64"); !f.Usage {
		t.Error("it is the command line's fault")
	}
}

// guarded wants credentials.
func guarded(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch user, password, _ := r.BasicAuth(); {
		case user == "reader" && (r.Method == http.MethodGet || r.Method == http.MethodHead) || user == "writer" && password == "secret":
			h.ServeHTTP(w, r)
		case user == "reader":
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}`)
		default:
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`)
		}
	})
}

func TestCredentials(t *testing.T) {
	host, path := serve(t, guarded), layout(t, 1, nil)
	login := func(who string) {
		t.Setenv("DOCKER_CONFIG", t.TempDir())
		text := fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host, base64.StdEncoding.EncodeToString([]byte(who)))
		if err := os.WriteFile(filepath.Join(os.Getenv("DOCKER_CONFIG"), "config.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	req := registry.Request{Names: []string{host + "/team/mini:1"}}
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	_, err := push(t, registry.Pusher{}, path, req)
	refused(t, err, "401 Unauthorized", "`docker login "+host+"`")
	login("writer:wrong")
	_, err = push(t, registry.Pusher{}, path, req)
	refused(t, err, "401 Unauthorized", "docker login")
	login("reader:secret")
	_, err = push(t, registry.Pusher{}, path, req)
	refused(t, err, "403 Forbidden", "access to the resource is denied", "right to write to "+host+"/team/mini")
	login("writer:secret")
	if _, err := push(t, registry.Pusher{}, path, req); err != nil {
		t.Error(err)
	}
}

// failing answers the first n requests of a method with a status.
func failing(n *atomic.Int64, method string, status int, after string) func(http.Handler) http.Handler {
	return func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != method || n.Add(-1) < 0 {
				h.ServeHTTP(w, r)
				return
			}
			if after != "" {
				w.Header().Set("Retry-After", after)
			}
			w.WriteHeader(status)
			fmt.Fprint(w, `{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}`)
		})
	}
}

func TestTriesAgain(t *testing.T) {
	path := layout(t, 1, nil)
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPatch, http.MethodPut} {
		for status, after := range map[int]string{429: "0", 503: "", 500: "Mon, 01 Jan 2024 00:00:00 GMT"} {
			t.Run(fmt.Sprint(method, status), func(t *testing.T) {
				var n atomic.Int64
				n.Store(3)
				image := serve(t, failing(&n, method, status, after)) + "/mini:1"
				if _, err := push(t, registry.Pusher{}, path, registry.Request{Names: []string{image}}); err != nil {
					t.Fatal(err)
				}
				if n.Load() >= 0 {
					t.Error("nothing failed")
				}
				pulled(t, image)
			})
		}
	}
}

func TestGivesUp(t *testing.T) {
	path := layout(t, 1, nil)
	for _, test := range []struct {
		status int
		after  string
		tries  int64 // that one blob gets
		pieces []string
	}{
		{429, "", 6, []string{"429 Too Many Requests", "slow down", "Push again later"}},
		{429, "3600", 1, []string{"asks to wait 1h0m0s", "Push again later"}},
		{502, "", 6, []string{"502 Bad Gateway", "registry's log"}},
		{413, "", 1, []string{"413 Request Entity Too Large", "larger requests"}},
		{400, "", 1, []string{"400 Bad Request", "Correct what"}},
		{404, "", 1, []string{"404 Not Found", "Create the repository mini"}},
	} {
		var n atomic.Int64
		n.Store(1 << 40)
		host := serve(t, failing(&n, http.MethodPatch, test.status, test.after))
		_, err := push(t, registry.Pusher{}, path, registry.Request{Names: []string{host + "/mini:1"}})
		f := refused(t, err, append(test.pieces, host, "/mini:1 not pushed")...)
		// The layer and the configuration are sent at once.
		if tries := 1<<40 - n.Load(); tries < test.tries || tries > 2*test.tries {
			t.Errorf("%d: %d tries: %v", test.status, tries, f)
		}
	}
}

// breaking ends connections in the middle of a blob while n is positive.
func breaking(n *atomic.Int64) func(http.Handler) http.Handler {
	return func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPatch && r.ContentLength > 5000 && n.Add(-1) >= 0 {
				_, _ = io.CopyN(io.Discard, r.Body, 1000)
				panic(http.ErrAbortHandler)
			}
			h.ServeHTTP(w, r)
		})
	}
}

func TestBreaksOff(t *testing.T) {
	path := layout(t, 3, nil)
	var n, patches atomic.Int64
	n.Store(2)
	image := serve(t, breaking(&n)) + "/mini:1"
	if _, err := push(t, registry.Pusher{}, path, registry.Request{Names: []string{image}}); err != nil {
		t.Fatal(err)
	}
	pulled(t, image)
	// What breaks off each time fails, and goes on the next time.
	n.Store(1 << 40)
	image = serve(t, func(h http.Handler) http.Handler { return counted(&patches, http.MethodPatch)(breaking(&n)(h)) }) + "/mini:1"
	_, err := push(t, registry.Pusher{}, path, registry.Request{Names: []string{image}})
	refused(t, err, "The connection to the registry", "failed", "Push again")
	ref, err := name.ParseReference(image)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := remote.Head(ref); err == nil {
		t.Error("a part of an image has a name")
	}
	n.Store(0)
	before := patches.Load()
	for range 2 {
		if _, err := push(t, registry.Pusher{}, path, registry.Request{Names: []string{image}}); err != nil {
			t.Fatal(err)
		}
	}
	// Three layers are left, and at most three configurations.
	if sent := patches.Load() - before; sent < 3 || sent > 6 {
		t.Errorf("%d blobs were sent", sent)
	}
	pulled(t, image)
}

func TestCancelledWhileWaiting(t *testing.T) {
	var n atomic.Int64
	n.Store(1 << 40)
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped by the user")
	host := serve(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			failing(&n, http.MethodPost, 429, "60")(h).ServeHTTP(w, r)
			if r.Method == http.MethodPost {
				cancel(stopped)
			}
		})
	})
	_, err := pushContext(ctx, t, registry.Pusher{}, layout(t, 1, nil), registry.Request{Names: []string{host + "/mini:1"}})
	if !errors.Is(err, stopped) {
		t.Errorf("got %v", err)
	}
}

func TestPlainHTTP(t *testing.T) {
	host, path := serve(t, nil), layout(t, 1, nil)
	// A registry on another machine, as far as anybody can tell.
	dialed := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", host)
	}}
	for _, image := range []string{"registry.example/mini:1", "10.11.12.13:5000/mini:1"} {
		req := registry.Request{Names: []string{image}}
		_, err := push(t, registry.Pusher{Transport: dialed}, path, req)
		refused(t, err, "http", "--insecure")
		if _, err := push(t, registry.Pusher{Transport: dialed, Insecure: true}, path, req); err != nil {
			t.Errorf("%s: %v", image, err)
		}
		pulled(t, host+"/mini:1")
	}
}

func TestNoRegistry(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host := l.Addr().String()
	l.Close()
	_, err = push(t, registry.Pusher{}, layout(t, 1, nil), registry.Request{Names: []string{host + "/mini:1"}})
	refused(t, err, "can't be reached", "connection refused")
	_, err = push(t, registry.Pusher{}, layout(t, 1, nil), registry.Request{Names: []string{"UPPER/x"}})
	if f := refused(t, err, `"UPPER/x"`); !f.Usage {
		t.Error("it is the command line's fault")
	}
}
