package oci_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"

	"github.com/mkmini/mkmini/plugins/layer/layertest"
	"github.com/mkmini/mkmini/plugins/oci"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// attach gives every image two documents.
func attach(t *testing.T, images []sdk.Image) []sdk.Image {
	t.Helper()
	for i := range images {
		for _, kind := range []string{"application/spdx+json", "application/vnd.cyclonedx+json"} {
			path := filepath.Join(t.TempDir(), "document.json")
			text := []byte(fmt.Sprintf(`{"about":%q,"as":%q}`, images[i].Arch, kind))
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
			images[i].Attachments = append(images[i].Attachments, sdk.Attachment{
				Name: images[i].Arch + ".json", ArtifactType: kind, Path: path,
				Digest: fmt.Sprintf("sha256:%x", sha256.Sum256(text)), Size: int64(len(text)),
				Annotations: map[string]string{"org.example.kind": "test"},
			})
		}
	}
	return images
}

func TestAttachmentsSameEverywhere(t *testing.T) {
	layertest.SameEverywhere(t, oci.New(), func(t *testing.T) sdk.ExportRequest {
		return layertest.Request(t, attach(t, layertest.Images(t)), nil)
	})
}

// referrers returns what an index lists about each image: the types of the
// documents with their texts, by the image's architecture.
func referrers(t *testing.T, path string) map[string][]string {
	t.Helper()
	l := layout.Path(path)
	index, err := l.ImageIndex()
	if err != nil {
		t.Fatal(err)
	}
	list, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	read := func(h v1.Hash, into any) string {
		raw, err := l.Bytes(h)
		if err != nil {
			t.Fatal(err)
		}
		if into != nil {
			if err := json.Unmarshal(raw, into); err != nil {
				t.Fatal(err)
			}
		}
		return string(raw)
	}
	found := map[string][]string{}
	for _, d := range list.Manifests {
		if d.ArtifactType == "" {
			continue
		}
		var m, image v1.Manifest
		read(d.Digest, &m)
		read(m.Subject.Digest, &image)
		var config v1.ConfigFile
		read(image.Config.Digest, &config)
		if m.Config.MediaType != "application/vnd.oci.empty.v1+json" || read(m.Config.Digest, nil) != "{}" || string(m.Config.Data) != "{}" {
			t.Errorf("the configuration is %+v", m.Config)
		}
		if d.Annotations["org.opencontainers.image.ref.name"] != "" || d.Annotations["org.example.kind"] != "test" ||
			m.Annotations["org.opencontainers.image.created"] != "1980-01-01T00:00:00Z" || m.ArtifactType != d.ArtifactType {
			t.Errorf("%+v of %+v", d, m)
		}
		found[config.Architecture] = append(found[config.Architecture], fmt.Sprintf("%s %s %s",
			m.Layers[0].MediaType, m.Layers[0].Annotations["org.opencontainers.image.title"], read(m.Layers[0].Digest, nil)))
	}
	return found
}

func TestAttachments(t *testing.T) {
	path, _ := layertest.Export(t, oci.New(), layertest.Request(t, attach(t, layertest.Images(t)), nil))
	want := map[string][]string{}
	for _, img := range layertest.Images(t) {
		for _, kind := range []string{"application/spdx+json", "application/vnd.cyclonedx+json"} {
			want[img.Platform.Architecture] = append(want[img.Platform.Architecture],
				fmt.Sprintf(`%s %s.json {"about":%q,"as":%q}`, kind, img.Arch, img.Arch, kind))
		}
	}
	if diff := cmp.Diff(want, referrers(t, path)); diff != "" {
		t.Errorf("documents (-want +got):\n%s", diff)
	}
}

// TestToolsPassAttachmentsOver reads images by name that have documents beside
// them.
func TestToolsPassAttachmentsOver(t *testing.T) {
	skopeo, umoci := layertest.Tool(t, "skopeo", "skopeo"), layertest.Tool(t, "umoci", "umoci")
	for _, archive := range []bool{false, true} {
		path, _ := layertest.Export(t, oci.New(), layertest.Request(t, attach(t, layertest.Images(t)[2:]), map[string]any{"archive": archive}))
		name := map[bool]string{false: "oci:", true: "oci-archive:"}[archive] + path + ":latest"
		if out := inspect(t, skopeo, name, "sw64"); !strings.Contains(out, `"architecture":"sw64"`) {
			t.Errorf("skopeo: %s", out)
		}
		layertest.Run(t, nil, skopeo, "--insecure-policy", "--override-arch", "sw64", "copy", "-q", name, "docker-archive:"+filepath.Join(t.TempDir(), "a.tar"))
		if archive {
			continue
		}
		if out := layertest.Run(t, nil, umoci, "ls", "--layout", path); strings.TrimSpace(out) != "latest" {
			t.Errorf("umoci lists %q", out)
		}
		layertest.Run(t, nil, umoci, "unpack", "--rootless", "--image", path+":latest", filepath.Join(layertest.Folder(t), "bundle"))
	}
}

func TestAnotherAttachmentIsSeen(t *testing.T) {
	images := attach(t, layertest.Images(t))
	if err := os.WriteFile(images[1].Attachments[1].Path, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := oci.New().Export(t.Context(), layertest.Request(t, images, nil), layertest.Progress(t))
	if err == nil || !strings.Contains(err.Error(), "has the digest") {
		t.Errorf("got %v", err)
	}
}
