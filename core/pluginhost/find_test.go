package pluginhost_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/pluginhost"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// builtins returns options with a stand-in for the mkmini binary: one that
// serves the plugin whose name it has.
func builtins(t *testing.T, name string) pluginhost.Options {
	t.Helper()
	dir := install(t, t.TempDir(), name)
	return pluginhost.Options{Builtins: []string{name}, Self: filepath.Join(dir, pluginhost.Prefix+name)}
}

func TestOrder(t *testing.T) {
	opts := builtins(t, "good")
	inFirst, inSecond := install(t, t.TempDir(), "good"), install(t, t.TempDir(), "good", "second")
	inPath, inThird := install(t, t.TempDir(), "good", "second", "third"), install(t, t.TempDir(), "third")
	t.Setenv("PATH", inPath+":relative:"+os.Getenv("PATH"))

	inOver := install(t, t.TempDir(), "over", "second")
	opts.Overrides = map[string]string{"over": filepath.Join(inOver, pluginhost.Prefix+"over"), "second": inOver}
	tests := []struct {
		name, plugin string
		dirs         []string
		path         bool
		want         string
	}{
		{"first folder", "good", []string{"/nonexistent", inFirst, inSecond}, true, inFirst},
		{"second folder", "third", []string{inFirst, inThird}, true, inThird},
		{"built in", "good", nil, true, filepath.Dir(opts.Self)},
		{"PATH", "third", []string{inFirst}, true, inPath},
		{"not in PATH", "third", []string{inFirst}, false, ""},
		{"override", "over", []string{inFirst}, true, inOver},
		{"override by a folder", "second", []string{inSecond}, true, inOver},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			opts := opts
			opts.Dirs, opts.Path = test.dirs, test.path
			found, err := pluginhost.New(opts).Find(t.Context(), test.plugin)
			if test.want == "" {
				wantFault(t, err, `Unknown plugin "third"`, filepath.Join(inPath, "mkmini-plugin-third"), "--plugins-from-path")
				if !errors.Is(err, pluginhost.ErrNotFound) {
					t.Error("the error is not ErrNotFound")
				}
				return
			}
			if err != nil {
				t.Fatal(describeError(err))
			}
			if got := filepath.Dir(found.Path); got != test.want {
				t.Errorf("found in %s, want %s", got, test.want)
			}
			if over := strings.HasPrefix(test.name, "override"); found.Override != over {
				t.Errorf("Override = %v", found.Override)
			}
			if builtin := test.name == "built in"; found.Builtin != builtin {
				t.Errorf("Builtin = %v", found.Builtin)
			} else if builtin && !cmp.Equal(found.Args, []string{"__serve", "good"}) {
				t.Errorf("Args = %q", found.Args)
			}
			if !strings.HasPrefix(found.Digest, "sha256:") || len(found.Digest) != 7+64 {
				t.Errorf("Digest = %q", found.Digest)
			}
		})
	}
}

// TestPin finds what the lock names, and refuses the rest before it is run.
func TestPin(t *testing.T) {
	dir, runs := counted(t)
	path := filepath.Join(dir, pluginhost.Prefix+"counted")
	cache := t.TempDir()
	time.Sleep(50 * time.Millisecond)
	find := func(opts pluginhost.Options) (*pluginhost.Found, error) {
		opts.CacheDir = cache
		return pluginhost.New(opts).Find(t.Context(), "counted")
	}
	pin := func(digest string) map[string]pluginhost.Pin {
		return map[string]pluginhost.Pin{"counted": {Digest: digest, Lock: "mkmini.lock.hcl", Remedy: "Run `mkmini init`."}}
	}
	refused := func(err error, digest, is string) {
		t.Helper()
		wantFault(t, err, `"counted" is not the one that the lock names`, path, "mkmini.lock.hcl", "in the lock: "+digest, "here:        "+is, "mkmini init")
	}
	dirs := []string{dir}
	_, err := find(pluginhost.Options{Dirs: dirs, Pins: pin("sha256:0")})
	if runs() != 0 {
		t.Error("it was run")
	}
	found, ok := find(pluginhost.Options{Dirs: dirs})
	if ok != nil {
		t.Fatal(ok)
	}
	refused(err, "sha256:0", found.Digest)
	// The description is known now, and says nothing about the lock.
	_, err = find(pluginhost.Options{Dirs: dirs, Pins: pin("sha256:0")})
	refused(err, "sha256:0", found.Digest)
	_, err = find(pluginhost.Options{Dirs: dirs, Pins: pin("")})
	refused(err, "none for this kind of machine", found.Digest)
	for _, opts := range []pluginhost.Options{
		{Dirs: dirs, Pins: pin(found.Digest)},
		{Overrides: map[string]string{"counted": path}, Pins: pin("sha256:0")},
	} {
		if _, err := find(opts); err != nil {
			t.Error(describeError(err))
		}
	}
	built := builtins(t, "good")
	built.Pins = map[string]pluginhost.Pin{"good": {Digest: "sha256:0", Lock: "l", Remedy: "r"}}
	_, err = pluginhost.New(built).Find(t.Context(), "good")
	wantFault(t, err, "is not the one that the lock names")
}

func TestOverrideOfNothing(t *testing.T) {
	opts := builtins(t, "good")
	opts.Overrides = map[string]string{"good": t.TempDir()}
	_, err := pluginhost.New(opts).Find(t.Context(), "good")
	wantFault(t, err, `"good" is overridden by nothing`, "MKMINI_PLUGIN_OVERRIDES")
}

func TestPlaces(t *testing.T) {
	opts := builtins(t, "good")
	first, open := install(t, t.TempDir(), "good", "first"), install(t, t.TempDir(), "second")
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	opts.Dirs = []string{first, "/nonexistent", open}
	host := pluginhost.New(opts)
	want := []pluginhost.Place{
		{Path: first, Plugins: []string{"first", "good"}},
		{Path: "/nonexistent", Absent: true},
		{Path: open, Plugins: []string{"second"}, Refused: open + " has mode 0777; mkmini runs plugins only from where nobody but you and root can write."},
		{Plugins: []string{"good"}},
	}
	if diff := cmp.Diff(want, host.Places()); diff != "" {
		t.Errorf("places (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{filepath.Join(first, pluginhost.Prefix+"good"), ""}, host.Candidates("good")); diff != "" {
		t.Errorf("candidates (-want +got):\n%s", diff)
	}
}

func TestBuiltinStarts(t *testing.T) {
	host := newHost(t, builtins(t, "good"))
	if _, err := startToolchain(t, host, "good").Describe(t.Context()); err != nil {
		t.Error(describeError(err))
	}
}

func TestUnknownPlugin(t *testing.T) {
	host := newHost(t, pluginhost.Options{Builtins: []string{"sw64"}, Self: "/nonexistent"}, "good")
	for _, name := range []string{"godo", "", "../good", "Good", "a/b", strings.Repeat("a", 100)} {
		_, err := host.Find(t.Context(), name)
		wantFault(t, err, "Unknown plugin", "good, sw64")
		if !errors.Is(err, pluginhost.ErrNotFound) {
			t.Errorf("%q: the error is not ErrNotFound", name)
		}
	}
}

func TestNames(t *testing.T) {
	opts := builtins(t, "good")
	opts.Path = true
	inPath := install(t, t.TempDir(), "third")
	t.Setenv("PATH", inPath+":"+os.Getenv("PATH"))
	host := newHost(t, opts, "second", "silent")
	if diff := cmp.Diff([]string{"good", "second", "silent", "third"}, host.Names(t.Context(), "")); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"good", "second", "third"}, host.Names(t.Context(), sdk.KindExporter)); diff != "" {
		t.Errorf("exporters (-want +got):\n%s", diff)
	}
}

func TestFolderWritableByOthers(t *testing.T) {
	dir := install(t, t.TempDir(), "good")
	host := newHost(t, pluginhost.Options{Dirs: []string{dir}})
	for _, mode := range []os.FileMode{0o757, 0o775} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		_, err := host.Find(t.Context(), "good")
		wantFault(t, err, "could be replaced by another user", dir, "chmod go-w "+dir)
	}
	// A link does not hide where the plugin is.
	links := install(t, t.TempDir())
	if err := os.Symlink(filepath.Join(dir, pluginhost.Prefix+"good"), filepath.Join(links, pluginhost.Prefix+"linked")); err != nil {
		t.Fatal(err)
	}
	_, err := newHost(t, pluginhost.Options{Dirs: []string{links}}).Find(t.Context(), "linked")
	wantFault(t, err, "could be replaced by another user", dir)
}

// Whoever can rename a folder above the plugin's can put another one there.
func TestParentWritableByOthers(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "a", "b")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	install(t, dir, "good")
	for _, test := range []struct {
		mode os.FileMode
		ok   bool
	}{{0o757, false}, {0o775, false}, {0o777 | os.ModeSticky, true}, {0o755, true}} {
		if err := errors.Join(os.Chmod(filepath.Join(top, "a"), 0o755), os.Chmod(top, test.mode)); err != nil {
			t.Fatal(err)
		}
		_, err := newHost(t, pluginhost.Options{Dirs: []string{dir}}).Find(t.Context(), "good")
		if test.ok && err != nil {
			t.Errorf("mode %v: %v", test.mode, err)
		}
		if !test.ok {
			wantFault(t, err, "could be replaced by another user", top+" has mode", "chmod go-w "+top)
		}
	}
}

func TestForeignOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file away")
	}
	dir := install(t, t.TempDir(), "good")
	if err := os.Chown(dir, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	_, err := newHost(t, pluginhost.Options{Dirs: []string{dir}}).Find(t.Context(), "good")
	wantFault(t, err, "could be replaced by another user", "belongs to user 65534")
}

// counted is a plugin that writes a line to a file whenever it is run.
func counted(t *testing.T) (dir string, runs func() int) {
	t.Helper()
	dir = install(t, t.TempDir(), "real")
	count := filepath.Join(dir, "count")
	path := filepath.Join(dir, pluginhost.Prefix+"counted")
	script := "#!/bin/sh\necho run >>" + count + "\nexec cat " + filepath.Join(dir, "manifest.json") + "\n"
	manifest := `{"name": "counted", "version": "1", "protocols": [1], "exporter": {
		"attributes": [{"name": "env", "type": "list(string)", "default": [ "<a>", "b & c" ], "doc": ""}]}}`
	if err := os.WriteFile(filepath.Join(dir, "manifest.json"), []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return dir, func() int {
		b, err := os.ReadFile(count)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		return strings.Count(string(b), "run\n")
	}
}

func TestCache(t *testing.T) {
	dir, runs := counted(t)
	cache := filepath.Join(t.TempDir(), "plugins")
	find := func() *pluginhost.Found {
		t.Helper()
		// What was changed a moment ago is not kept.
		time.Sleep(50 * time.Millisecond)
		found, err := pluginhost.New(pluginhost.Options{Dirs: []string{dir}, CacheDir: cache}).Find(t.Context(), "counted")
		if err != nil {
			t.Fatal(describeError(err))
		}
		return found
	}
	first := find()
	if diff := cmp.Diff(first, find()); diff != "" {
		t.Errorf("from the cache (-want +got):\n%s", diff)
	}
	if runs() != 1 {
		t.Fatalf("the plugin was run %d times", runs())
	}
	files, err := filepath.Glob(filepath.Join(cache, "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("in the cache: %v, %v", files, err)
	}
	for _, garbage := range []string{"", "{", `{"identity": {}}`, "\x00\x00"} {
		if err := os.WriteFile(files[0], []byte(garbage), 0o600); err != nil {
			t.Fatal(err)
		}
		before := runs()
		if diff := cmp.Diff(first, find()); diff != "" || runs() != before+1 {
			t.Errorf("cache file %q: %d runs (-want +got):\n%s", garbage, runs()-before, diff)
		}
	}
	before := runs()
	path := filepath.Join(dir, pluginhost.Prefix+"counted")
	script, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(script, '#'), 0o700); err != nil {
		t.Fatal(err)
	}
	if changed := find(); changed.Digest == first.Digest || runs() != before+1 {
		t.Errorf("a changed plugin: digest %s, %d runs", changed.Digest, runs()-before)
	}
}

func TestCacheFolderThatCantBeWritten(t *testing.T) {
	dir, _ := counted(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond)
	host := pluginhost.New(pluginhost.Options{Dirs: []string{dir}, CacheDir: filepath.Join(file, "cache")})
	if _, err := host.Find(t.Context(), "counted"); err != nil {
		t.Error(describeError(err))
	}
}
