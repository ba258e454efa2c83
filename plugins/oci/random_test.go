package oci_test

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/mkmini/mkmini/plugins/layer/layertest"
	"github.com/mkmini/mkmini/plugins/oci"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// cases is how many random systems umoci gets.
var cases = flag.Int("cases", 5, "random systems for umoci")

// TestRandomSystems has umoci unpack random systems: what is there then is what
// was in the layer, or the exporter names what an image can't hold.
func TestRandomSystems(t *testing.T) {
	umoci := layertest.Tool(t, "umoci", "umoci")
	if os.Geteuid() != 0 {
		t.Skip("needs root to unpack devices and owners")
	}
	for seed := range *cases {
		headers := layertest.RandomSystem(false).Example(500 + seed)
		img := layertest.RandomImage(t, headers)
		req := layertest.Request(t, []sdk.Image{img}, nil)
		result, err := oci.New().Export(t.Context(), req, layertest.Progress(t))
		if err != nil {
			if !layertest.NamesEntry(err, headers) {
				t.Errorf("seed %d: the error names no entry: %v", seed, err)
			}
			t.Logf("seed %d is refused: %v", seed, err)
			continue
		}
		bundle := filepath.Join(layertest.Folder(t), "bundle")
		layertest.Run(t, nil, umoci, "unpack", "--image", filepath.Join(req.OutDir, result.Artifacts[0].Path)+":latest", bundle)
		want, got := layertest.FromLayer(t, img), layertest.FromFolder(t, filepath.Join(bundle, "rootfs"))
		if diff := layertest.Compare(want, got, withoutEmpty); diff != "" {
			t.Errorf("seed %d: -want +got:\n%s", seed, diff)
		}
	}
}

// withoutEmpty is for umoci, which takes extended attributes without a value
// for none, as PAX has it of its own records.
func withoutEmpty(r layertest.Record) (layertest.Record, bool) {
	r.Xattrs = maps.Clone(r.Xattrs)
	maps.DeleteFunc(r.Xattrs, func(_, value string) bool { return value == "" })
	if len(r.Xattrs) == 0 {
		r.Xattrs = nil
	}
	return r, true
}
