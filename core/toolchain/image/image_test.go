package image_test

import (
	"archive/tar"
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"io"
	"io/fs"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/source"
	"github.com/mkmini/mkmini/core/source/oci"
	"github.com/mkmini/mkmini/core/store"
	"github.com/mkmini/mkmini/core/testenv"
	"github.com/mkmini/mkmini/core/toolchain/hostcheck"
	"github.com/mkmini/mkmini/core/toolchain/image"
	"github.com/mkmini/mkmini/core/toolchain/unpacked"
	"github.com/mkmini/mkmini/plugins/sdk"
)

var platform = v1.Platform{OS: "linux", Architecture: runtime.GOARCH}

func provider(t *testing.T) *image.Provider {
	t.Helper()
	st, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	this, err := hostcheck.This()
	if err != nil {
		t.Fatal(err)
	}
	return &image.Provider{
		Keeper: &unpacked.Keeper{Store: st}, Blobs: st.Sub("sources"), Names: st.Sub("images"), Host: this,
		Reader: &oci.Reader{Platform: platform, Fetcher: source.Fetcher{Retry: source.Retry{Base: time.Millisecond, Attempts: 1, Quick: 1}}},
	}
}

// content is what a layer holds: files by name, or links to "-> TARGET".
type content map[string]string

func layer(t *testing.T, files content) v1.Layer {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for name, body := range files {
		h := &tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(body))}
		if target, ok := strings.CutPrefix(body, "-> "); ok {
			h.Typeflag, h.Linkname, h.Size, body = tar.TypeSymlink, target, 0, ""
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return layerOf(t, b.Bytes())
}

func layerOf(t *testing.T, data []byte) v1.Layer {
	t.Helper()
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil })
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func imageOf(t *testing.T, path string, layers ...v1.Layer) v1.Image {
	t.Helper()
	i, err := mutate.AppendLayers(empty.Image, layers...)
	if err != nil {
		t.Fatal(err)
	}
	config, err := i.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = platform.OS, platform.Architecture
	if path != "" {
		config.Config.Env = []string{"PATH=" + path}
	}
	if i, err = mutate.ConfigFile(i, config); err != nil {
		t.Fatal(err)
	}
	return i
}

func layoutOf(t *testing.T, i v1.Image) string {
	t.Helper()
	dir := t.TempDir()
	if _, err := layout.Write(dir, mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: i})); err != nil {
		t.Fatal(err)
	}
	return dir
}

func atPath(path string) config.From {
	return config.From{Kind: "oci", OCI: &config.OCI{Image: path, Path: true}}
}

func inRegistry(ref string) config.From {
	return config.From{Kind: "oci", OCI: &config.OCI{Image: ref}}
}

// below returns a folder relative to the tree of the store that it is in.
func below(t *testing.T, p *image.Provider, dir string) string {
	t.Helper()
	name, err := filepath.Rel(p.Keeper.Store.Path(""), dir)
	if err != nil {
		t.Fatal(err)
	}
	_, name, _ = strings.Cut(name, "/tree/")
	return name
}

var info = sdk.ToolchainInfo{Arch: "aarch64", Triplets: []string{"aarch64-linux-gnu"}}

func TestFolders(t *testing.T) {
	other := content{"usr/bin/mips-linux-gnu-gcc": "#!/bin/sh\n"}
	cross := content{"opt/cross/bin/aarch64-linux-gnu-gcc": "#!/bin/sh\n"}
	odd := content{"srv/tools/mycc-gcc": "#!/bin/sh\n", "usr/bin/x": ""}
	tests := []struct {
		name, path, bin, prefix, want string
		layers                        []content
	}{
		{"usr/bin", "", "", "", "usr/bin", []content{{"usr/bin/aarch64-linux-gnu-gcc": "#!/bin/sh\n"}}},
		{"the image's PATH, and the right one", "/usr/bin:/opt/cross/bin", "", "", "opt/cross/bin", []content{other, cross}},
		{"bin", "", "srv/tools", "", "srv/tools", []content{odd}},
		{"prefix", "/usr/bin:/srv/tools", "", "mycc-", "srv/tools", []content{odd, other}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var layers []v1.Layer
			for _, files := range test.layers {
				layers = append(layers, layer(t, files))
			}
			p := provider(t)
			from := atPath(layoutOf(t, imageOf(t, test.path, layers...)))
			from.OCI.Bin, from.Prefix = test.bin, test.prefix
			dir, err := p.Provide(t.Context(), info, from, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := below(t, p, dir); got != test.want {
				t.Errorf("folder %s, want %s", got, test.want)
			}
		})
	}
}

func TestRegistryOnce(t *testing.T) {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	push := func(i v1.Image) string {
		ref, err := name.ParseReference(host + "/tools/gcc:12")
		if err == nil {
			err = remote.Write(ref, i)
		}
		if err != nil {
			t.Fatal(err)
		}
		h, err := i.Digest()
		if err != nil {
			t.Fatal(err)
		}
		return h.String()
	}
	first := push(imageOf(t, "", layer(t, content{"usr/bin/aarch64-linux-gnu-gcc": "#!/bin/sh\n"})))
	p := provider(t)
	tag, digest := inRegistry(host+"/tools/gcc:12"), inRegistry(host+"/tools/gcc@"+first)
	dir, err := p.Provide(t.Context(), info, tag, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"digest": first}, p.Pins(tag, dir)); diff != "" {
		t.Errorf("pins (-want +got):\n%s", diff)
	}
	if same, err := p.Provide(t.Context(), info, digest, nil); err != nil || same != dir {
		t.Errorf("by digest it is in %s (%v), by tag in %s", same, err, dir)
	}
	second := push(imageOf(t, "", layer(t, content{"usr/local/bin/aarch64-linux-gnu-gcc": "#!/bin/sh\n"})))
	if same, err := p.Provide(t.Context(), info, tag, nil); err != nil || same != dir {
		t.Errorf("once the tag has moved it is in %s (%v), before in %s", same, err, dir)
	}
	p.Reader.Fetcher.Offline = true
	for _, from := range []config.From{tag, digest} {
		if same, err := p.Provide(t.Context(), info, from, nil); err != nil || same != dir {
			t.Errorf("offline it is in %s (%v), before in %s", same, err, dir)
		}
	}
	if err := os.RemoveAll(filepath.Dir(filepath.Dir(filepath.Dir(dir)))); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Provide(t.Context(), info, tag, nil); err == nil || !strings.Contains(err.Error(), "the network is off") {
		t.Errorf("removed and offline: %v", err)
	}
	p.Reader.Fetcher.Offline = false
	dir, err = p.Provide(t.Context(), info, tag, nil)
	if err != nil || p.Pins(tag, dir)["digest"] != second {
		t.Errorf("removed, it is %s (%v)", p.Pins(tag, dir), err)
	}
}

func TestRefuses(t *testing.T) {
	foreign := bytes.Clone(program(t))
	foreign[18], foreign[19] = 0x16, 0x99
	other := layoutOf(t, imageOf(t, "", layer(t, content{"usr/bin/mips-linux-gnu-gcc": "x"})))
	none := layoutOf(t, imageOf(t, "", layer(t, content{"etc/passwd": ""})))
	tests := []struct {
		name string
		from config.From
		want string
	}{
		{"not set", config.From{Kind: "oci", OCI: &config.OCI{}}, "image is not set"},
		{"nothing there", atPath("/nonexistent"), "there is no /nonexistent"},
		{"no compiler", atPath(none), "it holds no compiler at all, and at its top etc"},
		{"another compiler", prefixed(atPath(other), "aarch64-linux-gnu-"), "no compiler for aarch64 is in it: it holds usr/bin/mips-linux-gnu-gcc"},
		{"another processor", atPath(layoutOf(t, imageOf(t, "", layer(t, content{"usr/bin/aarch64-linux-gnu-gcc": string(foreign)})))), "a program for sw64, and this machine is "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := provider(t)
			_, err := p.Provide(t.Context(), info, test.from, nil)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func prefixed(from config.From, prefix string) config.From {
	from.Prefix = prefix
	return from
}

func TestCancel(t *testing.T) {
	stop := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stop)
	from := atPath(layoutOf(t, imageOf(t, "", layer(t, content{"usr/bin/aarch64-linux-gnu-gcc": ""}))))
	if _, err := provider(t).Provide(ctx, info, from, nil); !errors.Is(err, stop) {
		t.Errorf("got %v, want the cause of the context", err)
	}
}

// program returns a program of this machine that prints its arguments, its
// own name first.
func program(t *testing.T) []byte {
	t.Helper()
	gcc := testenv.Tool(t, "gcc", "gcc")
	dir := t.TempDir()
	code := "#include <stdio.h>\nint main(int n, char **v) { for (int i = 0; i < n; i++) printf(\"[%s]\", v[i]); return puts(\"\") < 0; }\n"
	if err := os.WriteFile(filepath.Join(dir, "a.c"), []byte(code), 0o644); err != nil {
		t.Fatal(err)
	}
	testenv.Output(t, gcc, "-o", filepath.Join(dir, "a"), filepath.Join(dir, "a.c"))
	data, err := os.ReadFile(filepath.Join(dir, "a"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// system returns the dynamic linker and the C library that a program of this
// machine uses, as they are in an image, with a linker by another name: one
// that this machine doesn't have.
func system(t *testing.T, data []byte) (content, []byte) {
	t.Helper()
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	loader := hostcheck.Interpreter(f)
	other := strings.Replace(loader, "ld-linux", "ld-imgux", 1)
	if other == loader {
		testenv.Skip(t, "the dynamic linker %s has an odd name", loader)
	}
	files := content{other[1:]: "-> /usr/lib/loader.so"}
	files["usr/lib/loader.so"] = read(t, loader)
	libc := strings.Fields(testenv.Output(t, "sh", "-c", "ldd $(command -v sh) | grep libc.so.6"))
	files["usr/lib/libc.so.6"] = read(t, libc[2])
	return files, bytes.ReplaceAll(data, []byte(loader), []byte(other))
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestPrograms runs programs of an image whose dynamic linker this machine
// doesn't have, by all the names that they have.
func TestPrograms(t *testing.T) {
	files, data := system(t, program(t))
	files["usr/bin/aarch64-linux-gnu-gcc"] = string(data)
	files["usr/bin/cc"] = "-> /etc/alternatives/cc"
	files["etc/alternatives/cc"] = "-> /usr/bin/aarch64-linux-gnu-gcc"
	files["usr/bin/same"] = "-> aarch64-linux-gnu-gcc"
	files["bin"] = "-> usr/bin"
	files["opt/a dir/x"] = "-> /usr/bin/aarch64-linux-gnu-gcc"
	p := provider(t)
	dir, err := p.Provide(t.Context(), info, atPath(layoutOf(t, imageOf(t, "", layer(t, files)))), nil)
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Dir(filepath.Dir(dir))
	moved := filepath.Join(t.TempDir(), "moved")
	if err := os.Rename(root, moved); err != nil {
		t.Fatal(err)
	}
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.Symlink(filepath.Join(moved, "usr/bin/aarch64-linux-gnu-gcc"), outside); err != nil {
		t.Fatal(err)
	}
	names := []string{outside}
	for _, name := range []string{"usr/bin/aarch64-linux-gnu-gcc", "bin/aarch64-linux-gnu-gcc", "usr/bin/cc", "bin/cc", "usr/bin/same", "etc/alternatives/cc", "opt/a dir/x"} {
		names = append(names, filepath.Join(moved, name))
	}
	for _, path := range names {
		got, err := exec.CommandContext(t.Context(), path, "a b", "", "$c").Output()
		if want := "[" + path + "][a b][][$c]\n"; err != nil || string(got) != want {
			t.Errorf("%s prints %q (%v), want %q", path, got, err, want)
		}
	}
}

// TestProgramsDiffer looks whether two compilers in images are told from each
// other by the files that stand for them.
func TestProgramsDiffer(t *testing.T) {
	files, data := system(t, program(t))
	var scripts []string
	for _, extra := range []string{"", "x", ""} {
		files["usr/bin/aarch64-linux-gnu-gcc"] = string(data) + extra
		dir, err := provider(t).Provide(t.Context(), info, atPath(layoutOf(t, imageOf(t, "", layer(t, files)))), nil)
		if err != nil {
			t.Fatal(err)
		}
		scripts = append(scripts, read(t, filepath.Join(dir, "aarch64-linux-gnu-gcc")))
	}
	if scripts[0] == scripts[1] || scripts[0] != scripts[2] {
		t.Errorf("scripts: %q", scripts)
	}
}

// TestRealCompiler packs the cross compiler of this machine into an image, and
// compiles with it.
func TestRealCompiler(t *testing.T) {
	if testing.Short() {
		t.Skip("packs a whole compiler")
	}
	cc := testenv.Tool(t, "aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu")
	qemu := testenv.Tool(t, "qemu-aarch64-static", "qemu-user-static")
	p := provider(t)
	start := time.Now()
	data := packCompiler(t, cc)
	t.Logf("packed %d MB in %v", len(data)>>20, time.Since(start).Round(time.Millisecond))
	archive := filepath.Join(t.TempDir(), "image.tar")
	ref, err := name.NewTag("tools/gcc:12")
	if err == nil {
		err = tarball.WriteToFile(archive, ref, imageOf(t, "", layerOf(t, data)))
	}
	if err != nil {
		t.Fatal(err)
	}
	start = time.Now()
	dir, err := p.Provide(t.Context(), info, atPath(archive), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("provided in %v", time.Since(start).Round(time.Millisecond))
	cc = filepath.Join(dir, "aarch64-linux-gnu-gcc")
	work := t.TempDir()
	code := "#include <stdio.h>\n#include <linux/types.h>\nint main(void) { return puts(\"hello\") < 0; }\n"
	if err := os.WriteFile(filepath.Join(work, "a.c"), []byte(code), 0o644); err != nil {
		t.Fatal(err)
	}
	tree := filepath.Dir(filepath.Dir(dir))
	for _, mode := range []string{"-static", "-no-pie"} {
		start = time.Now()
		out := testenv.Output(t, cc, mode, "-O2", "-Wl,--trace", "-o", filepath.Join(work, "a"), filepath.Join(work, "a.c"))
		t.Logf("compiled with %s in %v", mode, time.Since(start).Round(time.Millisecond))
		out += testenv.Output(t, cc, mode, "-M", filepath.Join(work, "a.c"))
		within := 0
		for _, file := range strings.Fields(out) {
			switch {
			case strings.HasPrefix(file, tree):
				within++
			case filepath.IsAbs(file) && !strings.HasPrefix(file, os.TempDir()):
				t.Errorf("with %s it reads %s of this machine", mode, file)
			}
		}
		if within < 20 {
			t.Errorf("with %s it reads %d files of the image:\n%s", mode, within, out)
		}
		got := testenv.Output(t, qemu, "-L", filepath.Join(tree, "usr/aarch64-linux-gnu"), filepath.Join(work, "a"))
		if got != "hello\n" {
			t.Errorf("with %s it prints %q", mode, got)
		}
	}
	for _, tool := range []string{"ld", "as", "ar", "nm", "strip", "objcopy"} {
		testenv.Output(t, filepath.Join(dir, "aarch64-linux-gnu-"+tool), "--version")
	}
}

// packCompiler packs a cross compiler with the libraries that its programs
// need.
func packCompiler(t *testing.T, cc string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	seen := map[string]bool{}
	put := func(path string) {
		if seen[path] {
			return
		}
		seen[path] = true
		info, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		target := ""
		if info.Mode()&fs.ModeSymlink != 0 {
			if target, err = os.Readlink(path); err != nil {
				t.Fatal(err)
			}
		}
		h, err := tar.FileInfoHeader(info, target)
		if err != nil {
			t.Fatal(err)
		}
		h.Name = path[1:]
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if info.Mode().IsRegular() {
			if _, err := io.WriteString(w, read(t, path)); err != nil {
				t.Fatal(err)
			}
		}
	}
	bins, err := filepath.Glob(filepath.Join(filepath.Dir(cc), "aarch64-linux-gnu-*"))
	if err != nil {
		t.Fatal(err)
	}
	roots := append(bins, "/usr/lib/gcc-cross/aarch64-linux-gnu", "/usr/aarch64-linux-gnu")
	var programs []string
	for _, root := range roots {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.Contains(path, "cc1plus") || strings.Contains(path, "lto1") {
				return err
			}
			put(path)
			if info, err := d.Info(); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 && !strings.Contains(path, "/usr/aarch64") {
				programs = append(programs, path)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	// What isn't a program for this machine makes ldd fail, and has nothing.
	out, _ := exec.CommandContext(t.Context(), "ldd", programs...).Output()
	for _, field := range strings.Fields(string(out)) {
		if filepath.IsAbs(field) && strings.Contains(field, ".so") {
			real, err := filepath.EvalSymlinks(field)
			if err != nil {
				t.Fatal(err)
			}
			put(real)
			if real != field && !seen[field] {
				seen[field] = true
				if err := w.WriteHeader(&tar.Header{Name: field[1:], Typeflag: tar.TypeSymlink, Linkname: real}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
