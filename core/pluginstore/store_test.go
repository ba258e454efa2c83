package pluginstore_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/pluginhost"
	"github.com/mkmini/mkmini/core/pluginstore"
	"github.com/mkmini/mkmini/core/source"
	"github.com/mkmini/mkmini/core/source/oci"
	"github.com/mkmini/mkmini/plugins/sdk"
)

var (
	amd64   = pluginstore.Platform{OS: "linux", Arch: "amd64"}
	arm64   = pluginstore.Platform{OS: "linux", Arch: "arm64"}
	riscv64 = pluginstore.Platform{OS: "linux", Arch: "riscv64"}
	epoch   = time.Unix(315532800, 0)
)

// script writes an executable that describes itself as a plugin does.
func script(t *testing.T, m sdk.Manifest) string {
	t.Helper()
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "plugin")
	if err := os.WriteFile(path, fmt.Appendf(nil, "#!/bin/sh\ncat <<'END'\n%s\nEND\n", text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func manifest(version string, protocols ...int) sdk.Manifest {
	return sdk.Manifest{Name: "board", Version: version, Protocols: protocols, Mkmini: "0.9.0", Exporter: &sdk.ExporterInfo{}}
}

// release makes a release of the plugin board in a folder.
func release(t *testing.T, dir string, m sdk.Manifest, platforms ...pluginstore.Platform) string {
	t.Helper()
	p := pluginstore.Pack{Plugin: m, Executables: map[pluginstore.Platform]string{}, Epoch: epoch}
	for _, platform := range platforms {
		p.Executables[platform] = script(t, m)
	}
	if _, err := p.Make(t.Context(), dir); err != nil {
		t.Fatal(describe(err))
	}
	return dir
}

// describe returns all of an error.
func describe(err error) string {
	var f *fault.Error
	if !errors.As(err, &f) {
		return fmt.Sprint(err)
	}
	return strings.Join(append([]string{f.Error(), "remedy: " + f.Remedy}, f.Excerpt...), "\n")
}

// newStore returns one for linux/amd64 that fetches into a folder of its own.
func newStore(t *testing.T) *pluginstore.Store {
	t.Helper()
	f := &source.Fetcher{Retry: source.Retry{Base: time.Millisecond, Attempts: 2, Quick: 1, Connect: 10 * time.Second}}
	return &pluginstore.Store{
		Fetcher: f, Registry: &oci.Reader{Fetcher: *f, Platform: v1.Platform{OS: "linux", Architecture: "amd64"}},
		Blobs: filepath.Join(t.TempDir(), "sources"), Platform: amd64, Protocols: []int{1},
		Describe: func(ctx context.Context, dir, name string) (sdk.Manifest, error) {
			found, err := pluginhost.New(pluginhost.Options{Dirs: []string{dir}}).Find(ctx, name)
			if err != nil {
				return sdk.Manifest{}, err
			}
			return found.Manifest, nil
		},
	}
}

// plugins is a folder that nobody else can write to, whatever the umask.
func plugins(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "config", ".mkmini", "plugins")
}

// install resolves and installs.
func install(t *testing.T, s *pluginstore.Store, req pluginstore.Request, dir string) (*pluginstore.Release, *pluginstore.Installed, error) {
	t.Helper()
	req.Name = "board"
	rel, err := s.Resolve(t.Context(), req)
	if err != nil {
		return nil, nil, err
	}
	got, err := s.Install(t.Context(), req, rel, dir, nil)
	return rel, got, err
}

// locked is what a lock holds of a release.
func locked(rel *pluginstore.Release, source string) *pluginstore.Locked {
	return &pluginstore.Locked{
		Path: "mkmini.lock.hcl", Version: rel.Version, Source: source, Key: rel.Key, Archives: rel.Archives, Executables: rel.Executables,
	}
}

// wantFault checks that an error is for people and has all the words, and
// that nothing is in the folder of plugins.
func wantFault(t *testing.T, err error, dir string, words ...string) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) {
		t.Fatalf("got %v, want a *fault.Error", err)
	}
	if f.Summary == "" || f.Detail == "" || f.Remedy == "" || !strings.HasSuffix(f.Detail, ".") || strings.Contains(f.Detail, "..") && !strings.Contains(f.Detail, "../") {
		t.Errorf("summary, detail or remedy is odd: %+v", f)
	}
	text := describe(err)
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("%q is not in:\n%s", word, text)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		t.Errorf("left in the folder of plugins: %s", e.Name())
	}
}

// secure serves a folder by https, and returns a client that trusts it.
func secure(t *testing.T, handler http.Handler) (string, *http.Client) {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL + "/", server.Client()
}

// TestSources installs one release from everywhere it can be.
func TestSources(t *testing.T) {
	dir := release(t, t.TempDir(), manifest("1.2.0", 1), amd64, arm64)
	archive := filepath.Join(dir, "mkmini-plugin-board_v1.2.0_p1_linux_amd64.tar.gz")
	bare := t.TempDir()
	for _, name := range []string{filepath.Base(archive), "mkmini-plugin-board_v1.2.0_p1_linux_arm64.tar.gz"} {
		copyTo(t, filepath.Join(dir, name), filepath.Join(bare, name))
	}
	url, client := secure(t, http.StripPrefix("/plugins", http.FileServer(http.Dir(dir))))
	url += "plugins/"
	registryURL := serveRegistry(t)
	if _, err := pluginstore.Push(t.Context(), newStore(t).Registry, registryURL+"/board:1.2.0", dir); err != nil {
		t.Fatal(err)
	}
	mirror := t.TempDir()
	s := newStore(t)
	rel, err := s.Resolve(t.Context(), pluginstore.Request{Name: "board", Source: dir})
	if err != nil {
		t.Fatal(describe(err))
	}
	if _, err := s.Copy(t.Context(), pluginstore.Request{Name: "board"}, rel, mirror, nil, nil); err != nil {
		t.Fatal(describe(err))
	}
	executables := rel.Executables
	for name, src := range map[string]string{
		"folder": dir, "archive": archive, "folder without SHA256SUMS": bare, "https": url, "registry": "oci://" + registryURL + "/board",
		"tag": "oci://" + registryURL + "/board:1.2.0", "mirror": mirror,
	} {
		t.Run(name, func(t *testing.T) {
			s, to := newStore(t), plugins(t)
			s.Fetcher.Client = client
			got, in, err := install(t, s, pluginstore.Request{Source: src, Version: "~> 1.1"}, to)
			if err != nil {
				t.Fatal(describe(err))
			}
			if got.Version != "1.2.0" || in.Manifest.Version != "1.2.0" || in.Path != filepath.Join(to, "mkmini-plugin-board") {
				t.Errorf("release %+v, installed %+v", got, in)
			}
			if diff := cmp.Diff(rel.Archives, got.Archives); diff != "" {
				t.Errorf("archives (-want +got):\n%s", diff)
			}
			want := executables
			if src == bare {
				want = map[string]string{"linux/amd64": executables["linux/amd64"]}
			}
			if diff := cmp.Diff(want, got.Executables); diff != "" {
				t.Errorf("executables (-want +got):\n%s", diff)
			}
			if found, err := pluginhost.New(pluginhost.Options{Dirs: []string{to}}).Find(t.Context(), "board"); err != nil || found.Digest != "sha256:"+in.SHA256 {
				t.Errorf("found %+v, %v", found, err)
			}
			// Off the network the lock and what was fetched suffice.
			s.Fetcher.Offline, s.Registry.Fetcher.Offline = true, true
			again := plugins(t)
			if _, in2, err := install(t, s, pluginstore.Request{Source: src, Locked: locked(got, src)}, again); err != nil {
				t.Error(describe(err))
			} else if in2.SHA256 != in.SHA256 {
				t.Errorf("installed %s, then %s", in.SHA256, in2.SHA256)
			}
			// On a fresh machine the lock alone names it.
			fresh := newStore(t)
			fresh.Fetcher.Client = client
			if _, _, err := install(t, fresh, pluginstore.Request{Source: src, Locked: locked(got, src)}, plugins(t)); err != nil {
				t.Error(describe(err))
			}
		})
	}
}

func copyTo(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// serveRegistry starts a registry and returns its host.
func serveRegistry(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://") + "/vendor"
}

// TestChoose looks for the newest version that will do.
func TestChoose(t *testing.T) {
	dir := t.TempDir()
	var sums []byte
	add := func(m sdk.Manifest, platforms ...pluginstore.Platform) {
		release(t, dir, m, platforms...)
		text, err := os.ReadFile(filepath.Join(dir, pluginstore.SumsName))
		if err != nil {
			t.Fatal(err)
		}
		sums = append(sums, text...)
	}
	add(manifest("1.1.0", 1), amd64)
	add(manifest("1.2.0", 1), amd64, arm64)
	add(manifest("1.10.0", 1), arm64)
	add(manifest("2.0.0", 2), amd64, arm64)
	add(manifest("3.0.0-rc.1", 1), amd64)
	if err := os.WriteFile(filepath.Join(dir, pluginstore.SumsName), sums, 0o644); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		constraint, want string
		words            []string
	}{
		{"~> 1.1.0", "1.1.0", nil},
		{"~> 1.2.0", "1.2.0", nil},
		{"= 1.1", "1.1.0", nil},
		{"< 1.2", "1.1.0", nil},
		{"3.0.0-rc.1", "3.0.0-rc.1", nil},
		{"~> 1.2", "", []string{"is not made for this machine", "1.10.0", "no archive for linux/amd64", "archives for linux/arm64"}},
		{"~> 2.0", "", []string{"no release that will do", "~> 2.0", "2.0.0 speaks version 2", "this mkmini speaks 1: it needs mkmini 0.9.0 or newer"}},
		{"", "", []string{"linux/arm64"}},
		{"~> 4.0", "", []string{"no release that will do", "1.2.0 does not meet"}},
	}
	for _, test := range tests {
		s, to := newStore(t), plugins(t)
		rel, _, err := install(t, s, pluginstore.Request{Source: dir, Version: test.constraint}, to)
		switch {
		case test.want == "":
			wantFault(t, err, to, test.words...)
		case err != nil:
			t.Errorf("%q: %s", test.constraint, describe(err))
		case rel.Version != test.want:
			t.Errorf("%q: %s, want %s", test.constraint, rel.Version, test.want)
		}
	}
	// A mkmini that speaks both takes the newer one; another machine's lock
	// names a version that the constraint alone would not give.
	s := newStore(t)
	s.Platform, s.Protocols = arm64, []int{1, 2}
	if rel, err := s.Resolve(t.Context(), pluginstore.Request{Name: "board", Source: dir}); err != nil || rel.Version != "2.0.0" {
		t.Errorf("%+v, %v", rel, err)
	}
	l := &pluginstore.Locked{Path: "l", Version: "1.2.0"}
	if rel, err := s.Resolve(t.Context(), pluginstore.Request{Name: "board", Source: dir, Locked: l}); err != nil || rel.Version != "1.2.0" || len(rel.Archives) != 2 {
		t.Errorf("%+v, %v", rel, err)
	}
	if rel, err := s.Resolve(t.Context(), pluginstore.Request{Name: "board", Source: dir, Locked: l, Upgrade: true}); err != nil || rel.Version != "2.0.0" {
		t.Errorf("%+v, %v", rel, err)
	}
	_, err := s.Resolve(t.Context(), pluginstore.Request{Name: "bord", Source: dir})
	wantFault(t, err, "", `"bord"`, "there are releases of board")
}

// TestAnyPlatform takes a script's archive where there is none of the
// machine's own.
func TestAnyPlatform(t *testing.T) {
	dir := release(t, t.TempDir(), manifest("1.0.0", 1), pluginstore.Platform{OS: "linux", Arch: "any"}, arm64)
	for platform, want := range map[pluginstore.Platform]string{riscv64: "linux/any", arm64: "linux/arm64"} {
		s := newStore(t)
		s.Platform = platform
		rel, in, err := install(t, s, pluginstore.Request{Source: dir}, plugins(t))
		if err != nil {
			t.Fatal(describe(err))
		}
		if platform.For(rel.Executables) != in.SHA256 || rel.Executables[want] != in.SHA256 {
			t.Errorf("%s: %+v", platform, rel.Executables)
		}
	}
}

// TestOtherMachine follows a lock that was made on another kind of machine,
// of a release without a description.
func TestOtherMachine(t *testing.T) {
	dir := release(t, t.TempDir(), manifest("1.0.0", 1), amd64, arm64)
	if err := os.Remove(filepath.Join(dir, pluginstore.SumsName)); err != nil {
		t.Fatal(err)
	}
	rel, _, err := install(t, newStore(t), pluginstore.Request{Source: dir}, plugins(t))
	if err != nil || len(rel.Executables) != 1 {
		t.Fatalf("%+v, %s", rel, describe(err))
	}
	s := newStore(t)
	s.Platform = arm64
	there, in, err := install(t, s, pluginstore.Request{Source: dir, Locked: locked(rel, dir)}, plugins(t))
	if err != nil {
		t.Fatal(describe(err))
	}
	want := map[string]string{"linux/amd64": rel.Executables["linux/amd64"], "linux/arm64": in.SHA256}
	if diff := cmp.Diff(want, there.Executables); diff != "" {
		t.Errorf("executables (-want +got):\n%s", diff)
	}
	s = newStore(t)
	s.Platform = riscv64
	to := plugins(t)
	_, _, err = install(t, s, pluginstore.Request{Source: dir, Locked: locked(there, dir)}, to)
	wantFault(t, err, to, "not made for this machine", "linux/amd64, linux/arm64")
}

// TestUnreachable has sources that can't be read.
func TestUnreachable(t *testing.T) {
	url, client := secure(t, http.NotFoundHandler())
	html, htmlClient := secure(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>log in</html>") }))
	sick, sickClient := secure(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }))
	odd := filepath.Join(t.TempDir(), "plugin.tar.gz")
	copyTo(t, os.Args[0], odd)
	reg := serveRegistry(t)
	tests := []struct {
		name, source string
		client       *http.Client
		offline      bool
		words        []string
	}{
		{"nothing there", url, client, false, []string{url + " can't be read", "404", "SHA256SUMS and the archives"}},
		{"not its key", url, nil, false, []string{"certificate"}},
		{"a page", html, htmlClient, false, []string{"line 1 is not a sha256"}},
		{"sick", sick, sickClient, false, []string{"502"}},
		{"nobody listens", "https://127.0.0.1:1/", nil, false, []string{"connection refused"}},
		{"offline", url, client, true, []string{"the network is off", "--offline", "mirror"}},
		{"offline registry", "oci://" + reg + "/board", nil, true, []string{"the network is off"}},
		{"no repository", "oci://" + reg + "/board", nil, false, []string{"has no image"}},
		{"no folder", "/nonexistent/x", nil, false, []string{"no such file"}},
		{"an empty folder", t.TempDir(), nil, false, []string{"it has no SHA256SUMS and no archive"}},
		{"another archive", odd, nil, false, []string{"is not called mkmini-plugin-NAME_v"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, to := newStore(t), plugins(t)
			s.Fetcher.Client, s.Fetcher.Offline, s.Registry.Fetcher.Offline = test.client, test.offline, test.offline
			_, _, err := install(t, s, pluginstore.Request{Source: test.source}, to)
			wantFault(t, err, to, append(test.words, `"board"`)...)
		})
	}
}

// TestTruncated serves an archive that breaks off, at first or always.
func TestTruncated(t *testing.T) {
	dir := release(t, t.TempDir(), manifest("1.0.0", 1), amd64)
	name := "mkmini-plugin-board_v1.0.0_p1_linux_amd64.tar.gz"
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	breaks := 1
	files := http.FileServer(http.Dir(dir))
	url, client := secure(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if breaks > 0 && strings.HasSuffix(r.URL.Path, ".tar.gz") {
			breaks--
			w.Header().Set("Content-Length", fmt.Sprint(len(data)))
			_, _ = w.Write(data[:100])
			return
		}
		files.ServeHTTP(w, r)
	}))
	s := newStore(t)
	s.Fetcher.Client = client
	if _, _, err := install(t, s, pluginstore.Request{Source: url}, plugins(t)); err != nil {
		t.Error(describe(err))
	}
	mu.Lock()
	breaks = 1000
	mu.Unlock()
	s, to := newStore(t), plugins(t)
	s.Fetcher.Client = client
	_, _, err = install(t, s, pluginstore.Request{Source: url}, to)
	wantFault(t, err, to, "can't be fetched", fmt.Sprintf("breaks off after 100 of %d bytes", len(data)))
}

// TestAtOnce installs the same release several times at once.
func TestAtOnce(t *testing.T) {
	dir, to := release(t, t.TempDir(), manifest("1.0.0", 1), amd64), plugins(t)
	var group sync.WaitGroup
	for range 4 {
		s := newStore(t)
		group.Go(func() {
			if _, _, err := install(t, s, pluginstore.Request{Source: dir}, to); err != nil {
				t.Error(describe(err))
			}
		})
	}
	group.Wait()
	entries, err := os.ReadDir(to)
	if err != nil || len(entries) != 1 || entries[0].Name() != "mkmini-plugin-board" {
		t.Errorf("in the folder: %v, %v", entries, err)
	}
}

// TestFolderOfOthers refuses to install where others can write.
func TestFolderOfOthers(t *testing.T) {
	to := plugins(t)
	if err := os.MkdirAll(to, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(to, 0o777); err != nil {
		t.Fatal(err)
	}
	_, _, err := install(t, newStore(t), pluginstore.Request{Source: release(t, t.TempDir(), manifest("1.0.0", 1), amd64)}, to)
	wantFault(t, err, to, "can be written to by others (mode 0777)", "chmod go-w "+to)
}
