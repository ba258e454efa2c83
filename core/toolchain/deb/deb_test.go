package deb_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/source/apt"
	"github.com/mkmini/mkmini/core/source/apt/apttest"
	"github.com/mkmini/mkmini/core/store"
	"github.com/mkmini/mkmini/core/testenv"
	"github.com/mkmini/mkmini/core/toolchain/deb"
	"github.com/mkmini/mkmini/plugins/sdk"
)

var info = sdk.ToolchainInfo{
	Arch: "riscv64", Triplets: []string{"riscv64-linux-gnu", "riscv64-*linux*"},
	HostMachines: []string{"riscv64"}, Packages: []string{"gcc-riscv64-linux-gnu"},
}

// tool is a script that says what it was called with.
const tool = "#!/bin/sh\necho \"${0##*/} $LD_LIBRARY_PATH $*\"\n"

// packages are a compiler of scripts.
var packages = []apttest.Package{
	{Name: "gcc-riscv64-linux-gnu", Version: "4:12", Fields: "Depends: gcc-12-riscv64-linux-gnu\n", Files: []apttest.File{
		{Name: "./usr/bin/riscv64-linux-gnu-gcc", Target: "riscv64-linux-gnu-gcc-12"},
	}},
	{Name: "gcc-12-riscv64-linux-gnu", Version: "12", Fields: "Depends: libc6, libx\nRecommends: libc6-dev-riscv64-cross\n", Files: []apttest.File{
		{Name: "./usr/bin/riscv64-linux-gnu-gcc-12", Content: tool}, {Name: "./usr/bin/riscv64-linux-gnu-ld", Content: tool},
		{Name: "./usr/bin/riscv64-linux-gnu-ar", Content: tool}, {Name: "./usr/bin/other-tool", Content: tool},
		{Name: "./usr/share/doc/gcc/README", Content: "long"},
	}},
	{Name: "libx", Version: "1", Files: []apttest.File{
		{Name: "./lib/x86_64-linux-gnu/libx.so.1", Content: "x"}, {Name: "./usr/lib/x86_64-linux-gnu/libx.so", Target: "/lib/x86_64-linux-gnu/libx.so.1"},
	}},
	{Name: "libc6-dev-riscv64-cross", Version: "2.36", Files: []apttest.File{{Name: "./usr/riscv64-linux-gnu/lib/libc.a", Content: "a"}}},
	{Name: "libc6", Version: "2.36", Files: []apttest.File{{Name: "./lib/x86_64-linux-gnu/libc.so.6", Content: "not the machine's"}}},
	{Name: "nothing", Version: "1"},
	{Name: "gcc-arm", Version: "1", Files: []apttest.File{{Name: "./usr/bin/arm-gcc", Content: tool}}},
	{Name: "gcc-9-10", Version: "1", Files: []apttest.File{
		{Name: "./usr/bin/riscv64-linux-gnu-gcc-9", Content: tool}, {Name: "./usr/bin/riscv64-linux-gnu-gcc-10", Content: tool},
	}},
	{Name: "escape", Version: "1", Files: []apttest.File{{Name: "./usr/../../evil", Content: "x"}}},
}

// fixture is a provider over a mirror of the packages.
type fixture struct {
	*deb.Provider
	repo string
	pool map[string]string
	// fetched counts the requests of packages.
	fetched atomic.Int64
	reports []string
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	if _, err := os.Stat(apt.Helper); err != nil {
		testenv.Skip(t, "needs apt-get and apt-helper (Debian package apt)")
	}
	f := &fixture{repo: t.TempDir()}
	f.pool = apttest.Publish(t, f.repo, "first", nil, packages...)
	files := http.FileServer(http.Dir(f.repo))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/pool/") {
			f.fetched.Add(1)
		}
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	_, env := apttest.NewMachine(t, "empty.list", "")
	st, err := store.Open(filepath.Join(t.TempDir(), "store"))
	if err != nil {
		t.Fatal(err)
	}
	f.Provider = &deb.Provider{
		Store: st, Files: st.Sub("sources"), Machine: "x86_64",
		Apt: &apt.Binaries{
			Dir: st.Sub("apt"), Env: append(env, "http_proxy=", "no_proxy=127.0.0.1"),
			Repositories: []apt.Repository{{URI: server.URL, Suite: "first", Components: []string{"main"}, Trusted: true}},
		},
	}
	return f
}

func (f *fixture) provide(t *testing.T, names ...string) (string, error) {
	t.Helper()
	f.reports = nil
	from := config.From{Kind: "deb", Deb: &config.Deb{Packages: names}}
	return f.Provide(t.Context(), info, from, func(phase string, done, total int, _ string) {
		f.reports = append(f.reports, fmt.Sprintf("%s %d/%d", phase, done, total))
	})
}

func (f *fixture) must(t *testing.T, names ...string) string {
	t.Helper()
	dir, err := f.provide(t, names...)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func say(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "TMPDIR=" + os.TempDir()}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestProvide(t *testing.T) {
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	f := newFixture(t)
	dir := f.must(t)
	if n := f.fetched.Load(); n != 4 {
		t.Errorf("%d packages were fetched, want 4", n)
	}
	if last := f.reports[len(f.reports)-1]; last != "unpack 4/4" || !slices.ContainsFunc(f.reports, func(r string) bool { return strings.HasPrefix(r, "fetch ") }) {
		t.Errorf("reports: %q", f.reports)
	}
	var tree []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			info, _ := d.Info()
			rel, _ := filepath.Rel(dir, path)
			link, _ := os.Readlink(path)
			tree = append(tree, strings.TrimSpace(fmt.Sprint(info.Mode(), " ", rel, " ", link)))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"-rwxr-xr-x bin/riscv64-linux-gnu-ar", "-rwxr-xr-x bin/riscv64-linux-gnu-gcc", "-rwxr-xr-x bin/riscv64-linux-gnu-gcc-12",
		"-rwxr-xr-x bin/riscv64-linux-gnu-ld", "-rw-r--r-- result.json",
		"-rwxr-xr-x tree/usr/bin/other-tool", "-rwxr-xr-x tree/usr/bin/riscv64-linux-gnu-ar",
		"Lrwxrwxrwx tree/usr/bin/riscv64-linux-gnu-gcc riscv64-linux-gnu-gcc-12", "-rwxr-xr-x tree/usr/bin/riscv64-linux-gnu-gcc-12",
		"-rwxr-xr-x tree/usr/bin/riscv64-linux-gnu-ld",
		"Lrwxrwxrwx tree/usr/lib/x86_64-linux-gnu/libx.so ../../../usr/lib/x86_64-linux-gnu/libx.so.1",
		"-rwxr-xr-x tree/usr/lib/x86_64-linux-gnu/libx.so.1", "-rwxr-xr-x tree/usr/riscv64-linux-gnu/lib/libc.a",
	}
	if diff := cmp.Diff(want, tree); diff != "" {
		t.Errorf("what was made (-want +got):\n%s", diff)
	}
	pins := f.Pins(config.From{}, dir)
	if len(pins) != 4 || !strings.HasPrefix(pins["gcc-riscv64-linux-gnu"], "4:12 sha256:") {
		t.Errorf("pins: %v", pins)
	}
	// A second time nothing is fetched, even if the downloads are gone.
	if err := os.RemoveAll(f.Files); err != nil {
		t.Fatal(err)
	}
	f.fetched.Store(0)
	if again := f.must(t); again != dir || f.fetched.Load() != 0 {
		t.Errorf("%s, %d fetched", again, f.fetched.Load())
	}
}

// TestWrapper calls tools by all kinds of paths, also after the whole was
// moved to where names have blanks and quotes.
func TestWrapper(t *testing.T) {
	f := newFixture(t)
	moved := filepath.Join(t.TempDir(), `a "b" $c`)
	if err := os.Rename(f.must(t), moved); err != nil {
		t.Fatal(err)
	}
	bin, tree := filepath.Join(moved, "bin"), filepath.Join(moved, "tree")
	gcc := "riscv64-linux-gnu-gcc"
	link := filepath.Join(t.TempDir(), "cc")
	if err := os.Symlink(filepath.Join(bin, gcc), link); err != nil {
		t.Fatal(err)
	}
	libs := tree + "/usr/lib/x86_64-linux-gnu"
	want := gcc + " " + libs + " --sysroot=" + tree + ` -o a b $x "y"`
	args := []string{"-o", "a b", "$x", `"y"`}
	for _, path := range []string{filepath.Join(bin, gcc), link} {
		if got := say(t, path, args...); got != want {
			t.Errorf("%s says\n%s, want\n%s", path, got, want)
		}
	}
	for _, call := range []string{"cd \"$1\" && ./" + gcc, "cd \"$1/..\" && bin/" + gcc, "PATH=$1:$PATH; " + gcc, "cd \"$1\" && sh " + gcc} {
		if got := say(t, "sh", "-c", call, "sh", bin); got != gcc+" "+libs+" --sysroot="+tree {
			t.Errorf("%s says %s", call, got)
		}
	}
	if got := say(t, filepath.Join(bin, "riscv64-linux-gnu-ar"), "x"); got != "riscv64-linux-gnu-ar "+libs+" x" {
		t.Errorf("ar says %s", got)
	}
	if got := say(t, filepath.Join(bin, "riscv64-linux-gnu-ld"), "x"); got != "riscv64-linux-gnu-ld "+libs+" --sysroot="+tree+" x" {
		t.Errorf("ld says %s", got)
	}
	if got := say(t, "sh", "-c", `LD_LIBRARY_PATH=/mine; export LD_LIBRARY_PATH; exec "$1"`, "sh", filepath.Join(bin, gcc)); !strings.Contains(got, libs+":/mine ") {
		t.Errorf("own libraries are lost: %s", got)
	}
}

// TestNewestDriver has no plain name to go by.
func TestNewestDriver(t *testing.T) {
	f := newFixture(t)
	dir := f.must(t, "gcc-9-10")
	tree := filepath.Join(dir, "tree")
	for name, runs := range map[string]string{"gcc": "gcc-10", "gcc-9": "gcc-9", "gcc-10": "gcc-10"} {
		if got := say(t, filepath.Join(dir, "bin/riscv64-linux-gnu-"+name)); got != "riscv64-linux-gnu-"+runs+"  --sysroot="+tree {
			t.Errorf("%s says %s", name, got)
		}
	}
}

// TestDamaged mends a compiler in the store of which something is missing or
// was changed.
func TestDamaged(t *testing.T) {
	f := newFixture(t)
	dir := f.must(t)
	damage := map[string]func() error{
		"missing": func() error { return os.Remove(filepath.Join(dir, "tree/usr/bin/riscv64-linux-gnu-ld")) },
		"changed": func() error {
			return os.WriteFile(filepath.Join(dir, "tree/usr/riscv64-linux-gnu/lib/libc.a"), []byte("b"), 0o755)
		},
		"new":           func() error { return os.WriteFile(filepath.Join(dir, "tree/usr/new"), nil, 0o644) },
		"mode":          func() error { return os.Chmod(filepath.Join(dir, "bin/riscv64-linux-gnu-gcc"), 0o644) },
		"no tree":       func() error { return os.RemoveAll(filepath.Join(dir, "tree")) },
		"record broken": func() error { return os.WriteFile(filepath.Join(dir, "result.json"), []byte("{"), 0o644) },
	}
	for name, do := range damage {
		t.Run(name, func(t *testing.T) {
			if err := do(); err != nil {
				t.Fatal(err)
			}
			f.fetched.Store(0)
			if again := f.must(t); again != dir || f.fetched.Load() > 0 {
				t.Errorf("%s, %d fetched", again, f.fetched.Load())
			}
			if got := say(t, filepath.Join(dir, "bin/riscv64-linux-gnu-ld")); !strings.HasPrefix(got, "riscv64-linux-gnu-ld ") {
				t.Error(got)
			}
			if data, err := os.ReadFile(filepath.Join(dir, "tree/usr/riscv64-linux-gnu/lib/libc.a")); string(data) != "a" {
				t.Errorf("%q, %v", data, err)
			}
		})
	}
}

// TestStaleIndex resolves again if the mirror has newer packages than the
// index at hand says.
func TestStaleIndex(t *testing.T) {
	f := newFixture(t)
	f.must(t, "gcc-9-10") // and the index
	if err := os.Remove(filepath.Join(f.repo, f.pool["gcc-12-riscv64-linux-gnu"])); err != nil {
		t.Fatal(err)
	}
	newer := slices.Clone(packages)
	newer[1].Version = "12+new"
	apttest.Publish(t, f.repo, "first", nil, newer...)
	// HTTP knows times to the second only.
	later := time.Now().Add(time.Minute)
	if err := os.Chtimes(filepath.Join(f.repo, "dists/first/Release"), later, later); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(f.repo, f.pool["gcc-12-riscv64-linux-gnu"])); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	dir := f.must(t)
	if pins := f.Pins(config.From{}, dir); !strings.HasPrefix(pins["gcc-12-riscv64-linux-gnu"], "12+new ") {
		t.Errorf("pins: %v", pins)
	}
}

func TestRefusals(t *testing.T) {
	f := newFixture(t)
	wrong := filepath.Join(f.repo, f.pool["nothing"])
	info, err := os.Stat(wrong)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name     string
		prepare  func()
		packages []string
		want     string
	}{
		{"unknown", nil, []string{"gcc-sw64-linux-gnu"}, "apt knows no package gcc-sw64-linux-gnu in first"},
		{"no compiler", nil, []string{"nothing"}, "the packages have no riscv64-linux-gnu-gcc and no riscv64-*linux*-gcc in usr/bin, only programs that are no compilers"},
		{"another compiler", nil, []string{"gcc-arm"}, "only arm-gcc"},
		{"leaves the folder", nil, []string{"escape", "gcc-arm"}, "the package escape cannot be unpacked"},
		{"wrong hash", func() {
			apttest.WriteFile(t, wrong, strings.Repeat("x", int(info.Size())))
			if err := os.RemoveAll(f.Files); err != nil {
				t.Fatal(err)
			}
		}, []string{"nothing"}, "Hash Sum mismatch"},
		{"gone", func() {
			if err := os.Remove(wrong); err != nil {
				t.Fatal(err)
			}
		}, []string{"nothing"}, "404"},
		{"offline", func() { f.Apt.Offline = true }, []string{"nothing"}, "1 of 1 packages aren't there and the network is off"},
		{"offline, no index", func() { f.Apt.Dir = t.TempDir() }, []string{"nothing"}, "there is no package index yet and the network is off"},
		{"no mirror", func() {
			f.Apt.Offline = false
			f.Apt.Repositories[0].URI = "http://127.0.0.1:1"
		}, []string{"nothing"}, "Could not connect"},
		{"no apt", func() { t.Setenv("PATH", t.TempDir()) }, []string{"nothing"}, "apt-get is not installed on this machine"},
	}
	for _, test := range tests {
		if test.prepare != nil {
			test.prepare()
		}
		dir, err := f.provide(t, test.packages...)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.HasSuffix(err.Error(), ".") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %q, %v, want a clause with %q", test.name, dir, err, test.want)
		}
		var told *fault.Error
		if strings.HasPrefix(test.name, "unknown") || strings.HasPrefix(test.name, "offline") || test.name == "no apt" {
			if !errors.As(err, &told) || told.Remedy == "" || !strings.HasSuffix(told.Detail, ".") {
				t.Errorf("%s: nobody says what to do: %+v", test.name, told)
			}
		}
	}
	if left, _ := filepath.Glob(f.Store.Sub("steps/*")); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	if left, _ := filepath.Glob(f.Store.Sub("tmp/*")); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

func TestDefault(t *testing.T) {
	if _, err := exec.LookPath("apt-get"); err != nil {
		testenv.Skip(t, "needs apt-get (Debian package apt)")
	}
	p := &deb.Provider{Machine: "x86_64"}
	if from, ok := p.Default(info); !ok || from.Kind != "deb" || from.Deb == nil {
		t.Errorf("%+v, %v", from, ok)
	}
	if _, ok := p.Default(sdk.ToolchainInfo{Arch: "sw64"}); ok {
		t.Error("there is one without packages")
	}
	if _, ok := (&deb.Provider{Machine: "riscv64"}).Default(info); ok {
		t.Error("there is one for the machine's own architecture")
	}
	t.Setenv("PATH", t.TempDir())
	if _, ok := p.Default(info); ok {
		t.Error("there is one without apt-get")
	}
}
