package rootfs

import (
	"flag"
	"path/filepath"
	"slices"
	"testing"

	"github.com/mkmini/mkmini/plugins/layer/layertest"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// cases is how many random systems each reader gets.
var cases = flag.Int("cases", 3, "random systems for each format and reader")

// plainReaders are those that only show plain names as they are.
var plainReaders = []string{"bsdtar", "unzip", "sqfs2tar"}

// TestRandomSystems exports random systems to every format. Each is read by a
// program of somebody else as it was written, or the format refuses it, and
// then names the entry that it can't hold.
func TestRandomSystems(t *testing.T) {
	for i, reader := range readers {
		if reader.name == "debugfs" || reader.name == "fsck.erofs" {
			continue // the one reads names from a fixed list, the other one loses links
		}
		t.Run(reader.format+" "+reader.name, func(t *testing.T) {
			t.Parallel()
			plain := slices.Contains(plainReaders, reader.name)
			for seed := range *cases {
				headers := layertest.RandomSystem(plain).Example(100*i + seed)
				img := layertest.RandomImage(t, headers)
				req := layertest.Request(t, []sdk.Image{img}, map[string]any{"format": reader.format})
				result, err := New().Export(t.Context(), req, layertest.Progress(t))
				if err != nil {
					if !layertest.NamesEntry(err, headers) {
						t.Errorf("seed %d: the error names no entry: %v", seed, err)
					}
					t.Logf("seed %d is refused: %v", seed, err)
					continue
				}
				want := layertest.FromLayer(t, img)
				got := reader.read(t, filepath.Join(req.OutDir, result.Artifacts[0].Path))
				if diff := layertest.Compare(want, got, reader.lacks); diff != "" {
					t.Errorf("seed %d: -want +got:\n%s", seed, diff)
				}
			}
		})
	}
}
