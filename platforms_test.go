package main_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mkmini/mkmini/core/testenv"
	"github.com/mkmini/mkmini/plugins/builtin"
	"github.com/mkmini/mkmini/plugins/docker"
	"github.com/mkmini/mkmini/plugins/image"
	"github.com/mkmini/mkmini/plugins/layer/layertest"
	"github.com/mkmini/mkmini/plugins/oci"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// everyPlatform returns an image for each architecture that mkmini has, whose
// /bin/ash has a length of its own: layertest.Size and the image's number.
func everyPlatform(t *testing.T) []sdk.Image {
	t.Helper()
	var images []sdk.Image
	for _, p := range builtin.Plugins("") {
		if p.Toolchain == nil {
			continue
		}
		info, err := p.Toolchain.Describe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		headers := layertest.Headers()
		headers[1].Size += int64(len(images))
		images = append(images, layertest.Image(t, info.Arch, info.Platform, headers))
	}
	if len(images) != 12 {
		t.Fatalf("there are %d architectures", len(images))
	}
	return images
}

// TestPlatforms has programs of others pick each platform of an index over all
// architectures, arm's by its variant.
func TestPlatforms(t *testing.T) {
	t.Parallel()
	images := everyPlatform(t)
	path, _ := layertest.Export(t, oci.New(), layertest.Request(t, images, map[string]any{"archive": true}))
	t.Run("skopeo", func(t *testing.T) {
		t.Parallel()
		skopeo := testenv.Tool(t, "skopeo", "skopeo")
		for _, img := range images {
			out := testenv.Output(t, skopeo, "--override-os", "linux", "--override-arch", img.Platform.Architecture,
				"--override-variant", img.Platform.Variant, "inspect", "--config", "--raw", "oci-archive:"+path+":latest")
			var got sdk.Platform
			if err := json.Unmarshal([]byte(out), &got); err != nil || got != img.Platform {
				t.Errorf("%s: skopeo picks %+v (%v)", img.Arch, got, err)
			}
		}
	})
	t.Run("containerd", func(t *testing.T) {
		t.Parallel()
		containerd := testenv.StartContainerd(t)
		containerd.Run(t, "image", "import", "--snapshotter", "native", "--all-platforms", path)
		for i, img := range images {
			dir := containerd.Mount(t, "docker.io/library/minios:latest", img.Platform.String())
			info, err := os.Stat(filepath.Join(dir, "bin/ash"))
			if err != nil || info.Size() != layertest.Size+int64(i) {
				t.Errorf("%s: containerd picks another: %v %v", img.Arch, info, err)
			}
		}
	})
	t.Run("docker", func(t *testing.T) {
		t.Parallel()
		engine := testenv.Docker(t)
		for _, img := range images {
			tag := "minios:" + img.Arch
			engine.Run(t, "load", "--input", artifact(t, docker.New(), img, map[string]any{"tag": tag}))
			// The command that is shown after a build has a flag, or not.
			engine.Run(t, append(append([]string{"create"}, strings.Fields(image.PlatformFlag(img.Platform))...), tag)...)
			got := engine.Run(t, "image", "inspect", "--format", "{{.Os}}/{{.Architecture}}{{with .Variant}}/{{.}}{{end}}", tag)
			if got != img.Platform.String()+"\n" {
				t.Errorf("%s: docker has %s", img.Arch, got)
			}
		}
	})
}
