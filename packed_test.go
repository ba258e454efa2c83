package main_test

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/mkmini/mkmini/core/testenv"
)

// packCompiler packs Debian's cross compiler for aarch64 into a tar archive,
// together with the libraries that its programs need, and without what C has no
// use for.
func packCompiler(t *testing.T) string {
	t.Helper()
	testenv.Tool(t, "aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu")
	tools, err := filepath.Glob("/usr/bin/aarch64-linux-gnu-*")
	if err != nil || len(tools) == 0 {
		t.Skipf("no compiler in /usr/bin: %v", err)
	}
	parts := append(tools, "/usr/lib/gcc-cross/aarch64-linux-gnu", "/usr/aarch64-linux-gnu")
	programs, err := filepath.Glob("/usr/lib/gcc-cross/aarch64-linux-gnu/*/c*1")
	if err != nil {
		t.Fatal(err)
	}
	// What isn't a program for this machine makes ldd fail, and has nothing.
	out, _ := exec.CommandContext(t.Context(), "ldd", append(programs, tools...)...).Output()
	links := map[string]bool{}
	for _, field := range strings.Fields(string(out)) {
		if !filepath.IsAbs(field) || !strings.Contains(field, ".so") || links[field] {
			continue
		}
		links[field] = true
		real, err := filepath.EvalSymlinks(field)
		if err != nil {
			t.Fatal(err)
		}
		// tar keeps /lib as the link that it is on this machine.
		if dir, err := filepath.EvalSymlinks(filepath.Dir(field)); err == nil && dir != filepath.Dir(field) && !links[filepath.Dir(field)] {
			top := "/" + strings.SplitN(field, "/", 3)[1]
			if !links[top] {
				links[top] = true
				parts = append(parts, top)
			}
			field = filepath.Join(dir, filepath.Base(field))
		}
		parts = append(parts, field, real)
	}
	list := filepath.Join(t.TempDir(), "parts")
	if err := os.WriteFile(list, []byte(strings.Join(parts, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(t.TempDir(), "compiler.tar")
	testenv.Output(t, "tar", "-P", "--transform=s,^/,,S", "--exclude=cc1plus", "--exclude=lto1", "--exclude=*san*", "--exclude=*g++*", "--exclude=*gcov*",
		"-cf", archive, "-T", list)
	return archive
}

// packed is the configuration of a compiler from a place that is filled in.
const packed = `variable "place" {}
toolchain "aarch64" {
  %s
}
busybox {
  version = "1.35.0"
  %s
  applets { only = ["echo", "uname"] }
}
export "rootfs" { format = "dir" }
`

func packedConfig(t *testing.T, from string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "packed.hcl")
	if err := os.WriteFile(path, fmt.Appendf(nil, packed, from, busyboxFile(t)), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// path returns the compiler that a configuration leads to.
func (c command) path(t *testing.T) string {
	t.Helper()
	r := c.run(t)
	cc := strings.TrimSpace(r.stdout)
	if r.code != 0 || !strings.HasSuffix(cc, "/aarch64-linux-gnu-gcc") || strings.HasPrefix(cc, "/usr/") {
		t.Fatalf("exit code %d\n%s%s", r.code, r.stdout, tail(r.stderr))
	}
	return cc
}

// TestCompilerFromArchive fetches a packed compiler from the second of two
// mirrors; then neither they nor a network are needed any more.
func TestCompilerFromArchive(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		testenv.Skip(t, "a whole compiler is packed")
	}
	archive := packCompiler(t)
	testenv.Output(t, testenv.Tool(t, "gzip", "gzip"), "-1", archive)
	archive += ".gz"
	data, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.StripPrefix("/second", http.FileServer(http.Dir(filepath.Dir(archive)))))
	defer server.Close()
	config := packedConfig(t, fmt.Sprintf("from \"archive\" {\n  urls = [\"%[1]s/first/gone.tgz\", \"%[1]s/second/compiler.tar.gz\"]\n  sha256 = \"%[2]x\"\n}",
		server.URL, sha256.Sum256(data)))
	env := []string{"MKMINI_STORE=" + filepath.Join(t.TempDir(), "store")}
	args := []string{"toolchain", "path", "-c", config, "--var", "place="}
	cc := command{args: args, env: env, plain: true}.path(t)
	server.Close()
	if again := (command{args: append(args, "--offline"), env: env, plain: true}).path(t); again != cc {
		t.Errorf("offline it is %s, not %s", again, cc)
	}
	r := command{args: []string{"plan", "-c", config, "--var", "place="}, env: env, plain: true}.run(t)
	if r.code != 0 || !strings.Contains(r.stdout, "toolchain") || strings.Contains(r.stdout, "no compiler was probed") {
		t.Errorf("plan: exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
}

// TestCompilerFromImage packs a compiler into an image. It is the same one from
// an OCI layout, from what docker save writes, and from a registry that asks
// for a password; the last one builds a busybox.
func TestCompilerFromImage(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		testenv.Skip(t, "a whole compiler is packed")
	}
	testenv.Tool(t, "make", "make")
	image := compilerImage(t, packCompiler(t))
	config := packedConfig(t, `from "oci" { image = var.place }`)
	dir := filepath.Dir(config)
	env := []string{"MKMINI_STORE=" + filepath.Join(dir, "store"), "HOME=" + dir, "DOCKER_CONFIG="}
	args := []string{"toolchain", "path", "-c", config, "--var"}

	saved, err := name.NewTag("tools/gcc:12")
	if err != nil {
		t.Fatal(err)
	}
	l, err := layout.Write(filepath.Join(dir, "layout"), empty.Index)
	if err == nil {
		err = l.AppendImage(image)
	}
	if err == nil {
		err = tarball.WriteToFile(filepath.Join(dir, "saved.tar"), saved, image)
	}
	if err != nil {
		t.Fatal(err)
	}
	command{args: append(args, "place=./layout"), env: env, plain: true}.path(t)
	command{args: append(args, "place=./saved.tar"), env: env, plain: true}.path(t)

	ref, digest := push(t, image)
	r := command{args: append(args, "place="+ref), env: env, plain: true}.run(t)
	if r.code == 0 || !strings.Contains(r.stderr, "docker login") {
		t.Errorf("without a password: exit code %d\n%s", r.code, tail(r.stderr))
	}
	login := fmt.Sprintf(`{"auths": {%q: {"auth": %q}}}`, strings.SplitN(ref, "/", 2)[0], base64.StdEncoding.EncodeToString([]byte("jo:secret")))
	if err := os.MkdirAll(filepath.Join(dir, ".docker"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".docker", "config.json"), []byte(login), 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out")
	command{args: []string{"-c", config, "--var", "place=" + ref, "--out", out}, env: env, plain: true}.events(t)
	busybox := filepath.Join(out, "mini-aarch64.dir", "bin", "busybox")
	if got := testenv.Output(t, testenv.Tool(t, "qemu-aarch64-static", "qemu-user-static"), busybox, "uname", "-m"); got != "aarch64\n" {
		t.Errorf("uname -m says %q", got)
	}
	if r := (command{args: []string{"toolchain", "list", "--json"}, env: env, plain: true}).run(t); !strings.Contains(r.stdout, fmt.Sprintf("%q: %q", "digest", digest)) {
		t.Errorf("the digest %s isn't pinned:\n%s", digest, r.stdout)
	}
}

// compilerImage is an image for this machine of one layer.
func compilerImage(t *testing.T, archive string) v1.Image {
	t.Helper()
	layer, err := tarball.LayerFromFile(archive, tarball.WithCompressionLevel(gzip.BestSpeed), tarball.WithCompressedCaching)
	if err != nil {
		t.Fatal(err)
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		t.Fatal(err)
	}
	file, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	file.OS, file.Architecture = "linux", goarch["x86_64"]
	file.Config.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin"}
	if image, err = mutate.ConfigFile(image, file); err != nil {
		t.Fatal(err)
	}
	return image
}

// push puts an image into a registry that asks for a password, and returns its
// name there and its digest.
func push(t *testing.T, image v1.Image) (ref, digest string) {
	t.Helper()
	images := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "jo" || password != "secret" {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		images.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	at, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag(at.Host + "/tools/gcc:12")
	if err == nil {
		err = remote.Write(tag, image, remote.WithAuth(&authn.Basic{Username: "jo", Password: "secret"}), remote.WithContext(t.Context()))
	}
	if err != nil {
		t.Fatal(err)
	}
	hash, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return tag.Name(), hash.String()
}
