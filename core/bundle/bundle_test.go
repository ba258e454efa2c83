package bundle_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/bundle"
	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/store"
	"github.com/mkmini/mkmini/core/toolchain"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// machine is one with a store.
type machine struct {
	dir   string
	store *store.Store
	*toolchain.Manager
}

func newMachine(t testing.TB) *machine {
	t.Helper()
	return machineAt(t, t.TempDir())
}

func machineAt(t testing.TB, dir string) *machine {
	t.Helper()
	st, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return &machine{dir, st, &toolchain.Manager{Dir: st.Sub("toolchains"), Steps: st.Sub("steps")}}
}

// put writes a file of the store.
func (m *machine) put(t testing.TB, name, content string, mode fs.FileMode) string {
	t.Helper()
	path := filepath.Join(m.dir, name)
	err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), mode), os.Chmod(path, mode))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

const key = "compiler-aarch64-0123"

// compiler puts a tree with all kinds of files into the store.
func (m *machine) compiler(t testing.TB) toolchain.Probed {
	t.Helper()
	in := "steps/" + key + "/"
	m.put(t, in+"bin/aarch64-linux-gnu-gcc", "#!/bin/sh\n", 0o755)
	m.put(t, in+"tree/usr/lib/libc.a", "!<arch>\n", 0o644)
	m.put(t, in+"tree/usr/lib/empty", "", 0o644)
	m.put(t, in+"tree/"+strings.Repeat("long/", 40)+"file.h", strings.Repeat("x", 70000), 0o644)
	m.put(t, in+"tree/a name with ü\n", "", 0o755)
	if err := store.WriteJSON(filepath.Join(m.dir, in+"result.json"), map[string]string{"digest": "<&>", "gcc": "12"}); err != nil {
		t.Fatal(err)
	}
	tree := filepath.Join(m.dir, in, "tree")
	err := errors.Join(
		os.Link(filepath.Join(tree, "usr/lib/libc.a"), filepath.Join(tree, "again.a")),
		os.Link(filepath.Join(tree, "usr/lib/libc.a"), filepath.Join(tree, "zz.a")),
		os.Symlink("usr/lib", filepath.Join(tree, "lib")),
		os.Symlink("../../../bin", filepath.Join(tree, "usr/lib/bin")),
		os.Symlink("nowhere", filepath.Join(tree, "dangling")),
		os.MkdirAll(filepath.Join(tree, "var/empty"), 0o755),
		filepath.WalkDir(filepath.Join(m.dir, in), func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				return os.Chmod(path, 0o755) // whatever the umask
			}
			return err
		}),
	)
	if err != nil {
		t.Fatal(err)
	}
	return toolchain.Probed{
		Compiler: sdk.Compiler{CC: filepath.Join(m.dir, in, "bin/aarch64-linux-gnu-gcc")},
		Block:    config.From{Kind: "deb", Deb: &config.Deb{}, Range: fault.Range{File: filepath.Join(m.dir, "x.hcl")}},
		Dir:      filepath.Join(m.dir, "steps", key),
	}
}

func sum(text string) string {
	s := sha256.Sum256([]byte(text))
	return hex.EncodeToString(s[:])
}

// contents fills a machine, and returns what a bundle is made of.
func (m *machine) contents(t testing.TB) bundle.Contents {
	t.Helper()
	return bundle.Contents{
		Host:      "linux/amd64",
		Sources:   []string{m.put(t, "sources/"+sum("musl"), "musl", 0o644), m.put(t, "sources/"+sum("busybox"), "busybox", 0o600)},
		Compilers: map[string]toolchain.Probed{"aarch64": m.compiler(t)},
		Plugins:   []string{m.put(t, "somewhere/mkmini-plugin-board", "#!/bin/sh\n", 0o700)},
		Lock:      []byte("version = 1\n"),
	}
}

// pack returns the path of a bundle of the contents.
func (m *machine) pack(t testing.TB, c bundle.Contents) (string, bundle.Packed) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "b.tar.zst")
	packed, err := bundle.Pack(t.Context(), m.store, c, out, nil)
	if err != nil {
		t.Fatal(err)
	}
	return out, packed
}

func (m *machine) installer() *bundle.Installer {
	return &bundle.Installer{Store: m.store, Keep: m.Keep, Host: "linux/amd64", Now: time.Now}
}

// files lists what is in a store, without folders of no result.
func (m *machine) files(t testing.TB) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(m.dir, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(m.dir, path)
		if err == nil && !d.IsDir() && !strings.HasPrefix(name, "locks/") && !strings.HasPrefix(name, "used/") {
			files = append(files, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// list lists a folder with modes, contents and targets of links.
func list(t *testing.T, root string) []string {
	t.Helper()
	var lines []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		content := ""
		switch {
		case d.Type() == fs.ModeSymlink:
			content, err = os.Readlink(path)
		case d.Type().IsRegular():
			var data []byte
			data, err = os.ReadFile(path)
			content = sum(string(data))
		}
		lines = append(lines, fmt.Sprintf("%q %v %q", strings.TrimPrefix(path, root), info.Mode(), content))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func TestRoundTrip(t *testing.T) {
	from := newMachine(t)
	contents := from.contents(t)
	file, packed := from.pack(t, contents)
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if packed.Size != int64(len(data)) || packed.SHA256 != sum(string(data)) {
		t.Errorf("it has %d bytes and the sha256 %s: %+v", len(data), sum(string(data)), packed)
	}
	if bytes.Contains(data, []byte(from.dir)) {
		t.Error("it names a folder of the machine")
	}
	to := newMachine(t)
	done, err := to.installer().Install(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(packed.Manifest, done.Manifest); diff != "" || string(done.Lock) != string(contents.Lock) || len(done.New) != 5 {
		t.Errorf("installed %v, lock %q (-packed +installed):\n%s", done.New, done.Lock, diff)
	}
	for _, path := range []string{"steps/" + key, "sources/" + sum("musl")} {
		if diff := cmp.Diff(list(t, filepath.Join(from.dir, path)), list(t, filepath.Join(to.dir, path))); diff != "" {
			t.Errorf("%s (-packed +installed):\n%s", path, diff)
		}
	}
	for path, mode := range map[string]fs.FileMode{
		"sources/" + sum("busybox"): 0o644, "bundled": fs.ModeDir | 0o755, "bundled/mkmini-plugin-board": 0o755,
	} {
		if info, err := os.Stat(filepath.Join(to.dir, path)); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	libc, err1 := os.Stat(filepath.Join(to.dir, "steps", key, "tree/usr/lib/libc.a"))
	again, err2 := os.Stat(filepath.Join(to.dir, "steps", key, "tree/zz.a"))
	if err1 != nil || err2 != nil || !os.SameFile(libc, again) {
		t.Errorf("hard links are lost: %v, %v", err1, err2)
	}
	if used := to.store.Used(key); time.Since(used) > time.Hour {
		t.Errorf("the compiler was used %s", used)
	}

	// A bundle of what was installed is the same.
	contents.Compilers["aarch64"] = toolchain.Probed{Block: contents.Compilers["aarch64"].Block, Dir: filepath.Join(to.dir, "steps", key)}
	contents.Sources = []string{filepath.Join(to.dir, "sources", sum("busybox")), filepath.Join(to.dir, "sources", sum("musl"))}
	contents.Plugins = []string{filepath.Join(to.dir, "bundled/mkmini-plugin-board")}
	if _, again := to.pack(t, contents); again.SHA256 != packed.SHA256 {
		t.Error("a second bundle has other bytes")
	}
}

// TestAgain installs a bundle twice, and over damage.
func TestAgain(t *testing.T) {
	from, to := newMachine(t), newMachine(t)
	file, _ := from.pack(t, from.contents(t))
	install := func(want ...string) {
		t.Helper()
		done, err := to.installer().Install(t.Context(), file)
		if err != nil {
			t.Fatal(err)
		}
		var fresh []string
		for name, isNew := range done.New {
			if isNew && name != "mkmini.lock.hcl" {
				fresh = append(fresh, name)
			}
		}
		slices.Sort(fresh)
		if diff := cmp.Diff(want, fresh); diff != "" {
			t.Errorf("installed (-want +got):\n%s", diff)
		}
	}
	all := []string{"plugins/mkmini-plugin-board", "sources/" + sum("musl"), "sources/" + sum("busybox"), "steps/" + key + ".tar"}
	slices.Sort(all)
	install(all...)
	want := to.files(t)
	install()
	to.put(t, "steps/"+key+"/tree/usr/lib/libc.a", "!<arcH>\n", 0o644)
	to.put(t, "sources/"+sum("musl"), "mus", 0o644)
	install("sources/"+sum("musl"), "steps/"+key+".tar")
	if err := os.Remove(filepath.Join(to.dir, "steps", key, "result.json")); err != nil {
		t.Fatal(err)
	}
	install("steps/" + key + ".tar")
	if diff := cmp.Diff(want, to.files(t)); diff != "" {
		t.Errorf("the store (-first +last):\n%s", diff)
	}
}

// TestPackRefuses has contents that no bundle can hold.
func TestPackRefuses(t *testing.T) {
	tests := map[string]func(m *machine, c *bundle.Contents){
		"a source of another content": func(m *machine, c *bundle.Contents) { m.put(t, "sources/"+sum("musl"), "x", 0o644) },
		"a source that is gone":       func(m *machine, c *bundle.Contents) { c.Sources = append(c.Sources, "/nowhere") },
		"a plugin of no such name":    func(m *machine, c *bundle.Contents) { c.Plugins = []string{m.put(t, "plugin", "", 0o755)} },
		"a compiler of the machine": func(_ *machine, c *bundle.Contents) {
			c.Compilers["x86_64"] = toolchain.Probed{Block: config.From{Kind: "host"}}
		},
		"a link out": func(m *machine, _ *bundle.Contents) {
			if err := os.Symlink("/etc/passwd", filepath.Join(m.dir, "steps", key, "passwd")); err != nil {
				t.Fatal(err)
			}
		},
	}
	for name, change := range tests {
		m := newMachine(t)
		c := m.contents(t)
		change(m, &c)
		dir := t.TempDir()
		_, err := bundle.Pack(t.Context(), m.store, c, filepath.Join(dir, "b"), nil)
		var f *fault.Error
		left, _ := os.ReadDir(dir)
		if !errors.As(err, &f) || f.Remedy == "" || len(left) > 0 {
			t.Errorf("%s: %v, and %v is left", name, err, left)
		}
	}
}

func TestPackable(t *testing.T) {
	m := newMachine(t)
	good := m.compiler(t)
	host, elsewhere := good, good
	host.Block = config.From{Kind: "host"}
	elsewhere.Dir = "/opt/gcc"
	if !bundle.Packable(m.store, good) || bundle.Packable(m.store, host) || bundle.Packable(m.store, elsewhere) {
		t.Error("wrong")
	}
}

// TestManifest looks at the manifest of the round trip as a program would.
func TestManifest(t *testing.T) {
	m := newMachine(t)
	_, packed := m.pack(t, m.contents(t))
	data, err := json.Marshal(packed.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"version":1`, `"host":"linux/amd64"`, `"arch":"aarch64"`, `"dir":"` + key + `"`} {
		if !strings.Contains(string(data), want) {
			t.Errorf("no %s in %s", want, data)
		}
	}
}
