package registry_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	ggcrlayout "github.com/google/go-containerregistry/pkg/v1/layout"

	"github.com/mkmini/mkmini/core/registry"
	"github.com/mkmini/mkmini/plugins/layer/layertest"
	"github.com/mkmini/mkmini/plugins/oci"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// get decodes what a registry serves.
func get(t *testing.T, url string, into any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Add("Accept", "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", url, resp.Status)
	}
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		t.Fatal(err)
	}
}

// TestDocuments pushes a layout with documents about its images, twice: to a
// registry that lists them, and to one that knows nothing of that, for which
// the list is an index under a name.
func TestDocuments(t *testing.T) {
	images := layertest.Images(t)
	kinds := []string{"application/spdx+json", "application/vnd.cyclonedx+json"}
	for i := range images {
		for _, kind := range kinds {
			text := []byte(fmt.Sprintf(`{"about":%q,"as":%q}`, images[i].Arch, kind))
			path := filepath.Join(t.TempDir(), "document.json")
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
			images[i].Attachments = append(images[i].Attachments, sdk.Attachment{
				Name: images[i].Arch + ".json", ArtifactType: kind, Path: path, Digest: fmt.Sprintf("sha256:%x", sha256.Sum256(text)), Size: int64(len(text)),
			})
		}
	}
	path, _ := layertest.Export(t, oci.New(), layertest.Request(t, images, nil))
	index, err := ggcrlayout.ImageIndexFromPath(path)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	for host, list := range map[string]string{
		serve(t, nil):   "/v2/mini/referrers/sha256:",
		distribution(t): "/v2/mini/manifests/sha256-",
	} {
		for range 2 {
			if _, err := push(t, registry.Pusher{}, path, registry.Request{Names: []string{host + "/mini:1"}}); err != nil {
				t.Fatal(err)
			}
		}
		for _, img := range images {
			i := slices.IndexFunc(entries.Manifests, func(d v1.Descriptor) bool {
				return d.Annotations["org.opencontainers.image.ref.name"] == "latest-"+img.Arch
			})
			var found v1.IndexManifest
			get(t, "http://"+host+list+entries.Manifests[i].Digest.Hex, &found)
			var got []string
			for _, d := range found.Manifests {
				var m v1.Manifest
				var text struct{ About, As string }
				get(t, "http://"+host+"/v2/mini/manifests/"+d.Digest.String(), &m)
				get(t, "http://"+host+"/v2/mini/blobs/"+m.Layers[0].Digest.String(), &text)
				// The list of the registry for tests has another type.
				if text.About != img.Arch || text.As != m.ArtifactType || text.As != d.ArtifactType && !strings.Contains(list, "referrers") {
					t.Errorf("%s: the document about %s is %+v", img.Arch, d.ArtifactType, text)
				}
				got = append(got, m.ArtifactType)
			}
			slices.Sort(got)
			if diff := cmp.Diff(kinds, got); diff != "" {
				t.Errorf("%s in %s: %s", img.Arch, strings.TrimSuffix(list, ":"), diff)
			}
		}
	}
}
