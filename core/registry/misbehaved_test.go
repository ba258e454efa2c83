package registry_test

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
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
	"sync"
	"sync/atomic"
	"testing"

	fake "github.com/google/go-containerregistry/pkg/registry"

	"github.com/mkmini/mkmini/core/registry"
)

// login writes docker's configuration.
func login(t *testing.T, config any) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("DOCKER_CONFIG", dir)
	text, ok := config.(string)
	if !ok {
		data, err := json.Marshal(config)
		if err != nil {
			t.Fatal(err)
		}
		text = string(data)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// auths are credentials as docker keeps them.
func auths(host, who string) map[string]any {
	return map[string]any{"auths": map[string]any{host: map[string]string{"auth": base64.StdEncoding.EncodeToString([]byte(who))}}}
}

// tokens is a registry that wants a token of a server of its own.
type tokens struct {
	// ends is the number of the request at which the tokens end that were
	// given until then; 0 for never.
	ends int64
	// answer replaces that of the token server; nil for a token to a writer.
	answer func(w http.ResponseWriter, r *http.Request)

	mu              sync.Mutex
	requests, given int64
	good            map[string]bool
}

// allows says whether a token lets somebody do something.
func (tk *tokens) allows(r *http.Request) bool {
	tk.mu.Lock()
	defer tk.mu.Unlock()
	if tk.requests++; tk.requests == tk.ends {
		clear(tk.good)
	}
	return tk.good[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
}

// give returns a new token.
func (tk *tokens) give() string {
	tk.mu.Lock()
	defer tk.mu.Unlock()
	if tk.good == nil {
		tk.good = map[string]bool{}
	}
	tk.given++
	token := fmt.Sprintf("token-%d", tk.given)
	tk.good[token] = true
	return token
}

func (tk *tokens) wrap(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			tk.token(w, r)
			return
		}
		if tk.allows(r) {
			h.ServeHTTP(w, r)
			return
		}
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="test"`, r.Host))
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`)
	})
}

func (tk *tokens) token(w http.ResponseWriter, r *http.Request) {
	user, password, _ := r.BasicAuth()
	switch {
	case tk.answer != nil:
		tk.answer(w, r)
	case user == "writer" && password == "secret" && strings.Contains(r.URL.RawQuery, "push"):
		fmt.Fprintf(w, `{"token":%q,"expires_in":300}`, tk.give())
	default:
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"errors":[{"code":"UNAUTHORIZED","message":"incorrect username or password"}]}`)
	}
}

// TestBearer pushes with tokens that end at some request or other.
func TestBearer(t *testing.T) {
	path := layout(t, 1, nil)
	ended := false
	for ends := range int64(40) {
		tk := &tokens{ends: ends}
		host := serve(t, tk.wrap)
		login(t, auths(host, "writer:secret"))
		image := host + "/team/mini:1"
		if _, err := push(t, registry.Pusher{}, path, registry.Request{Names: []string{image}}); err != nil {
			t.Fatalf("the token ends at request %d: %v", ends, err)
		}
		if tk.given == 0 || ends > 0 && tk.requests < ends {
			break
		}
		ended = ended || tk.given > 2
	}
	if !ended {
		t.Error("no token ended")
	}
}

func TestNoToken(t *testing.T) {
	path := layout(t, 1, nil)
	say := func(status int, text string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			fmt.Fprint(w, text)
		}
	}
	for name, test := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request)
		pieces []string
	}{
		"wrong password": {nil, []string{"401 Unauthorized", "incorrect username or password", "docker login"}},
		"forbidden":      {say(403, `{"errors":[{"code":"DENIED","message":"account is suspended"}]}`), []string{"403 Forbidden", "account is suspended"}},
		"a page":         {say(200, "<html>welcome to the hotel</html>"), []string{"can't be used", "proxy"}},
		"no token":       {say(200, "{}"), []string{"can't be used", "token"}},
		"down":           {say(503, "<html>down</html>"), []string{"503 Service Unavailable", "later"}},
	} {
		t.Run(name, func(t *testing.T) {
			host := serve(t, (&tokens{answer: test.answer}).wrap)
			login(t, auths(host, "writer:wrong"))
			_, err := push(t, registry.Pusher{Patience: registry.Patience{Base: 1, Tries: 2}}, path, registry.Request{Names: []string{host + "/team/mini:1"}})
			f := refused(t, err, test.pieces...)
			if strings.Contains(fmt.Sprint(f, f.Err), "wrong") {
				t.Errorf("the password is shown: %v, %v", f, f.Err)
			}
		})
	}
}

// helper makes a credential helper of docker.
func helper(t *testing.T, name, script string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "docker-credential-"+name), []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

func TestCredentialHelpers(t *testing.T) {
	host, path := serve(t, guarded), layout(t, 1, nil)
	req := registry.Request{Names: []string{host + "/team/mini:1"}}
	login(t, map[string]any{"credHelpers": map[string]string{host: "test"}})
	helper(t, "test", `read host; [ "$1" = get ] && echo '{"ServerURL":"'$host'","Username":"writer","Secret":"secret"}'`)
	if _, err := push(t, registry.Pusher{}, path, req); err != nil {
		t.Error(err)
	}
	helper(t, "test", "echo 'credentials not found in native keychain'; exit 1")
	_, err := push(t, registry.Pusher{}, path, req)
	refused(t, err, "401 Unauthorized", "docker login")
	helper(t, "test", "echo 'the keyring is locked' >&2; echo 'the keyring is locked'; exit 1")
	_, err = push(t, registry.Pusher{}, path, req)
	refused(t, err, "credentials", "keyring is locked", "config.json")
	login(t, map[string]any{"credsStore": "missing"})
	_, err = push(t, registry.Pusher{}, path, req)
	refused(t, err, "credentials", "docker-credential-missing", "config.json")
	login(t, "{ not JSON")
	_, err = push(t, registry.Pusher{}, path, req)
	refused(t, err, "credentials", "config.json")
}

// secure starts a registry with TLS, and returns a transport by which all names
// lead to it. Its certificate is for example.com and 127.0.0.1.
func secure(t *testing.T, trusted bool) *http.Transport {
	t.Helper()
	s := httptest.NewUnstartedServer(fake.New(fake.Logger(log.New(io.Discard, "", 0))))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	tr := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", strings.TrimPrefix(s.URL, "https://"))
	}}
	if trusted {
		tr.TLSClientConfig = s.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	}
	return tr
}

func TestTLS(t *testing.T) {
	path := layout(t, 1, nil)
	for _, host := range []string{"example.com", "127.0.0.1:5000"} {
		_, err := push(t, registry.Pusher{Transport: secure(t, false)}, path, registry.Request{Names: []string{host + "/mini:1"}})
		refused(t, err, "certificate", "unknown authority", "update-ca-certificates", "SSL_CERT_FILE")
	}
	_, err := push(t, registry.Pusher{Transport: secure(t, true)}, path, registry.Request{Names: []string{"other.invalid/mini:1"}})
	refused(t, err, "certificate", "not for other.invalid", "name")
	if _, err := push(t, registry.Pusher{Transport: secure(t, true)}, path, registry.Request{Names: []string{"example.com/mini:1"}}); err != nil {
		t.Error(err)
	}
	old := secure(t, true)
	old.TLSClientConfig.MinVersion, old.TLSClientConfig.MaxVersion = tls.VersionTLS10, tls.VersionTLS10
	_, err = push(t, registry.Pusher{Transport: old}, path, registry.Request{Names: []string{"example.com/mini:1"}})
	refused(t, err, "example.com", "TLS")
}

// TestElsewhere has a registry send everybody to another host for blobs. That
// one must not get the registry's credentials.
func TestElsewhere(t *testing.T) {
	var leaked, moved atomic.Int64
	backend := fake.New(fake.Logger(log.New(io.Discard, "", 0)), fake.WithReferrersSupport(true))
	storage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		moved.Add(1)
		if r.Header.Get("Authorization") != "" {
			leaked.Add(1)
		}
		backend.ServeHTTP(w, r)
	}))
	t.Cleanup(storage.Close)
	front := httptest.NewServer(guarded(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.Contains(r.URL.Path, "/blobs/sha256:"):
			http.Redirect(w, r, storage.URL+r.URL.Path, http.StatusTemporaryRedirect)
		case strings.HasSuffix(r.URL.Path, "/blobs/uploads/"):
			rec := httptest.NewRecorder()
			backend.ServeHTTP(rec, r)
			w.Header().Set("Location", storage.URL+rec.Header().Get("Location"))
			w.WriteHeader(rec.Code)
		default:
			backend.ServeHTTP(w, r)
		}
	})))
	t.Cleanup(front.Close)
	host := strings.TrimPrefix(front.URL, "http://")
	login(t, auths(host, "writer:secret"))
	if _, err := push(t, registry.Pusher{}, layout(t, 1, nil), registry.Request{Names: []string{host + "/mini:1"}}); err != nil {
		t.Fatal(err)
	}
	if moved.Load() == 0 || leaked.Load() > 0 {
		t.Errorf("of %d requests elsewhere %d had the credentials", moved.Load(), leaked.Load())
	}
}

func TestRedirectsForEver(t *testing.T) {
	host := serve(t, func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) })
	})
	_, err := push(t, registry.Pusher{}, layout(t, 1, nil), registry.Request{Names: []string{host + "/mini:1"}})
	refused(t, err, "can't be used", "10 redirects")
}

// TestWrongDigests pushes to registries that take something else for what was
// sent.
func TestWrongDigests(t *testing.T) {
	path := layout(t, 1, nil)
	for name, test := range map[string]struct {
		wrap   func(http.Handler) http.Handler
		pieces []string
	}{
		"a blob": {func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/blobs/") {
					w.WriteHeader(http.StatusBadRequest)
					fmt.Fprint(w, `{"errors":[{"code":"DIGEST_INVALID","message":"provided digest did not match uploaded content"}]}`)
					return
				}
				h.ServeHTTP(w, r)
			})
		}, []string{"digest did not match", "between"}},
		"a manifest": {func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/") {
					_, _ = io.Copy(io.Discard, r.Body)
					w.Header().Set("Docker-Content-Digest", "sha256:"+strings.Repeat("0", 64))
					w.WriteHeader(http.StatusCreated)
					return
				}
				h.ServeHTTP(w, r)
			})
		}, []string{"sha256:0000", "in place of", "between"}},
	} {
		t.Run(name, func(t *testing.T) {
			host := serve(t, test.wrap)
			_, err := push(t, registry.Pusher{Patience: registry.Patience{Base: 1, Tries: 2}}, path, registry.Request{Names: []string{host + "/mini:1"}})
			refused(t, err, test.pieces...)
		})
	}
}

// TestPages pushes to what answers every request with a page, as networks do
// that want people to log in.
func TestPages(t *testing.T) {
	path := layout(t, 1, nil)
	for status, pieces := range map[int][]string{200: {"can't be used"}, 404: {"404 Not Found"}, 511: {"511 Network Authentication Required"}} {
		host := serve(t, func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/html")
				w.WriteHeader(status)
				fmt.Fprint(w, "<html><body>Please log in\nto the network</body></html>")
			})
		})
		_, err := push(t, registry.Pusher{Patience: registry.Patience{Base: 1, Tries: 2}}, path, registry.Request{Names: []string{host + "/mini:1"}})
		refused(t, err, append(pieces, host)...)
	}
}

// TestLookMisbehaved reads from registries that answer with something else.
func TestLookMisbehaved(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	all := func(registry.Attached) bool { return true }
	zero := "sha256:" + strings.Repeat("0", 64)
	for name, test := range map[string]struct {
		image  string
		answer http.HandlerFunc
		pieces []string
	}{
		"another manifest": {"/mini@" + zero, func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/manifests/") {
				w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
				fmt.Fprint(w, `{"schemaVersion":2}`)
			}
		}, []string{"can't be used", "digest"}},
		"too many requests": {"/mini:1", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7200")
			w.WriteHeader(http.StatusTooManyRequests)
		}, []string{"asks to wait 2h0m0s", "Try again later"}},
		"broken": {"/mini:1", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/v2/" {
				panic(http.ErrAbortHandler)
			}
		}, []string{"The connection to the registry", "failed"}},
		"forbidden": {"/mini:1", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/v2/" {
				w.WriteHeader(http.StatusForbidden)
			}
		}, []string{"403 Forbidden", "right to read"}},
		"gone": {"/mini:1", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/v2/" {
				w.WriteHeader(http.StatusNotFound)
			}
		}, []string{"404 Not Found", "no such image"}},
	} {
		t.Run(name, func(t *testing.T) {
			host := serve(t, func(http.Handler) http.Handler { return test.answer })
			p := registry.Pusher{Patience: registry.Patience{Base: 1, Tries: 2}, Logger: slog.New(slog.DiscardHandler)}
			_, err := p.Look(t.Context(), host+test.image, all)
			f := refused(t, err, append(test.pieces, host)...)
			if strings.Contains(f.Error()+f.Remedy, "ush") {
				t.Errorf("nothing is pushed: %v %s", f, f.Remedy)
			}
		})
	}
}
