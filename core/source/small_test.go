package source_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mkmini/mkmini/core/source"
)

// TestSmall fetches a text from places that are sick, wrong or not there.
func TestSmall(t *testing.T) {
	var sick atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/good":
			fmt.Fprint(w, "text")
		case "/sick":
			if sick.Add(1) < 3 {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			fmt.Fprint(w, "text")
		case "/dead":
			w.WriteHeader(http.StatusBadGateway)
		case "/long":
			fmt.Fprint(w, strings.Repeat("x", 100))
		case "/cut":
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "x")
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	secure := httptest.NewTLSServer(http.RedirectHandler(server.URL+"/good", http.StatusFound))
	t.Cleanup(secure.Close)
	mirrors := map[string][]string{server.URL + "/none": {server.URL + "/good"}}
	tests := []struct {
		from, want string
		absent     bool
		offline    bool
	}{
		{server.URL + "/good", "", false, false},
		{server.URL + "/sick", "", false, false},
		{server.URL + "/none", "404", true, false},
		{server.URL + "/dead", "502", false, false},
		{server.URL + "/long", "more than 10 bytes", false, false},
		{server.URL + "/cut", "EOF", false, false},
		{server.URL + "/good", "offline", false, true},
		{"file://" + file, "", false, true},
		{"file://" + file + "x", "no such file", true, false},
		{"file://" + filepath.Dir(file), "no regular file", false, false},
		{secure.URL, "plain http", false, false},
		{"ht tp://x", "no URL", false, false},
	}
	for _, test := range tests {
		f := &source.Fetcher{Offline: test.offline, Mirrors: mirrors, Client: secure.Client(), Retry: source.Retry{Base: time.Millisecond, Attempts: 3, Quick: 1}}
		got, err := f.Small(t.Context(), test.from, 10)
		switch {
		case test.want == "" && (err != nil || string(got) != "text"):
			t.Errorf("%s: %q, %v", test.from, got, err)
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s: %v, want %q", test.from, err, test.want)
		case errors.Is(err, fs.ErrNotExist) != test.absent:
			t.Errorf("%s: %v is absent: %v", test.from, err, !test.absent)
		}
	}
}
