package crossgcc

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/source"
	"github.com/mkmini/mkmini/core/source/apt"
	"github.com/mkmini/mkmini/core/source/apt/apttest"
	"github.com/mkmini/mkmini/core/testenv"
)

// serve has a bench take its packages from a mirror of the test's own.
func (b *bench) serve(t *testing.T, packages ...apttest.Package) {
	t.Helper()
	if _, err := os.Stat(apt.Helper); err != nil {
		testenv.Skip(t, "needs apt-get and apt-helper (Debian package apt)")
	}
	repo := t.TempDir()
	apttest.Publish(t, repo, "first", nil, packages...)
	server := httptest.NewServer(http.FileServer(http.Dir(repo)))
	t.Cleanup(server.Close)
	_, env := apttest.NewMachine(t, "empty.list", "")
	b.Apt = &apt.Binaries{
		Dir: b.Keeper.Store.Sub("apt"), Env: append(env, "http_proxy=", "no_proxy=127.0.0.1"),
		Repositories: []apt.Repository{{URI: server.URL, Suite: "first", Components: []string{"main"}, Trusted: true}},
	}
}

// read returns the content of a file.
func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestPackages(t *testing.T) {
	b := newBench(t)
	build := b.from.Build
	b.serve(t,
		apttest.Package{Name: "gcc-14-source", Version: "14.2-1", Fields: "Depends: make\n", Files: []apttest.File{
			{Name: "./usr/src/gcc-14/gcc-14.2.0-dfsg.tar.gz", Content: read(t, build.GCC.File)},
			{Name: "./usr/src/gcc-14/gm2-20220506.tar.gz", Content: "other"},
			{Name: "./usr/src/gcc-14/patches", Target: "debian/patches"},
		}},
		apttest.Package{Name: "make", Version: "1", Files: []apttest.File{{Name: "./usr/bin/make", Content: "not the machine's"}}},
		apttest.Package{Name: "my-linux", Version: "6.1", Files: []apttest.File{
			{Name: "./usr/src/linux-source-6.1.tar.gz", Content: read(t, build.Linux.File)},
		}},
		apttest.Package{Name: "linux-libc-dev-riscv64-cross", Version: "6.1.4", Files: []apttest.File{
			{Name: "./usr/riscv64-linux-gnu/include/linux/version.h", Content: "ready"},
			{Name: "./usr/riscv64-linux-gnu/include/asm/README", Content: "text"},
		}},
		apttest.Package{Name: "empty", Version: "1"},
	)
	build.GCC, build.Linux = config.Part{}, config.Part{Deb: "my-linux"}
	dir, err := b.provide(t)
	if err != nil {
		t.Fatal(err)
	}
	pins := b.Pins(b.from, dir)
	if !strings.HasPrefix(pins["gcc"], "gcc-14-source 14.2-1 sha256:") || !strings.HasPrefix(pins["linux"], "my-linux 6.1 sha256:") {
		t.Errorf("the pins are %v", pins)
	}
	build.Linux.Deb = "linux-libc-dev-riscv64-cross"
	ready, err := b.provide(t)
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, filepath.Join(ready, "riscv64-linux-musl/sysroot/usr/include/linux/version.h")); got != "ready" {
		t.Errorf("the header of a package with headers is %q", got)
	}
	build.Linux.Deb, b.Apt.Offline = "my-linux", true
	if again, err := b.provide(t); err != nil || again != dir {
		t.Errorf("without a network Provide gave %s (%v)", again, err)
	}
	for deb, want := range map[string]string{
		"unknown": "apt knows no package unknown in first", "empty": "the package empty has not just one tarball of linux in /usr/src: it has none",
	} {
		b.Apt.Offline, build.Linux.Deb = false, deb
		if _, err := b.provide(t); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the package %s gave %v", deb, err)
		}
	}
}

func TestURL(t *testing.T) {
	b := newBench(t)
	server := httptest.NewServer(http.FileServer(http.Dir(b.dir)))
	defer server.Close()
	sum, err := source.Hash(t.Context(), b.path("gcc.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	b.from.Build.GCC = config.Part{URLs: []string{server.URL + "/none.tar.gz", server.URL + "/gcc.tar.gz"}, SHA256: sum}
	if _, err := b.provide(t); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(b.Blobs, sum)); err != nil {
		t.Error(err)
	}
	b.from.Build.GCC.SHA256 = strings.Repeat("1", 64)
	if _, err := b.provide(t); err == nil || !strings.Contains(err.Error(), "none.tar.gz: ") || errors.Is(err, os.ErrNotExist) {
		t.Errorf("another hash gave %v", err)
	}
}
