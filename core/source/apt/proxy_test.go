package apt_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/source/apt"
	"github.com/mkmini/mkmini/core/source/apt/apttest"
)

// TestProxy has a mirror that only the proxy of the environment reaches.
func TestProxy(t *testing.T) {
	needApt(t)
	key := apttest.NewKey(t)
	repo := filepath.Join(t.TempDir(), "debian")
	apttest.Publish(t, repo, "first", key, apttest.Package{Name: "make", Version: "1"})
	files := http.StripPrefix("/debian", http.FileServer(http.Dir(repo)))
	var asked atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Host != "mirror.invalid" { // that of a request to a proxy
			http.Error(w, "not for here", http.StatusForbidden)
			return
		}
		asked.Add(1)
		files.ServeHTTP(w, r)
	}))
	defer proxy.Close()
	_, env := apttest.NewMachine(t, "m.sources",
		"Types: deb\nURIs: http://mirror.invalid/debian\nSuites: first\nComponents: main contrib\nSigned-By: "+key.Public+"\n")
	b := &apt.Binaries{Dir: filepath.Join(t.TempDir(), "apt"), Env: append(env, "no_proxy=", "http_proxy="+proxy.URL)}
	r, err := b.Resolve(t.Context(), apt.Query{Packages: []string{"make"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"make 1"}, needed(r.Packages)); diff != "" {
		t.Errorf("packages (-want +got):\n%s", diff)
	}
	if err := b.Download(t.Context(), r, t.TempDir(), nil); err != nil || asked.Load() == 0 {
		t.Errorf("the proxy was asked %d times, %v", asked.Load(), err)
	}
}
