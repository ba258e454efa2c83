package apt_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/source/apt"
	"github.com/mkmini/mkmini/core/source/apt/apttest"
)

func hash(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }

// twoSuites makes a repository in which "old" is at old's pool and "new" at
// new's.
func twoSuites(t *testing.T, key *apttest.Key) string {
	t.Helper()
	repo := filepath.Join(t.TempDir(), "debian")
	publish(t, repo, suite{"first", "oldstable", map[string]string{"pool/b/busybox_1.orig.tar.bz2": "old"}}, key)
	publish(t, repo, suite{"second", "stable", map[string]string{"pool/b/busybox_2.orig.tar.bz2": "new"}}, key)
	return repo
}

// TestLearn is a machine with a signed mirror of its own, whose lists were
// never downloaded.
func TestLearn(t *testing.T) {
	needApt(t)
	key := apttest.NewKey(t)
	repo := twoSuites(t, key)
	public, err := os.ReadFile(key.Public)
	if err != nil {
		t.Fatal(err)
	}
	apttest.WriteFile(t, filepath.Join(repo, "key.gpg"), string(public))
	forms := map[string]string{
		"mirror.sources": "# alone\n\n# a comment\nTypes: deb\nURIs: file:" + repo + "\nSuites: nosuch\nComponents: contrib\n\n" +
			"Types: deb\nURIs: file:" + repo + "\nSuites: first\nComponents: main contrib\nSigned-By: " + repo + "/key.gpg\n",
		"mirror.list": "# a comment\ndeb [arch=amd64 signed-by=" + repo + "/key.gpg] file:" + repo + " first main contrib\n",
	}
	for name, sources := range forms {
		t.Run(name, func(t *testing.T) {
			machine, env := apttest.NewMachine(t, name, sources)
			before := apttest.Snapshot(t, machine)
			f := &apt.Finder{Dir: filepath.Join(t.TempDir(), "apt"), Env: env}
			for text, suite := range map[string]string{"old": "first", "new": "stable"} {
				target := filepath.Join(t.TempDir(), "file")
				from, err := f.Fetch(t.Context(), "busybox", hash(text), target, nil)
				if err != nil {
					t.Fatal(err)
				}
				checkHash(t, target, hash(text))
				if want := "apt, " + suite + " of file:" + repo; from != want {
					t.Errorf("found in %q, want %q", from, want)
				}
			}
			_, err := f.Fetch(t.Context(), "busybox", hash("nowhere"), filepath.Join(t.TempDir(), "file"), nil)
			checkTried(t, err, "first", "stable", "testing", "unstable", "oldoldstable")
			if diff := cmp.Diff(before, apttest.Snapshot(t, machine)); diff != "" {
				t.Errorf("the machine was changed (-before +after):\n%s", diff)
			}
		})
	}
}

// checkTried checks which suites a search was in vain in.
func checkTried(t *testing.T, err error, suites ...string) {
	t.Helper()
	var none *apt.NotFoundError
	if !errors.As(err, &none) {
		t.Fatalf("error is %v, want a *apt.NotFoundError", err)
	}
	var got []string
	for _, m := range none.Tried {
		got = append(got, strings.Fields(m.Place)[1])
		if m.Reason == "" {
			t.Errorf("%s has no reason", m.Place)
		}
	}
	if diff := cmp.Diff(suites, got); diff != "" {
		t.Errorf("suites tried (-want +got):\n%s\n%v", diff, err)
	}
}

// TestUnsigned refuses a repository that nobody signed.
func TestUnsigned(t *testing.T) {
	needApt(t)
	repo := twoSuites(t, nil)
	target := filepath.Join(t.TempDir(), "file")
	f := &apt.Finder{Dir: t.TempDir(), Repositories: []apt.Repository{
		{URI: "file:" + repo, Suite: "first", Components: []string{"main"}},
	}}
	_, err := f.Fetch(t.Context(), "busybox", hash("old"), target, nil)
	checkTried(t, err, "first")
	if !strings.Contains(err.Error(), "not signed") && !strings.Contains(err.Error(), "signature") {
		t.Errorf("the reason is %v", err)
	}
	if _, err := os.Lstat(target); err == nil {
		t.Error("the file was downloaded")
	}
}

// TestIndexes checks how long indexes are used again.
func TestIndexes(t *testing.T) {
	needApt(t)
	repo := twoSuites(t, nil)
	var index, pool int
	files := http.FileServer(http.Dir(filepath.Dir(repo)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/Sources") {
			index++
		}
		if strings.Contains(r.URL.Path, "/pool/") {
			pool++
		}
		if got := r.UserAgent(); got != "of the machine" {
			t.Errorf("user agent %q: the machine's settings were not taken over", got)
		}
		files.ServeHTTP(w, r)
	}))
	defer server.Close()
	_, env := apttest.NewMachine(t, "empty.list", "")
	env = append(env, "http_proxy=", "no_proxy=127.0.0.1")
	f := &apt.Finder{Dir: t.TempDir(), Env: env, Repositories: []apt.Repository{
		{URI: server.URL + "/debian", Suite: "first", Components: []string{"main"}, Trusted: true},
	}}
	fetch := func(text string, wantIndex, wantPool int) {
		t.Helper()
		index, pool = 0, 0
		target := filepath.Join(t.TempDir(), "file")
		var last int64
		_, err := f.Fetch(t.Context(), "busybox", hash(text), target, func(_ string, done, total int64) { last = done })
		if err != nil {
			t.Fatal(err)
		}
		checkHash(t, target, hash(text))
		if last != int64(len(text)) {
			t.Errorf("progress ends at %d of %d", last, len(text))
		}
		if index != wantIndex || pool != wantPool {
			t.Errorf("%d index and %d file requests, want %d and %d", index, pool, wantIndex, wantPool)
		}
	}
	fetch("old", 1, 1)
	fetch("old", 0, 1)
	// The file has moved since, which the index at hand does not know.
	if err := os.Remove(filepath.Join(repo, "pool/b/busybox_1.orig.tar.bz2")); err != nil {
		t.Fatal(err)
	}
	publish(t, repo, suite{"first", "oldstable", map[string]string{"pool/c/busybox_1.orig.tar.bz2": "old"}}, nil)
	touch(t, filepath.Join(repo, "dists/first/Release"), time.Now().Add(time.Minute))
	fetch("old", 1, 2)
	f.Fresh = time.Nanosecond
	fetch("old", 0, 1) // not modified, so apt asks for the Release file only

	// A file that is not what its index says.
	apttest.WriteFile(t, filepath.Join(repo, "pool/c/busybox_1.orig.tar.bz2"), "bad")
	_, err := f.Fetch(t.Context(), "busybox", hash("old"), filepath.Join(t.TempDir(), "file"), nil)
	checkTried(t, err, "first")
	if !strings.Contains(err.Error(), "Hash Sum mismatch") {
		t.Errorf("the reason is %v", err)
	}
}

// touch sets a file's time, which HTTP knows to the second only.
func touch(t *testing.T, path string, when time.Time) {
	t.Helper()
	if err := os.Chtimes(path, when, when); err != nil {
		t.Fatal(err)
	}
}

// TestSilentMirror asks a mirror that is not there only once.
func TestSilentMirror(t *testing.T) {
	needApt(t)
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	_, env := apttest.NewMachine(t, "mirror.list", "deb [trusted=yes] "+server.URL+"/debian first main\ndeb [trusted=yes] "+server.URL+"/debian second main\n")
	f := &apt.Finder{Dir: t.TempDir(), Env: append(env, "http_proxy=", "no_proxy=127.0.0.1")}
	_, err := f.Fetch(t.Context(), "busybox", hash("old"), filepath.Join(t.TempDir(), "file"), nil)
	checkTried(t, err, "first")
	if !strings.Contains(err.Error(), "Could not connect") {
		t.Errorf("the reason is %v", err)
	}
}

// TestCancel ends apt and its download methods with the context.
func TestCancel(t *testing.T) {
	needApt(t)
	asked, closed := make(chan struct{}, 10), make(chan struct{}, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
		closed <- struct{}{}
	}))
	defer server.Close()
	_, env := apttest.NewMachine(t, "empty.list", "")
	f := &apt.Finder{Dir: t.TempDir(), Env: append(env, "http_proxy=", "no_proxy=127.0.0.1"), Repositories: []apt.Repository{
		{URI: server.URL + "/debian", Suite: "first", Components: []string{"main"}, Trusted: true},
	}}
	stop := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		<-asked
		cancel(stop)
	}()
	_, err := f.Fetch(ctx, "busybox", hash("old"), filepath.Join(t.TempDir(), "file"), nil)
	if !errors.Is(err, stop) {
		t.Errorf("error is %v, want the cause of the context", err)
	}
	<-closed // the method's connection ends with its process
}

// TestLock waits for another process's use of the folder.
func TestLock(t *testing.T) {
	needApt(t)
	repo := twoSuites(t, nil)
	f := &apt.Finder{Dir: t.TempDir(), Repositories: []apt.Repository{
		{URI: "file:" + repo, Suite: "first", Components: []string{"main"}, Trusted: true},
	}}
	results := make(chan error, 4)
	for i := range cap(results) {
		target := filepath.Join(t.TempDir(), fmt.Sprint(i))
		go func() {
			_, err := f.Fetch(t.Context(), "busybox", hash("old"), target, nil)
			results <- err
		}()
	}
	for range cap(results) {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}

// TestNoApt is a machine without apt.
func TestNoApt(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := (&apt.Finder{Dir: t.TempDir()}).Fetch(t.Context(), "busybox", hash("old"), "file", nil)
	if err == nil || !strings.Contains(err.Error(), "apt-get is not installed") {
		t.Errorf("got %v", err)
	}
}
