package registry_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/mkmini/mkmini/core/registry"
	"github.com/mkmini/mkmini/plugins/layer/layertest"
	"github.com/mkmini/mkmini/plugins/oci"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// attached returns a layout over several architectures, each with an SBOM.
func attached(t *testing.T, archive bool) string {
	t.Helper()
	images := layertest.Images(t)
	for i := range images {
		path, text := filepath.Join(t.TempDir(), "sbom"), []byte(fmt.Sprintf("{\"of\":%q}", images[i].Arch))
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		images[i].Attachments = []sdk.Attachment{{
			Name: images[i].Arch + ".spdx.json", ArtifactType: "application/spdx+json", Path: path,
			Digest: fmt.Sprintf("sha256:%x", sha256.Sum256(text)), Size: int64(len(text)),
		}}
	}
	path, _ := layertest.Export(t, oci.New(), layertest.Request(t, images, map[string]any{"archive": archive}))
	return path
}

// TestAttachments pushes images with documents to a registry that knows
// referrers, and to one that doesn't, where the list is kept under a tag, and
// finds each from the image that it is about.
func TestAttachments(t *testing.T) {
	for kind, host := range map[string]func() string{
		"referrers": func() string { return serve(t, nil) },
		"tags":      func() string { return distribution(t) },
	} {
		t.Run(kind, func(t *testing.T) {
			tag, err := name.NewTag(host() + "/team/mini:1")
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second push finds all of it there
				if _, err := push(t, registry.Pusher{}, attached(t, kind == "tags"), registry.Request{Names: []string{tag.Name()}}); err != nil {
					t.Fatal(err)
				}
			}
			index, err := remote.Index(tag, remote.WithContext(t.Context()))
			if err != nil {
				t.Fatal(err)
			}
			manifest, err := index.IndexManifest()
			if err != nil {
				t.Fatal(err)
			}
			found := map[string]string{}
			for _, d := range manifest.Manifests {
				found[d.Platform.Architecture] = document(t, tag.Context(), d.Digest)
			}
			want := map[string]string{"amd64": `{"of":"x86_64"}`, "arm64": `{"of":"aarch64"}`, "sw64": `{"of":"sw64"}`}
			if diff := cmp.Diff(want, found); diff != "" {
				t.Errorf("documents (-want +got):\n%s", diff)
			}
		})
	}
}

// document returns the only document about an image of a registry.
func document(t *testing.T, repo name.Repository, subject v1.Hash) string {
	t.Helper()
	index, err := remote.Referrers(repo.Digest(subject.String()), remote.WithContext(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	list, err := index.IndexManifest()
	if err != nil || len(list.Manifests) != 1 {
		t.Fatalf("%+v %v", list, err)
	}
	about, err := remote.Image(repo.Digest(list.Manifests[0].Digest.String()), remote.WithContext(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := about.Manifest()
	// The registry of go-containerregistry lists the type of the configuration.
	if err != nil || manifest.ArtifactType != "application/spdx+json" || manifest.Subject == nil || manifest.Subject.Digest != subject {
		t.Fatalf("%+v %v", manifest, err)
	}
	layer, err := remote.Layer(repo.Digest(manifest.Layers[0].Digest.String()), remote.WithContext(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	r, err := layer.Compressed()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
