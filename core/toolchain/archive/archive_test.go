package archive_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zip"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/source"
	"github.com/mkmini/mkmini/core/store"
	"github.com/mkmini/mkmini/core/testenv"
	"github.com/mkmini/mkmini/core/toolchain"
	"github.com/mkmini/mkmini/core/toolchain/archive"
	"github.com/mkmini/mkmini/core/toolchain/hostcheck"
	"github.com/mkmini/mkmini/core/toolchain/unpacked"
	"github.com/mkmini/mkmini/plugins/sdk"
)

var info = sdk.ToolchainInfo{Arch: "sw64", Triplets: []string{"sw_64-sunway-linux-gnu"}}

const driver = "usr/bin/sw_64-sunway-linux-gnu-gcc"

// entry is an entry of an archive: a program, unless it says otherwise.
type entry struct {
	name, body, link string
	kind             byte
	mode             int64
}

func tarball(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Typeflag: e.kind, Linkname: e.link, Mode: e.mode, Size: int64(len(e.body))}
		if e.kind == 0 {
			h.Typeflag = tar.TypeReg
		}
		if e.mode == 0 {
			h.Mode = 0o755
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func hash(data []byte) string { return fmt.Sprintf("%x", sha256.Sum256(data)) }

func put(t *testing.T, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "vendor.tar.gz")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// provider returns one with a store of its own, and what it logs.
func provider(t *testing.T) (*archive.Provider, *bytes.Buffer) {
	t.Helper()
	st, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	this, err := hostcheck.This()
	if err != nil {
		t.Fatal(err)
	}
	var logs bytes.Buffer
	return &archive.Provider{
		Keeper:  &unpacked.Keeper{Store: st, Logger: slog.New(slog.NewTextHandler(&logs, nil))},
		Fetcher: &source.Fetcher{Retry: source.Retry{Base: time.Millisecond, Attempts: 1, Quick: 1}},
		Blobs:   st.Sub("sources"), Host: this, Limits: source.Limits{Entries: 100, Bytes: 64 << 20},
	}, &logs
}

func from(a config.Archive) config.From { return config.From{Kind: "archive", Archive: &a} }

func TestProvide(t *testing.T) {
	gcc := entry{name: "swgcc-8/" + driver, body: "#!/bin/sh\n"}
	data := tarball(t, gcc, entry{name: "swgcc-8/lib/x", link: "/lib/x", kind: tar.TypeSymlink})
	requests := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests++
		if r.URL.Path != "/good/vendor.tar.gz" {
			http.NotFound(w, r)
			return
		}
		w.Write(data)
	}))
	defer server.Close()
	p, logs := provider(t)
	inTop, stripped := from(config.Archive{File: put(t, data)}), from(config.Archive{
		URLs: []string{server.URL + "/none/vendor.tar.gz", server.URL + "/good/vendor.tar.gz"}, SHA256: hash(data), Strip: 1,
	})
	inBin := from(config.Archive{File: put(t, data), SHA256: hash(data), Bin: "swgcc-8/usr/bin"})
	tests := []struct {
		name, want string
		from       config.From
	}{
		{"a single top folder", "tree/swgcc-8", inTop},
		{"stripped, from a mirror", "tree", stripped},
		{"in bin", "tree/swgcc-8/usr/bin", inBin},
	}
	for _, test := range tests {
		for range 2 {
			dir, err := p.Provide(t.Context(), info, test.from, nil)
			if err != nil {
				t.Fatalf("%s: %v", test.name, err)
			}
			name, err := filepath.Rel(p.Keeper.Store.Path(""), dir)
			_, name, _ = strings.Cut(name, "/")
			if err != nil || name != test.want {
				t.Errorf("%s: the folder is %s, want %s", test.name, name, test.want)
			}
			if len(toolchain.Drivers(info, dir, "")) != 1 {
				t.Errorf("%s: no driver in %s", test.name, dir)
			}
			if diff := cmp.Diff(map[string]string{"sha256": hash(data)}, p.Pins(test.from, dir)); diff != "" {
				t.Errorf("%s: pins (-want +got):\n%s", test.name, diff)
			}
		}
	}
	if requests != 2 {
		t.Errorf("%d requests", requests)
	}
	if n := strings.Count(logs.String(), "without 1 links to places outside"); n != 2 {
		t.Errorf("it was told %d times that links were left out, want once for each of two trees:\n%s", n, logs)
	}
	server.Close()
	if err := os.RemoveAll(p.Blobs); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Provide(t.Context(), info, stripped, nil); err != nil {
		t.Errorf("what is there can't be had without network: %v", err)
	}
}

func TestFiles(t *testing.T) {
	p, _ := provider(t)
	for _, test := range []struct {
		archive config.Archive
		want    []string
	}{
		{config.Archive{File: "/a"}, []string{"/a"}},
		{config.Archive{File: "/a", SHA256: "b"}, nil},
		{config.Archive{URLs: []string{"https://vendor.example/a"}, SHA256: "b"}, nil},
	} {
		if diff := cmp.Diff(test.want, p.Files(from(test.archive))); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", test.archive, diff)
		}
	}
}

// elfProgram returns a real program for this machine, and one with another
// machine in its header.
func elfProgram(t *testing.T) (own, foreign string) {
	t.Helper()
	gcc := testenv.Tool(t, "gcc", "gcc")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.c"), []byte("#include <stdio.h>\nint main(void) { return puts(\"\") < 0; }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	testenv.Output(t, gcc, "-o", filepath.Join(dir, "a"), filepath.Join(dir, "a.c"))
	data, err := os.ReadFile(filepath.Join(dir, "a"))
	if err != nil {
		t.Fatal(err)
	}
	other := bytes.Clone(data)
	other[18], other[19] = byte(elf.EM_RISCV), 0
	return string(data), string(other)
}

func TestRefuses(t *testing.T) {
	own, foreign := elfProgram(t)
	gcc := entry{name: driver, body: "#!/bin/sh\n"}
	good := tarball(t, gcc)
	link := func(name, target string) entry { return entry{name: name, link: target, kind: tar.TypeSymlink} }
	var bomb []entry
	for i := range 101 {
		bomb = append(bomb, entry{name: fmt.Sprint(i)})
	}
	var unmoded bytes.Buffer
	z := zip.NewWriter(&unmoded)
	if _, err := z.Create(driver); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	old := func(p *archive.Provider) { p.Host.Glibc = "2.2" }
	tests := []struct {
		name    string
		data    []byte
		change  func(*config.Archive)
		prepare func(*archive.Provider)
		want    []string
	}{
		{"not set", nil, func(a *config.Archive) { a.File = "" }, nil, []string{"neither file nor url is set"}},
		{"no file", nil, func(a *config.Archive) { a.File = "/nonexistent/a" }, nil, []string{"there is no file /nonexistent/a"}},
		{"up", tarball(t, gcc, entry{name: "../x"}), nil, nil, []string{"vendor.tar.gz cannot be unpacked", "../x: it would be written outside"}},
		{"absolute", tarball(t, gcc, entry{name: "/etc/x"}), nil, nil, []string{"/etc/x: it would be written outside"}},
		{"link out", tarball(t, gcc, link("lib", "../../lib")), nil, nil, []string{"lib: it is a link to somewhere outside"}},
		{"entries", tarball(t, bomb...), nil, nil, []string{"more entries than are allowed"}},
		{"bytes", tarball(t, entry{name: "a", body: strings.Repeat("a", 65<<20)}), nil, nil, []string{"more bytes than are allowed"}},
		{"wrong hash", good, func(a *config.Archive) { a.SHA256 = hash(nil) }, nil, []string{"has the sha256 " + hash(good), hash(nil) + " is wanted"}},
		{"no archive", []byte("<html>"), nil, nil, []string{"an HTML page"}},
		{"nothing of the kind", tarball(t, entry{name: "a/README"}, entry{name: "b/doc"}), nil, nil,
			[]string{"vendor.tar.gz: no compiler for sw64 is in it: it holds no compiler at all, and at its top a, b"}},
		{"other compilers", tarball(t, entry{name: "x/opt/tools/mips-gcc"}, entry{name: "y/bin/clang"}), nil, nil,
			[]string{"it holds x/opt/tools/mips-gcc, y/bin/clang"}},
		{"no compiler in bin", good, func(a *config.Archive) { a.Bin = "opt/bin" }, nil, []string{"it holds " + driver}},
		{"no modes", unmoded.Bytes(), nil, nil, []string{driver + ", which can't be executed"}},
		{"another processor", tarball(t, entry{name: driver, body: foreign}), nil, nil, []string{"is a program for riscv64, and this machine is "}},
		{"newer glibc", tarball(t, entry{name: driver, body: own}), nil, old, []string{"sw_64-sunway-linux-gnu-gcc needs glibc 2.", "has glibc 2.2"}},
		{"a cc1 for newer glibc", tarball(t, gcc, entry{name: "libexec/gcc/8/cc1", body: own}), nil, old, []string{"cc1 needs glibc 2."}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, _ := provider(t)
			a := config.Archive{File: put(t, test.data)}
			if test.change != nil {
				test.change(&a)
			}
			if test.prepare != nil {
				test.prepare(p)
			}
			_, err := p.Provide(t.Context(), info, from(a), nil)
			for _, want := range test.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %q", err, want)
				}
			}
			if err != nil && (strings.Contains(err.Error(), "\n") || strings.HasSuffix(err.Error(), ".")) {
				t.Errorf("%q is no clause", err)
			}
			left, err := filepath.Glob(filepath.Join(p.Keeper.Store.Sub("tmp"), "*"))
			if err != nil || len(left) > 0 {
				t.Errorf("left %q (%v)", left, err)
			}
		})
	}
}

func TestRefusesDownloads(t *testing.T) {
	good := tarball(t, entry{name: driver, body: "#!/bin/sh\n"})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(good) }))
	defer server.Close()
	p, _ := provider(t)
	a := config.Archive{URLs: []string{server.URL + "/a.tgz"}, SHA256: hash(nil)}
	_, err := p.Provide(t.Context(), info, from(a), nil)
	if err == nil || !strings.Contains(err.Error(), server.URL+"/a.tgz: has the sha256 "+hash(good)) {
		t.Errorf("wrong hash: %v", err)
	}
	p.Fetcher = &source.Fetcher{Offline: true}
	_, err = p.Provide(t.Context(), info, from(a), nil)
	if err == nil || !strings.Contains(err.Error(), "not in the store and the network is off") {
		t.Errorf("offline: %v", err)
	}
}

// TestDamaged looks whether a tree of the store that lost content, or has other
// content of the same length, is unpacked again.
func TestDamaged(t *testing.T) {
	p, logs := provider(t)
	block := from(config.Archive{File: put(t, tarball(t, entry{name: driver, body: "#!/bin/sh\n"}, entry{name: "lib/libc.a", body: "!<arch>"}))})
	dir, err := p.Provide(t.Context(), info, block, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, damage := range []string{"", "!<arcH>"} {
		if err := os.WriteFile(filepath.Join(dir, "lib/libc.a"), []byte(damage), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Provide(t.Context(), info, block, nil); err != nil {
			t.Fatal(err)
		}
		if data, err := os.ReadFile(filepath.Join(dir, "lib/libc.a")); err != nil || string(data) != "!<arch>" {
			t.Errorf("libc.a is %q (%v)", data, err)
		}
	}
	if !strings.Contains(logs.String(), "damaged") {
		t.Errorf("nothing was said:\n%s", logs)
	}
}

func TestCancel(t *testing.T) {
	p, _ := provider(t)
	stop := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stop)
	if _, err := p.Provide(ctx, info, from(config.Archive{File: put(t, tarball(t, entry{name: driver}))}), nil); !errors.Is(err, stop) {
		t.Errorf("got %v, want the cause of the context", err)
	}
}
