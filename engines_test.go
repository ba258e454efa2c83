package main_test

import (
	"archive/tar"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/mkmini/mkmini/core/testenv"
	"github.com/mkmini/mkmini/plugins/docker"
	"github.com/mkmini/mkmini/plugins/image"
	"github.com/mkmini/mkmini/plugins/layer/layertest"
	"github.com/mkmini/mkmini/plugins/oci"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// artifact exports an image.
func artifact(t *testing.T, exporter sdk.Exporter, img sdk.Image, attributes map[string]any) string {
	t.Helper()
	path, _ := layertest.Export(t, exporter, layertest.Request(t, []sdk.Image{img}, attributes))
	return path
}

// TestContainerd imports images of one layer and of three, in all forms, for a
// platform that it knows and for one that it doesn't, and looks at the files.
func TestContainerd(t *testing.T) {
	t.Parallel()
	containerd := testenv.StartContainerd(t)
	for _, one := range layertest.Images(t) {
		three := layertest.Split(t, one, 0)
		whole := three
		whole.Layers = nil
		platform := one.Platform.String()
		var want map[string]string
		for i, path := range []string{
			artifact(t, docker.New(), whole, nil), artifact(t, docker.New(), three, nil),
			artifact(t, oci.New(), three, map[string]any{"archive": true}),
			artifact(t, oci.New(), three, map[string]any{"archive": true, "compression": "zstd"}),
			artifact(t, oci.New(), three, map[string]any{"archive": true, "compression": "none"}),
		} {
			t.Run(fmt.Sprint(one.Arch, i), func(t *testing.T) {
				containerd.Run(t, "image", "import", "--snapshotter", "native", "--platform", platform, path)
				name := "docker.io/library/minios:latest"
				if got := containerd.Run(t, "image", "check", "--snapshotter", "native", "name=="+name); !strings.Contains(got, "complete") {
					t.Errorf("containerd says: %s", got)
				}
				got := layertest.Tree(t, containerd.Mount(t, name, platform))
				if i == 0 {
					want = got
				}
				if diff := cmp.Diff(want, got); diff != "" || len(got) < len(layertest.Headers()) {
					t.Errorf("%d names (-first +this):\n%s", len(got), diff)
				}
			})
		}
	}
}

// TestContainerdIndex imports an index over three platforms, and takes each.
func TestContainerdIndex(t *testing.T) {
	t.Parallel()
	containerd := testenv.StartContainerd(t)
	images := layertest.Images(t)
	for i, img := range images {
		images[i] = layertest.Split(t, img, i)
	}
	path, _ := layertest.Export(t, oci.New(), layertest.Request(t, images, map[string]any{"archive": true}))
	containerd.Run(t, "image", "import", "--snapshotter", "native", "--all-platforms", path)
	for i, img := range images {
		dir := containerd.Mount(t, "docker.io/library/minios:latest", img.Platform.String())
		info, err := os.Stat(filepath.Join(dir, "srv/program"))
		if err != nil || info.Size() != 70_000+int64(i) {
			t.Errorf("%s: %v %v", img.Arch, info, err)
		}
	}
}

// TestOldDocker loads images of three layers, compressed in all ways, for
// platforms that docker knows and for one that it doesn't, and compares what a
// container has with the whole.
func TestOldDocker(t *testing.T) {
	t.Parallel()
	engine := testenv.Docker(t)
	images := layertest.Images(t)
	for i, how := range image.Compressions() {
		one := images[i]
		three := layertest.Split(t, one, 0)
		engine.Run(t, "load", "--input", artifact(t, docker.New(), three, map[string]any{"compression": how}))
		got := engine.Run(t, "image", "inspect", "--format", "{{.Architecture}} {{range .RootFS.Layers}}{{.}} {{end}}", "minios:latest")
		want := one.Platform.Architecture + " "
		for _, l := range three.Layers {
			want += l.Digest + " "
		}
		if got != want+"\n" {
			t.Errorf("docker has %s, not %s", got, want)
		}
		history := engine.Run(t, "history", "--format", "{{.CreatedBy}}", "minios:latest")
		if history != "mkmini app\nmkmini devices\nmkmini base\n" {
			t.Errorf("history: %s", history)
		}
		exported := filepath.Join(t.TempDir(), "export.tar")
		engine.Run(t, "create", "--name", one.Arch, "minios:latest")
		engine.Run(t, "export", "--output", exported, one.Arch)
		in := entries(t, three.Layer)
		out := entries(t, exported)
		for name := range out {
			if in[name] == "" { // what docker adds
				delete(out, name)
			}
		}
		if diff := cmp.Diff(in, out); diff != "" {
			t.Errorf("the container's files (-want +got):\n%s", diff)
		}
	}
}

// TestOldDockerPulls has docker pull images from a registry: its own platform
// of an index, and layers that are compressed in all ways.
func TestOldDockerPulls(t *testing.T) {
	t.Parallel()
	engine := testenv.Docker(t)
	s := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(s.Close)
	images := layertest.Images(t)
	images[0] = layertest.Split(t, images[0], 0)
	for _, how := range image.Compressions() {
		name := strings.TrimPrefix(s.URL, "http://") + "/mini:" + how
		path, _ := layertest.Export(t, oci.New(), layertest.Request(t, images, map[string]any{"compression": how}))
		if r := (command{args: []string{"push", path, name}}).run(t); r.code != 0 {
			t.Fatal(r.stderr)
		}
		engine.Run(t, "pull", name)
		got := engine.Run(t, "image", "inspect", "--format", "{{.Architecture}} {{len .RootFS.Layers}}", name)
		if got != "amd64 3\n" {
			t.Errorf("%s: docker has %s", how, got)
		}
		engine.Run(t, "pull", "--platform", "linux/sw64", name)
		if got := engine.Run(t, "image", "inspect", "--format", "{{.Architecture}}", name); got != "sw64\n" {
			t.Errorf("%s: docker has %s", how, got)
		}
	}
}

// entries describes what is in an archive, by name. Of a hard link it says what
// it is another name of, without an order.
func entries(t *testing.T, path string) map[string]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	list := map[string]string{}
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		hash := sha256.New()
		if _, err := io.Copy(hash, r); err != nil {
			t.Fatal(err)
		}
		list[h.Name] = fmt.Sprintf("%c %o %d:%d %d:%d %s %x", h.Typeflag, h.Mode&0o7777, h.Uid, h.Gid, h.Devmajor, h.Devminor, h.Linkname, hash.Sum(nil))
	}
}
