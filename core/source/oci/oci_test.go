package oci_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
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
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/mkmini/mkmini/core/source"
	"github.com/mkmini/mkmini/core/source/oci"
)

var amd64 = v1.Platform{OS: "linux", Architecture: "amd64"}

// layer returns a layer of files by name.
func layer(t *testing.T, files ...string) v1.Layer {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(name))}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, name); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// image returns one of two layers.
func image(t *testing.T, arch string) v1.Image {
	t.Helper()
	i, err := mutate.AppendLayers(empty.Image, layer(t, "usr/bin/x-gcc", "usr/bin/gone"), layer(t, "usr/bin/.wh.gone", "usr/bin/for-"+arch))
	if err != nil {
		t.Fatal(err)
	}
	config, err := i.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", arch
	config.Config.Env = []string{"CC=x-gcc", "PATH=/opt/cross/bin:/usr/bin:/../etc"}
	if i, err = mutate.ConfigFile(i, config); err != nil {
		t.Fatal(err)
	}
	return i
}

// index returns one of images for several platforms, and of evidence of their
// build.
func index(t *testing.T, archs ...string) v1.ImageIndex {
	t.Helper()
	idx := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, arch := range archs {
		idx = mutate.AppendManifests(idx, mutate.IndexAddendum{Add: image(t, arch), Descriptor: v1.Descriptor{
			Platform: &v1.Platform{OS: "linux", Architecture: arch},
		}})
	}
	return mutate.AppendManifests(idx, mutate.IndexAddendum{Add: empty.Image, Descriptor: v1.Descriptor{
		Platform: &v1.Platform{OS: "unknown", Architecture: "unknown"},
	}})
}

var content = []string{"usr/bin/for-amd64", "usr/bin/x-gcc"}

// files returns the files of a folder.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, _ := filepath.Rel(dir, path)
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// server is a registry on this machine.
type server struct {
	*httptest.Server
	host string
	// before may answer a request in the registry's place.
	before func(w http.ResponseWriter, r *http.Request) bool

	mu       sync.Mutex
	requests []string
}

// asked returns the paths of all requests since it was last called.
func (s *server) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.requests
	s.requests = nil
	return asked
}

func serve(t *testing.T) *server {
	t.Helper()
	s := &server{}
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests = append(s.requests, r.URL.Path)
		s.mu.Unlock()
		if s.before == nil || !s.before(w, r) {
			inner.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	s.host = u.Host
	return s
}

func (s *server) push(t *testing.T, ref string, what remote.Taggable) string {
	t.Helper()
	tag, err := name.ParseReference(s.host + "/" + ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Push(tag, what); err != nil {
		t.Fatal(err)
	}
	return tag.String()
}

func reader() *oci.Reader {
	return &oci.Reader{
		Fetcher:  source.Fetcher{Retry: source.Retry{Base: time.Millisecond, Attempts: 1, Quick: 1, Connect: 5 * time.Second}},
		Platform: amd64,
	}
}

// unpack unpacks an image and returns its files.
func unpack(t *testing.T, i *oci.Image) ([]string, []string) {
	t.Helper()
	dst := filepath.Join(t.TempDir(), "dst")
	_, folders, err := i.Unpack(t.Context(), dst, source.Limits{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return files(t, dst), folders
}

func TestRegistry(t *testing.T) {
	s := serve(t)
	img := image(t, "amd64")
	want, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	idx := index(t, "arm64", "amd64")
	idxDigest, err := idx.Digest()
	if err != nil {
		t.Fatal(err)
	}
	single := s.push(t, "tools/gcc:12", img)
	multi := s.push(t, "tools/multi:12", idx)
	s.asked()
	blobs := t.TempDir()
	for _, ref := range []string{
		single, multi, s.host + "/tools/gcc@" + want.String(), s.host + "/tools/multi@" + idxDigest.String(), "localhost:" + strings.Split(s.host, ":")[1] + "/tools/gcc:12",
	} {
		i, err := reader().Registry(t.Context(), ref, blobs)
		if err != nil {
			t.Fatalf("%s: %v", ref, err)
		}
		if i.Digest != want.String() {
			t.Errorf("%s: digest %s, want %s", ref, i.Digest, want)
		}
		got, folders := unpack(t, i)
		if diff := cmp.Diff(content, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", ref, diff)
		}
		if diff := cmp.Diff([]string{"opt/cross/bin", "usr/bin"}, folders); diff != "" {
			t.Errorf("%s: folders (-want +got):\n%s", ref, diff)
		}
	}
	fetched := 0
	asked := s.asked()
	for _, path := range asked {
		if strings.Contains(path, "/blobs/sha256:") {
			fetched++
		}
	}
	if fetched != 3 {
		t.Errorf("%d requests for a configuration and two layers:\n%s", fetched, strings.Join(asked, "\n"))
	}
}

func TestRegistryRefuses(t *testing.T) {
	s := serve(t)
	single, arm := s.push(t, "tools/gcc:12", image(t, "amd64")), s.push(t, "tools/arm:12", image(t, "arm64"))
	multi := s.push(t, "tools/multi:12", index(t, "arm64", "riscv64"))
	layers, err := image(t, "amd64").Layers()
	if err != nil {
		t.Fatal(err)
	}
	digest, err := layers[1].Digest()
	if err != nil {
		t.Fatal(err)
	}
	isLayer := func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, digest.String()) }
	tests := []struct {
		name, ref string
		change    func(*oci.Reader)
		before    func(w http.ResponseWriter, r *http.Request) bool
		want      []string
	}{
		{"no such tag", s.host + "/tools/gcc:13", nil, nil, []string{"has no image", "tools/gcc:13"}},
		{"no such image", s.host + "/none@sha256:" + strings.Repeat("0", 64), nil, nil, []string{"has no image"}},
		{"another platform", arm, nil, nil, []string{"it is for linux/arm64, and this machine is linux/amd64"}},
		{"other platforms", multi, nil, nil, []string{"it is for linux/arm64, linux/riscv64, and this machine is linux/amd64"}},
		{"no name", "A:B:C", nil, nil, []string{"is no name of an image"}},
		{"offline", single, func(r *oci.Reader) { r.Fetcher.Offline = true }, nil, []string{"was not unpacked before, and the network is off"}},
		{"no access", single, nil, func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(http.StatusUnauthorized)
			return true
		}, []string{"gives no access to", "docker login " + s.host}},
		{"another manifest", single[:strings.LastIndex(single, ":")] + "@sha256:" + strings.Repeat("1", 64), nil, func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, "/manifests/") {
				return false
			}
			w.Header().Set("Content-Type", string(types.DockerManifestSchema2))
			w.Write([]byte(`{"schemaVersion":2}`))
			return true
		}, []string{"does not match"}},
		{"a wrong layer", single, nil, func(w http.ResponseWriter, r *http.Request) bool {
			if isLayer(r) {
				w.Write([]byte("something else"))
			}
			return isLayer(r)
		}, []string{"has the sha256"}},
		{"a layer that breaks off", single, nil, func(w http.ResponseWriter, r *http.Request) bool {
			if isLayer(r) {
				w.Header().Set("Content-Length", "1000")
				w.Write([]byte("a few bytes"))
			}
			return isLayer(r)
		}, []string{"breaks off after 11 of 1000 bytes"}},
		{"no layer", single, nil, func(w http.ResponseWriter, r *http.Request) bool {
			if isLayer(r) {
				http.NotFound(w, r)
			}
			return isLayer(r)
		}, []string{"404 Not Found"}},
		{"unreachable", "127.0.0.1:1/tools/gcc:12", nil, nil, []string{"127.0.0.1:1 can't be reached"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s.before = test.before
			r := reader()
			if test.change != nil {
				test.change(r)
			}
			i, err := r.Registry(t.Context(), test.ref, t.TempDir())
			dst := filepath.Join(t.TempDir(), "dst")
			if err == nil {
				_, _, err = i.Unpack(t.Context(), dst, source.Limits{}, nil)
			}
			for _, want := range test.want {
				if err == nil || !strings.Contains(errorText(err), want) {
					t.Errorf("got %v, want %q", err, want)
				}
			}
			if _, err := os.Lstat(dst); !os.IsNotExist(err) {
				t.Errorf("something was unpacked: %v", err)
			}
		})
	}
}

// errorText returns an error with all that is below it.
func errorText(err error) string {
	text := err.Error()
	for err = errors.Unwrap(err); err != nil; err = errors.Unwrap(err) {
		text += "\n" + err.Error()
	}
	return text
}

// TestPlainHTTP looks whether a registry without TLS is refused if it is not
// on this machine, without a word to it.
func TestPlainHTTP(t *testing.T) {
	s := serve(t)
	r := reader()
	r.Transport = plainOnly{s.Client().Transport, s.host}
	s.asked()
	_, err := r.Registry(t.Context(), "10.1.2.3:5000/tools/gcc:12", t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "plain http") {
		t.Errorf("got %v", err)
	}
	if asked := s.asked(); len(asked) > 0 {
		t.Errorf("it was asked: %q", asked)
	}
}

// plainOnly fails for https, and asks one server whatever the host.
type plainOnly struct {
	http.RoundTripper
	host string
}

func (p plainOnly) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme == "https" {
		return nil, errors.New("no TLS here")
	}
	r = r.Clone(r.Context())
	r.URL.Host = p.host
	return p.RoundTripper.RoundTrip(r)
}

// TestLogin uses the credentials of docker's configuration, as Basic and for
// a token.
func TestLogin(t *testing.T) {
	auth := base64.StdEncoding.EncodeToString([]byte("ann:s3cret"))
	for _, scheme := range []string{"Basic", "Bearer"} {
		t.Run(scheme, func(t *testing.T) {
			s := serve(t)
			ref := s.push(t, "tools/gcc:12", image(t, "amd64"))
			s.before = func(w http.ResponseWriter, r *http.Request) bool {
				got := r.Header.Get("Authorization")
				switch {
				case r.URL.Path == "/token" && got == "Basic "+auth:
					json.NewEncoder(w).Encode(map[string]string{"token": "t0ken"})
				case got == "Basic "+auth && scheme == "Basic", got == "Bearer t0ken" && scheme == "Bearer":
					return false
				default:
					w.Header().Set("WWW-Authenticate", fmt.Sprintf(`%s realm="%s/token",service="x"`, scheme, s.URL))
					w.WriteHeader(http.StatusUnauthorized)
				}
				return true
			}
			home := t.TempDir()
			t.Setenv("HOME", home)
			t.Setenv("DOCKER_CONFIG", home)
			t.Setenv("XDG_RUNTIME_DIR", home)
			t.Setenv("XDG_CONFIG_HOME", home)
			if _, err := reader().Registry(t.Context(), ref, t.TempDir()); err == nil || !strings.Contains(err.Error(), "docker login") {
				t.Errorf("without credentials: %v", err)
			}
			config := fmt.Sprintf(`{"auths": {%q: {"auth": %q}}}`, s.host, auth)
			if err := os.WriteFile(filepath.Join(home, "config.json"), []byte(config), 0o600); err != nil {
				t.Fatal(err)
			}
			i, err := reader().Registry(t.Context(), ref, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			if got, _ := unpack(t, i); !slices.Equal(got, content) {
				t.Errorf("unpacked %q", got)
			}
		})
	}
}

func TestRegistryCancel(t *testing.T) {
	s := serve(t)
	ref := s.push(t, "tools/gcc:12", image(t, "amd64"))
	stop := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stop)
	if _, err := reader().Registry(ctx, ref, t.TempDir()); !errors.Is(err, stop) {
		t.Errorf("got %v, want the cause of the context", err)
	}
}

// tarFolder packs a folder.
func tarFolder(t *testing.T, dir string) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.AddFS(os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "image.oci.tar")
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// layoutOf writes an OCI layout.
func layoutOf(t *testing.T, idx v1.ImageIndex) string {
	t.Helper()
	dir := t.TempDir()
	if _, err := layout.Write(dir, idx); err != nil {
		t.Fatal(err)
	}
	return dir
}

// save writes what docker save does.
func save(t *testing.T, images ...v1.Image) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image.tar")
	refs := map[name.Reference]v1.Image{}
	for i, img := range images {
		ref, err := name.ParseReference(fmt.Sprintf("tools/gcc:%d", i))
		if err != nil {
			t.Fatal(err)
		}
		refs[ref] = img
	}
	if err := tarball.MultiRefWriteToFile(path, refs); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPath(t *testing.T) {
	img := image(t, "amd64")
	manifest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	dir := layoutOf(t, index(t, "arm64", "amd64"))
	nested := layoutOf(t, mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: index(t, "amd64")}))
	for path, want := range map[string]v1.Hash{
		dir: manifest, tarFolder(t, dir): manifest, nested: manifest, save(t, img): config,
	} {
		i, err := reader().Path(t.Context(), path, filepath.Join(t.TempDir(), "work"))
		if err != nil {
			t.Fatal(err)
		}
		if i.Digest != want.String() {
			t.Errorf("%s: digest %s, want %s", path, i.Digest, want)
		}
		if got, _ := unpack(t, i); !slices.Equal(got, content) {
			t.Errorf("%s: unpacked %q", path, got)
		}
	}
}

func TestPathRefuses(t *testing.T) {
	img := image(t, "amd64")
	damage := func(blob func(v1.Image) (v1.Hash, error)) string {
		dir := layoutOf(t, index(t, "amd64"))
		h, err := blob(img)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "blobs/sha256", h.Hex)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		data[len(data)/2] ^= 0x20
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, path, want string }{
		{"nothing", "/nonexistent", "there is no /nonexistent"},
		{"an empty folder", t.TempDir(), "neither an OCI layout nor what docker save writes"},
		{"no archive", text, "cannot be unpacked"},
		{"another platform", layoutOf(t, index(t, "arm64")), "it is for linux/arm64, and this machine is linux/amd64"},
		{"another platform, saved", save(t, image(t, "arm64")), "it is for linux/arm64, and this machine is linux/amd64"},
		{"no image", layoutOf(t, empty.Index), "it holds no image"},
		{"two images", layoutOf(t, mutate.AppendManifests(index(t, "amd64"), mutate.IndexAddendum{Add: image(t, "riscv64")})), "it holds 2 images for linux/amd64"},
		{"two images, saved", save(t, img, image(t, "arm64")), "it holds 2 images"},
		{"a damaged manifest", damage(v1.Image.Digest), "a manifest has the digest"},
		{"a damaged configuration", damage(v1.Image.ConfigName), "its configuration has the digest"},
		{"a damaged layer", damage(func(i v1.Image) (v1.Hash, error) {
			layers, err := i.Layers()
			if err != nil {
				return v1.Hash{}, err
			}
			return layers[0].Digest()
		}), "cannot be unpacked"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			i, err := reader().Path(t.Context(), test.path, filepath.Join(t.TempDir(), "work"))
			if err == nil {
				_, _, err = i.Unpack(t.Context(), filepath.Join(t.TempDir(), "dst"), source.Limits{}, nil)
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// FuzzIndex reads any index and manifest.
func FuzzIndex(f *testing.F) {
	f.Add([]byte(`{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"sha256:`+strings.Repeat("0", 64)+`","size":2}]}`), []byte(`{}`))
	f.Add([]byte(`{"manifests":[{}]}`), []byte(`[{"Config":"../x","Layers":["/etc/passwd"]}]`))
	f.Fuzz(func(t *testing.T, index, manifest []byte) {
		for _, files := range []map[string][]byte{{"index.json": index}, {"manifest.json": manifest}} {
			dir := t.TempDir()
			for name, data := range files {
				if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			i, err := reader().Path(t.Context(), dir, "")
			if err != nil {
				continue
			}
			if _, _, err := i.Unpack(t.Context(), filepath.Join(t.TempDir(), "dst"), source.Limits{}, nil); err == nil {
				t.Error("an image without layers was unpacked")
			}
		}
	})
}
