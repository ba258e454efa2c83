package oci_test

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/plugins/docker"
	"github.com/mkmini/mkmini/plugins/image"
	"github.com/mkmini/mkmini/plugins/layer/layertest"
	"github.com/mkmini/mkmini/plugins/oci"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// split asks for an image of three layers.
func split(t *testing.T, salt int, attributes map[string]any) sdk.ExportRequest {
	t.Helper()
	return layertest.Request(t, []sdk.Image{layertest.Split(t, layertest.Images(t)[2], salt)}, attributes)
}

func TestLayersSameEverywhere(t *testing.T) {
	layertest.SameEverywhere(t, oci.New(), func(t *testing.T) sdk.ExportRequest { return split(t, 0, nil) })
}

// digests returns the digests of the layers of an image, as skopeo sees them.
func digests(t *testing.T, skopeo, name string) (list []string) {
	t.Helper()
	var m struct{ Layers []struct{ Digest string } }
	if err := json.Unmarshal([]byte(layertest.Run(t, nil, skopeo, "inspect", "--raw", name)), &m); err != nil {
		t.Fatal(err)
	}
	for _, l := range m.Layers {
		list = append(list, l.Digest)
	}
	return list
}

// TestLayersAreShared changes a program, and with it one layer of three.
func TestLayersAreShared(t *testing.T) {
	skopeo := layertest.Tool(t, "skopeo", "skopeo")
	for _, how := range image.Compressions() {
		before, _ := layertest.Export(t, oci.New(), split(t, 0, map[string]any{"compression": how}))
		after, _ := layertest.Export(t, oci.New(), split(t, 1, map[string]any{"compression": how}))
		a, b := digests(t, skopeo, "oci:"+before+":latest"), digests(t, skopeo, "oci:"+after+":latest")
		if len(a) != 3 || len(b) != 3 || !slices.Equal(a[:2], b[:2]) || a[2] == b[2] {
			t.Errorf("%s: the layers are %v and %v", how, a, b)
		}
	}
}

// TestLayersUnpackToTheWhole has umoci unpack an image of three layers, and the
// same as one.
func TestLayersUnpackToTheWhole(t *testing.T) {
	umoci := layertest.Tool(t, "umoci", "umoci")
	req := split(t, 0, nil)
	var trees []map[string]string
	for range 2 {
		path, _ := layertest.Export(t, oci.New(), req)
		bundle := filepath.Join(layertest.Folder(t), "bundle")
		layertest.Run(t, nil, umoci, "unpack", "--rootless", "--image", path+":latest", bundle)
		trees = append(trees, layertest.Tree(t, filepath.Join(bundle, "rootfs")))
		one := req.Images[0]
		one.Layers = nil
		req = layertest.Request(t, []sdk.Image{one}, nil)
	}
	if len(trees[0]) < len(layertest.Headers()) {
		t.Errorf("umoci unpacked %d names", len(trees[0]))
	}
	if diff := cmp.Diff(trees[1], trees[0]); diff != "" {
		t.Errorf("one layer and three differ (-one +three):\n%s", diff)
	}
}

func TestLayersHaveTheirHistory(t *testing.T) {
	skopeo := layertest.Tool(t, "skopeo", "skopeo")
	inOCI, _ := layertest.Export(t, oci.New(), split(t, 0, map[string]any{"history": []string{"first"}}))
	inDocker, _ := layertest.Export(t, docker.New(), split(t, 0, map[string]any{"history": []string{"first"}}))
	for _, name := range []string{"oci:" + inOCI, "docker-archive:" + inDocker, "oci-archive:" + inDocker} {
		var config struct {
			History []struct {
				CreatedBy string `json:"created_by"`
			}
			RootFS struct {
				DiffIDs []string `json:"diff_ids"`
			}
		}
		if err := json.Unmarshal([]byte(inspect(t, skopeo, name, "sw64")), &config); err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, h := range config.History {
			lines = append(lines, h.CreatedBy)
		}
		if got := strings.Join(lines, ", "); got != "first, mkmini base, mkmini devices, mkmini app" || len(config.RootFS.DiffIDs) != 3 {
			t.Errorf("%s: history %s, %d layers", name, got, len(config.RootFS.DiffIDs))
		}
	}
}

func TestDamagedLayerIsRefused(t *testing.T) {
	req := split(t, 0, nil)
	req.Images[0].Layers[1].Digest = "sha256:" + strings.Repeat("0", 64)
	if _, err := oci.New().Export(t.Context(), req, layertest.Progress(t)); err == nil || !strings.Contains(err.Error(), "digest") {
		t.Errorf("got %v", err)
	}
}
