package source

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMirrored(t *testing.T) {
	mirrors := map[string][]string{
		"https://a.example/":         {"https://m1.example/x", "file:///srv/m/"},
		"https://a.example/deep":     {"https://m2.example/"},
		"https://b.example/file.tar": {"https://m3.example/other.tar"},
		"https://c.example":          {"https://c.example", "https://m4.example"},
	}
	tests := []struct {
		url  string
		want []string
	}{
		{"https://none.example/x", []string{"https://none.example/x"}},
		{"https://a.example/x/y", []string{"https://m1.example/x/x/y", "file:///srv/m/x/y", "https://a.example/x/y"}},
		{"https://a.example/deep/y", []string{"https://m2.example/y", "https://m1.example/x/deep/y", "file:///srv/m/deep/y", "https://a.example/deep/y"}},
		{"https://a.example/deeper", []string{"https://m1.example/x/deeper", "file:///srv/m/deeper", "https://a.example/deeper"}},
		{"https://b.example/file.tar", []string{"https://m3.example/other.tar", "https://b.example/file.tar"}},
		{"https://c.example.evil/x", []string{"https://c.example.evil/x"}},
		{"https://c.example/x", []string{"https://c.example/x", "https://m4.example/x"}},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, mirrored(test.url, mirrors)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.url, diff)
		}
	}
}

// TestFetchFromMirror has a mirror with another file, which isn't taken, and
// one with the right one; the place itself is never asked.
func TestFetchFromMirror(t *testing.T) {
	content := []byte("the file")
	sum := sha256.Sum256(content)
	var mu sync.Mutex
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.URL.Path)
		mu.Unlock()
		if strings.HasPrefix(r.URL.Path, "/good/") {
			w.Write(content)
			return
		}
		w.Write([]byte("something else"))
	}))
	defer server.Close()
	f := &Fetcher{Client: server.Client(), Mirrors: map[string][]string{
		server.URL + "/origin/": {server.URL + "/bad/", server.URL + "/good/"},
	}}
	req := Request{Name: "x", SHA256: hex.EncodeToString(sum[:]), URLs: []string{server.URL + "/origin/x.tar"}}
	path, err := f.Fetch(t.Context(), req, t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, content) {
		t.Errorf("file %q, %v", got, err)
	}
	if diff := cmp.Diff([]string{"/bad/x.tar", "/good/x.tar"}, asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}

// TestFetchThroughProxy has a proxy answer for a host that doesn't exist.
func TestFetchThroughProxy(t *testing.T) {
	content := []byte("through the proxy")
	sum := sha256.Sum256(content)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.String() != "http://origin.invalid/x" {
			http.NotFound(w, r)
			return
		}
		w.Write(content)
	}))
	defer proxy.Close()
	f := &Fetcher{Proxy: func(*http.Request) (*url.URL, error) { return url.Parse(proxy.URL) }}
	req := Request{Name: "x", SHA256: hex.EncodeToString(sum[:]), URLs: []string{"http://origin.invalid/x"}}
	if _, err := f.Fetch(t.Context(), req, t.TempDir(), nil); err != nil {
		t.Error(err)
	}
}
