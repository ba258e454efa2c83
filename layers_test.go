package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/layout"

	"github.com/mkmini/mkmini/core/testenv"
	"github.com/mkmini/mkmini/plugins/layer/layertest"
)

// layered is a system of three layers; without what fills it in, of one.
const layered = `name = "layered"

variable "answer" {
  default = "1"
}

toolchain "x86_64" {
  from "host" {}
}

rootfs {
  file "/etc/motd" { content = "mini\n" }
  %[1]s
  file "/srv/data" { content = "data\n" }
  %[3]s
  %[2]s
  file "/srv/run" {
    content = "#!/bin/sh\necho ${var.answer} $(cat /srv/data /etc/motd) $(/srv/busybox id -un web)\n"
    mode    = "0755"
  }
  hardlink "/srv/busybox" { target = "/bin/busybox" }
  user "web" {}
  %[3]s
}

export "docker" { cmd = ["/srv/run"] }
export "oci" {}
export "rootfs" { format = "tar" }
`

// layersOf returns the digests of the layers of the only image in a layout.
func layersOf(t *testing.T, path string) (list []string) {
	t.Helper()
	index, err := layout.ImageIndexFromPath(path)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	img, err := index.Image(entries.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range manifest.Layers {
		list = append(list, l.Digest.String())
	}
	return list
}

// TestLayers changes a program of a system in layers: busybox isn't shipped
// again. The system is the same as in one layer, as umoci unpacks it and as
// docker runs it.
func TestLayers(t *testing.T) {
	t.Parallel()
	compilerFor(t, "x86_64")
	umoci, tar := testenv.Tool(t, "umoci", "umoci"), testenv.Tool(t, "tar", "tar")
	dir := t.TempDir()
	made := func(name, first, second, end, answer string) string {
		t.Helper()
		config, out := filepath.Join(dir, name+".hcl"), filepath.Join(dir, name)
		if err := os.WriteFile(config, fmt.Appendf(nil, layered, first, second, end), 0o644); err != nil {
			t.Fatal(err)
		}
		command{args: []string{"-c", config, "--out", out, "--var", "answer=" + answer}}.events(t)
		return out
	}
	flat := made("flat", "", "", "", "1")
	one := made("one", `layer "data" {`, `layer "app" {`, "}", "1")
	two := made("two", `layer "data" {`, `layer "app" {`, "}", "2")

	a, b := layersOf(t, filepath.Join(one, "layered.oci")), layersOf(t, filepath.Join(two, "layered.oci"))
	if len(a) != 3 || len(b) != 3 || !slices.Equal(a[:2], b[:2]) || a[2] == b[2] {
		t.Errorf("the layers are %v and %v", a, b)
	}
	whole := filepath.Join(one, "layered-x86_64.tar")
	same, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	if want, err := os.ReadFile(filepath.Join(flat, "layered-x86_64.tar")); err != nil || string(want) != string(same) {
		t.Errorf("layer blocks change the file system (%v)", err)
	}
	unpacked, bundle := filepath.Join(layertest.Folder(t), "tree"), filepath.Join(layertest.Folder(t), "bundle")
	if err := os.Mkdir(unpacked, 0o755); err != nil {
		t.Fatal(err)
	}
	testenv.Output(t, tar, "-xpf", whole, "-C", unpacked)
	args := []string{"unpack", "--image", filepath.Join(one, "layered.oci") + ":latest", bundle}
	if os.Geteuid() != 0 {
		args = append(args, "--rootless")
	}
	testenv.Output(t, umoci, args...)
	if diff := cmp.Diff(layertest.Tree(t, unpacked), layertest.Tree(t, filepath.Join(bundle, "rootfs"))); diff != "" {
		t.Errorf("umoci unpacks something else (-whole +layers):\n%s", diff)
	}
	engine := testenv.Docker(t)
	for answer, out := range map[string]string{"1": one, "2": two} {
		engine.Run(t, "load", "--input", filepath.Join(out, "layered-x86_64.docker.tar"))
		if got := engine.Run(t, "run", "--rm", "--network", "none", "layered:latest"); got != answer+" data mini 1000\n" && got != answer+" data mini web\n" {
			t.Errorf("docker runs %q", got)
		}
	}
}
