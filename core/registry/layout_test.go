package registry_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	ggcrlayout "github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/registry"
)

// TestDamaged flips a bit in each blob: none may get a name.
func TestDamaged(t *testing.T) {
	path := layout(t, 1, nil)
	blobs, err := filepath.Glob(filepath.Join(path, "blobs/sha256/*"))
	if err != nil || len(blobs) != 3 {
		t.Fatalf("%v %v", blobs, err)
	}
	for _, blob := range blobs {
		whole, err := os.ReadFile(blob)
		if err != nil {
			t.Fatal(err)
		}
		flipped := bytes.Clone(whole)
		flipped[len(flipped)/2] ^= 1
		for how, content := range map[string][]byte{"flipped": flipped, "cut": whole[:len(whole)-1], "gone": nil} {
			if err := os.WriteFile(blob, content, 0o644); err != nil {
				t.Fatal(err)
			}
			if content == nil {
				os.Remove(blob)
			}
			host := serve(t, nil)
			_, err := push(t, registry.Pusher{}, path, registry.Request{Names: []string{host + "/mini:1"}})
			if err == nil {
				t.Fatalf("%s %s: no error", how, blob)
			}
			refused(t, err, "damaged", "Export it again")
			ref, err := name.ParseReference(host + "/mini:1")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := remote.Head(ref); err == nil {
				t.Errorf("%s %s: it has a name", how, blob)
			}
		}
		if err := os.WriteFile(blob, whole, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNoLayout(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("bad/index.json", "{")
	write("empty/index.json", `{"manifests":[]}`)
	write("lost/index.json", `{"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","size":1,"digest":"sha256:`+strings.Repeat("0", 64)+`"}]}`)
	write("md5/index.json", `{"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","size":1,"digest":"md5:00"}]}`)
	for path, piece := range map[string]string{
		filepath.Join(dir, "none"): "There is no", dir: "no index.json", write("text", "hello"): "is no tar archive",
		filepath.Join(dir, "bad"): "index.json can't be read", filepath.Join(dir, "empty"): "holds no image",
		filepath.Join(dir, "lost"): "damaged", filepath.Join(dir, "md5"): "md5",
	} {
		_, err := push(t, registry.Pusher{}, path, registry.Request{Names: []string{"localhost:1/mini"}})
		if err == nil {
			t.Fatalf("%s: no error", path)
		}
		refused(t, err, piece)
	}
}

// image is a small one of go-containerregistry's making.
func image(t *testing.T) v1.Image {
	t.Helper()
	img, err := random.Image(2000, 2)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// TestForeignLayouts pushes what others made: several images without an index,
// and what docker saved before it wrote layouts.
func TestForeignLayouts(t *testing.T) {
	host := serve(t, nil)
	dir := t.TempDir()
	l, err := ggcrlayout.Write(filepath.Join(dir, "layout"), empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	tags := map[name.Tag]v1.Image{}
	for _, tag := range []string{"one", "two"} {
		img := image(t)
		if err := l.AppendImage(img, ggcrlayout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": tag})); err != nil {
			t.Fatal(err)
		}
		saved, err := name.NewTag("mini:" + tag)
		if err != nil {
			t.Fatal(err)
		}
		tags[saved] = img
	}
	if err := tarball.MultiWriteToFile(filepath.Join(dir, "saved.tar"), tags); err != nil {
		t.Fatal(err)
	}
	for file, names := range map[string][2]string{"layout": {"one", "two"}, "saved.tar": {"mini:one", "mini:two"}} {
		req := registry.Request{Names: []string{host + "/mini:1", host + "/other:2"}}
		_, err = push(t, registry.Pusher{}, filepath.Join(dir, file), req)
		refused(t, err, "several images", names[0], names[1])
		req.Image = names[1]
		done, err := push(t, registry.Pusher{}, filepath.Join(dir, file), req)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range done {
			if got := pulled(t, d.Name).String(); got != d.Digest {
				t.Errorf("%s: %s is %s", file, d.Name, got)
			}
		}
	}
	one := filepath.Join(dir, "one.tar")
	tag, err := name.NewTag("mini:one")
	if err != nil {
		t.Fatal(err)
	}
	if err := tarball.WriteToFile(one, tag, image(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := push(t, registry.Pusher{}, one, registry.Request{Names: []string{host + "/mini:3"}}); err != nil {
		t.Fatal(err)
	}
	pulled(t, host+"/mini:3")
}

// TestReferrers pushes what is about an image with it.
func TestReferrers(t *testing.T) {
	host, path := serve(t, nil), layout(t, 3, nil)
	l, err := ggcrlayout.FromPath(path)
	if err != nil {
		t.Fatal(err)
	}
	index, err := l.ImageIndex()
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	subject := manifest.Manifests[0]
	for _, about := range []v1.Descriptor{subject, {MediaType: types.OCIManifestSchema1, Size: 1, Digest: v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("1", 64)}}} {
		sbom := mutate.Subject(mutate.MediaType(mutate.ConfigMediaType(image(t), "application/spdx+json"), types.OCIManifestSchema1), about)
		if err := l.AppendImage(sbom.(v1.Image)); err != nil {
			t.Fatal(err)
		}
	}
	done, err := push(t, registry.Pusher{}, path, registry.Request{Names: []string{host + "/mini:1"}})
	if err != nil || done[0].Digest != subject.Digest.String() {
		t.Fatalf("%+v %v", done, err)
	}
	repo, err := name.NewRepository(host + "/mini")
	if err != nil {
		t.Fatal(err)
	}
	found, err := remote.Referrers(repo.Digest(done[0].Digest), remote.WithContext(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	list, err := found.IndexManifest()
	if err != nil || len(list.Manifests) != 1 || list.Manifests[0].ArtifactType != "application/spdx+json" {
		t.Errorf("%+v %v", list, err)
	}
}

// FuzzOpen feeds layouts from who knows where to everything before the network.
func FuzzOpen(f *testing.F) {
	f.Add([]byte(`{"manifests":[{"mediaType":"application/vnd.oci.image.index.v1+json","size":2,"digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"}]}`), []byte(`{}`))
	f.Add([]byte(`[{"Config":"a","RepoTags":["b:1"],"Layers":["../c"]}]`), []byte(`{"manifests":[]}`))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		for _, name := range []string{"index.json", "manifest.json"} {
			var buf bytes.Buffer
			w := tar.NewWriter(&buf)
			for name, data := range map[string][]byte{
				name: first, "blobs/sha256/44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a": second,
			} {
				if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Size: int64(len(data)), Mode: 0o644}); err != nil {
					t.Fatal(err)
				}
				if _, err := w.Write(data); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "a.tar")
			if err := os.WriteFile(path, buf.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
			// Without a name nothing is sent, but the image is chosen.
			done, err := push(t, registry.Pusher{}, path, registry.Request{})
			if _, ok := errors.AsType[*fault.Error](err); len(done) > 0 || err != nil && !ok {
				t.Fatalf("%v %v", done, err)
			}
		}
	})
}
