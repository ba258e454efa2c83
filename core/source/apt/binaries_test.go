package apt_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/source/apt"
	"github.com/mkmini/mkmini/core/source/apt/apttest"
)

// cross are packages that depend on each other as a cross compiler's do.
var cross = []apttest.Package{
	{Name: "gcc-x", Version: "4:12-1", Fields: "Depends: gcc-12-x (>= 12~), cpp-x | cpp\nRecommends: libc6-dev-x-cross | libc-dev-x\nSuggests: make\n"},
	{Name: "gcc-12-x", Version: "12-1", Fields: "Depends: libc6 (>= 2.34), libmpc3, virtual-as, scripts\nRecommends: manual\n"},
	{Name: "cpp-x", Version: "12-1"},
	{Name: "binutils-x", Version: "2.40", Fields: "Provides: virtual-as (= 2)\nPre-Depends: libc6\n"},
	{Name: "libc6", Version: "2.36", Fields: "Depends: only-libc6\n"},
	{Name: "only-libc6", Version: "1"},
	{Name: "libmpc3", Version: "1.3", Fields: "Depends: gcc-12-x\n"}, // a circle
	{Name: "libc6-dev-x-cross", Version: "2.36", Fields: "Depends: linux-libc-dev-x-cross\n"},
	{Name: "linux-libc-dev-x-cross", Version: "6.1"},
	{Name: "scripts", Version: "1", Fields: "Depends: only-scripts\n"},
	{Name: "only-scripts", Version: "1"},
	{Name: "manual", Version: "1"},
	{Name: "make", Version: "1"},
	{Name: "impossible", Version: "1", Fields: "Depends: nowhere\n"},
}

func needed(packages []apt.Package) []string {
	var names []string
	for _, p := range packages {
		names = append(names, p.Name+" "+p.Version)
	}
	return names
}

func TestResolve(t *testing.T) {
	needApt(t)
	key := apttest.NewKey(t)
	repo := filepath.Join(t.TempDir(), "debian")
	apttest.Publish(t, repo, "first", key, cross...)
	apttest.Publish(t, repo, "first-security", key, apttest.Package{Name: "cpp-x", Version: "12-1+sec1"})
	apttest.Publish(t, repo, "older", key, apttest.Package{Name: "gcc-x", Version: "11"})
	public, err := os.ReadFile(key.Public)
	if err != nil {
		t.Fatal(err)
	}
	apttest.WriteFile(t, filepath.Join(repo, "key.gpg"), string(public))
	machine, env := apttest.NewMachine(t, "m.sources",
		"Types: deb\nURIs: file:"+repo+"\nSuites: first-security first\nComponents: main contrib\nSigned-By: "+repo+"/key.gpg\n\n"+
			"Types: deb\nURIs: file:/nowhere/vendor\nSuites: stable\nComponents: main\n")
	apttest.WriteFile(t, filepath.Join(machine, "status"), "Package: libmpc3\nStatus: install ok installed\nVersion: 1.3\nArchitecture: amd64\nMaintainer: x\nDescription: x\n")
	before := apttest.Snapshot(t, machine)
	b := &apt.Binaries{Dir: filepath.Join(t.TempDir(), "apt"), Env: env}
	tests := []struct {
		name  string
		query apt.Query
		want  []string
	}{
		{"closure", apt.Query{Packages: []string{"gcc-x"}, Without: []string{"libc6", "scripts"}}, []string{
			"binutils-x 2.40", "cpp-x 12-1+sec1", "gcc-12-x 12-1", "gcc-x 4:12-1", "libc6-dev-x-cross 2.36", "libmpc3 1.3", "linux-libc-dev-x-cross 6.1",
		}},
		{"two", apt.Query{Packages: []string{"make", "cpp-x"}}, []string{"cpp-x 12-1+sec1", "make 1"}},
		{"own suite", apt.Query{Packages: []string{"cpp-x"}, Suite: "first-security"}, []string{"cpp-x 12-1+sec1"}},
		{"suite with its updates", apt.Query{Packages: []string{"cpp-x"}, Suite: "first"}, []string{"cpp-x 12-1+sec1"}},
		{"suite that the machine lacks", apt.Query{Packages: []string{"gcc-x"}, Suite: "older"}, []string{"gcc-x 11"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r, err := b.Resolve(t.Context(), test.query, nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, needed(r.Packages)); diff != "" {
				t.Fatalf("packages (-want +got):\n%s", diff)
			}
			dir := t.TempDir()
			if err := b.Download(t.Context(), r, dir, nil); err != nil {
				t.Fatal(err)
			}
			for _, p := range r.Packages {
				checkHash(t, filepath.Join(dir, p.SHA256), p.SHA256)
			}
		})
	}
	failures := map[string]struct {
		query apt.Query
		want  string
	}{
		"unknown":              {apt.Query{Packages: []string{"gcc-x", "gcc-y", "gcc-."}}, "apt knows no packages gcc-y, gcc-. in first, first-security"},
		"unknown in the suite": {apt.Query{Packages: []string{"cpp-x"}, Suite: "older"}, "apt knows no package cpp-x in older"},
		"an order":             {apt.Query{Packages: []string{"gcc-x-"}}, `"gcc-x-" is no name of a package`},
		"an option":            {apt.Query{Packages: []string{"-oDir=/"}}, `"-oDir=/" is no name of a package`},
		"unmet":                {apt.Query{Packages: []string{"impossible"}}, "can't be had together"},
		"no suite":             {apt.Query{Packages: []string{"gcc-x"}, Suite: "nosuch"}, "nosuch"},
		"nothing":              {apt.Query{}, "no package"},
	}
	for name, test := range failures {
		if _, err := b.Resolve(t.Context(), test.query, nil); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
	if diff := cmp.Diff(before, apttest.Snapshot(t, machine)); diff != "" {
		t.Errorf("the machine was changed (-before +after):\n%s", diff)
	}
}

// mirror serves a repository and counts the requests of packages.
type mirror struct {
	*httptest.Server
	mu     sync.Mutex
	ranges []string // of each request
}

// asked returns the ranges that packages were asked for since it was called
// last.
func (m *mirror) asked() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	ranges := m.ranges
	m.ranges = nil
	return ranges
}

func newMirror(t *testing.T, repo string) *mirror {
	m := &mirror{}
	files := http.FileServer(http.Dir(repo))
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/pool/") {
			m.mu.Lock()
			m.ranges = append(m.ranges, r.Header.Get("Range"))
			m.mu.Unlock()
		}
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(m.Close)
	return m
}

// binaries are those of one suite of a mirror without a signature.
func binaries(t *testing.T, address string) *apt.Binaries {
	_, env := apttest.NewMachine(t, "empty.list", "")
	return &apt.Binaries{
		Dir: t.TempDir(), Env: append(env, "http_proxy=", "no_proxy=127.0.0.1"),
		Repositories: []apt.Repository{{URI: address, Suite: "first", Components: []string{"main"}, Trusted: true}},
	}
}

func TestDownload(t *testing.T) {
	needApt(t)
	repo := t.TempDir()
	large := strings.Repeat("0123456789abcdef", 4096)
	pool := apttest.Publish(t, repo, "first", nil,
		apttest.Package{Name: "aa", Version: "1", Fields: "Depends: bb\nX-Large: " + large + "\n", Files: []apttest.File{{Name: "./a", Content: large}}},
		apttest.Package{Name: "bb", Version: "1"})
	m := newMirror(t, repo)
	b := binaries(t, m.URL)
	r, err := b.Resolve(t.Context(), apt.Query{Packages: []string{"aa"}}, nil)
	if err != nil || !r.Updated || len(r.Packages) != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	dir := t.TempDir()
	get := func(want ...string) {
		t.Helper()
		m.asked()
		var done, total int64
		if err := b.Download(t.Context(), r, dir, func(_ string, d, n int64) { done, total = d, n }); err != nil {
			t.Fatal(err)
		}
		if all := r.Packages[0].Size + r.Packages[1].Size; len(want) > 0 && (done != all || total != all) {
			t.Errorf("progress ends at %d of %d, want %d", done, total, all)
		}
		if diff := cmp.Diff(want, m.asked()); diff != "" {
			t.Errorf("ranges asked for (-want +got):\n%s", diff)
		}
		for _, p := range r.Packages {
			checkHash(t, filepath.Join(dir, p.SHA256), p.SHA256)
		}
	}
	get("", "")
	get()
	first := filepath.Join(dir, r.Packages[0].SHA256)
	// One that was begun is gone on with, if the mirror's is as old.
	data, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	apttest.WriteFile(t, first+".deb", string(data[:100]))
	info, err := os.Stat(filepath.Join(repo, pool["aa"]))
	if err != nil {
		t.Fatal(err)
	}
	touch(t, first+".deb", info.ModTime())
	if err := os.Remove(first); err != nil {
		t.Fatal(err)
	}
	get("bytes=100-")
	// A damaged one is fetched again.
	apttest.WriteFile(t, first, "damaged")
	get("")
	// One that the mirror has another of is refused, and the others kept.
	apttest.WriteFile(t, filepath.Join(repo, pool["aa"]), strings.Repeat("x", int(r.Packages[0].Size)))
	empty := t.TempDir()
	err = b.Download(t.Context(), r, empty, nil)
	if err == nil || !strings.Contains(err.Error(), "Hash Sum mismatch") {
		t.Errorf("a wrong file: %v", err)
	}
	if entries, _ := os.ReadDir(empty); len(entries) != 1 || entries[0].Name() != r.Packages[1].SHA256 {
		t.Errorf("left: %v", entries)
	}
	b.Offline = true
	if err := b.Download(t.Context(), r, empty, nil); !errors.Is(err, apt.ErrOffline) || !strings.Contains(err.Error(), "1 of 2 packages") {
		t.Errorf("offline: %v", err)
	}
	if err := b.Download(t.Context(), r, dir, nil); err != nil {
		t.Errorf("offline with all there: %v", err)
	}
}

func TestBinaryIndex(t *testing.T) {
	needApt(t)
	repo := t.TempDir()
	apttest.Publish(t, repo, "first", nil, apttest.Package{Name: "aa", Version: "1"})
	m := newMirror(t, repo)
	b := binaries(t, m.URL)
	b.Offline = true
	query := apt.Query{Packages: []string{"aa"}}
	if _, err := b.Resolve(t.Context(), query, nil); !errors.Is(err, apt.ErrOffline) {
		t.Fatalf("offline without an index: %v", err)
	}
	b.Offline = false
	resolve := func(want string, updated bool) {
		t.Helper()
		r, err := b.Resolve(t.Context(), query, nil)
		if err != nil {
			t.Fatal(err)
		}
		if r.Packages[0].Version != want || r.Updated != updated {
			t.Errorf("version %s, updated %v, want %s, %v", r.Packages[0].Version, r.Updated, want, updated)
		}
	}
	resolve("1", true)
	apttest.Publish(t, repo, "first", nil, apttest.Package{Name: "aa", Version: "2"})
	touch(t, filepath.Join(repo, "dists/first/Release"), time.Now().Add(time.Minute))
	resolve("1", false)
	b.Offline, query.Update = true, true
	resolve("1", false)
	b.Offline = false
	resolve("2", true)
	m.Close()
	if _, err := b.Resolve(t.Context(), query, nil); err == nil || !strings.Contains(err.Error(), "Could not connect") {
		t.Errorf("a mirror that is silent: %v", err)
	}
}

func TestUnsignedBinaries(t *testing.T) {
	needApt(t)
	repo := t.TempDir()
	apttest.Publish(t, repo, "first", nil, apttest.Package{Name: "aa", Version: "1"})
	b := binaries(t, "file:"+repo)
	b.Repositories[0].Trusted = false
	_, err := b.Resolve(t.Context(), apt.Query{Packages: []string{"aa"}}, nil)
	if err == nil || !strings.Contains(err.Error(), "not signed") && !strings.Contains(err.Error(), "signature") {
		t.Errorf("error is %v", err)
	}
}

// TestBinariesWithoutApt is a machine without apt.
func TestBinariesWithoutApt(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := (&apt.Binaries{Dir: t.TempDir()}).Resolve(t.Context(), apt.Query{Packages: []string{"aa"}}, nil)
	if err == nil || !strings.Contains(err.Error(), "apt-get is not installed") {
		t.Errorf("error is %v", err)
	}
}
