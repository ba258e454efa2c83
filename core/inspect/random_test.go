package inspect

import (
	"flag"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mkmini/mkmini/plugins/docker"
	"github.com/mkmini/mkmini/plugins/layer/layertest"
	"github.com/mkmini/mkmini/plugins/oci"
	"github.com/mkmini/mkmini/plugins/rootfs"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// cases is how many random systems each exporter gets.
var cases = flag.Int("cases", 3, "random systems for each exporter")

// recordsOf returns the entries of a tree as other readers have them.
func recordsOf(tree *Tree) layertest.Records {
	all := layertest.Records{}
	several := map[string]bool{}
	for _, e := range tree.Entries {
		if e.Link != "" {
			several[e.Link] = true
		}
	}
	for _, e := range tree.Entries {
		if e.Implied {
			continue
		}
		r := layertest.Record{Type: byte(e.Type), Mode: e.Mode, UID: e.UID, GID: e.GID, ModTime: e.ModTime, Target: e.Target, Xattrs: e.Xattrs}
		switch {
		case e.Type == File:
			r.Content = e.SHA256.String()[:12]
			r.Same = strings.TrimPrefix(e.Link, "/")
		case e.isDevice():
			r.Device = fmt.Sprintf("%d:%d", e.Major, e.Minor)
		}
		if several[e.Path] {
			r.Same = strings.TrimPrefix(e.Path, "/")
		}
		all[strings.TrimPrefix(e.Path, "/")] = r
	}
	return all
}

// TestRandomSystems has every exporter write random systems: what is read here
// is what was written.
func TestRandomSystems(t *testing.T) {
	withoutXattrs := func(r layertest.Record) (layertest.Record, bool) {
		r.Xattrs = nil
		return r, true
	}
	zip := func(r layertest.Record) (layertest.Record, bool) {
		r.Xattrs, r.Same = nil, ""
		return r, strings.IndexByte("-dl", r.Type) >= 0
	}
	tests := []struct {
		name       string
		exporter   sdk.Exporter
		attributes map[string]any
		lacks      func(layertest.Record) (layertest.Record, bool)
	}{
		{"tar", rootfs.New(), map[string]any{"format": "tar"}, nil},
		{"tar.xz", rootfs.New(), map[string]any{"format": "tar.xz"}, nil},
		{"cpio", rootfs.New(), map[string]any{"format": "cpio"}, withoutXattrs},
		{"cpio.zst", rootfs.New(), map[string]any{"format": "cpio.zst"}, withoutXattrs},
		{"zip", rootfs.New(), map[string]any{"format": "zip"}, zip},
		{"squashfs", rootfs.New(), map[string]any{"format": "squashfs"}, nil},
		{"erofs", rootfs.New(), map[string]any{"format": "erofs"}, nil},
		{"ext4", rootfs.New(), map[string]any{"format": "ext4"}, nil},
		{"disk", rootfs.New(), map[string]any{"format": "disk"}, nil},
		{"qcow2", rootfs.New(), map[string]any{"format": "qcow2"}, nil},
		{"docker", docker.New(), nil, nil},
		{"oci", oci.New(), nil, nil},
		{"oci archive", oci.New(), map[string]any{"archive": true}, nil},
	}
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if test.name == "squashfs" {
				layertest.Tool(t, "mksquashfs", "squashfs-tools")
			}
			for seed := range *cases {
				headers := layertest.RandomSystem(false).Example(1000 + 100*i + seed)
				img := layertest.RandomImage(t, headers)
				req := layertest.Request(t, []sdk.Image{img}, test.attributes)
				result, err := test.exporter.Export(t.Context(), req, layertest.Progress(t))
				if err != nil {
					if !layertest.NamesEntry(err, headers) {
						t.Errorf("seed %d: the error names no entry: %v", seed, err)
					}
					t.Logf("seed %d is refused: %v", seed, err)
					continue
				}
				want := layertest.FromLayer(t, img)
				read := mustRead(t, filepath.Join(req.OutDir, result.Artifacts[0].Path))
				if diff := layertest.Compare(want, recordsOf(read.Trees[0]), test.lacks); diff != "" {
					t.Errorf("seed %d: -written +read:\n%s", seed, diff)
				}
			}
		})
	}
}
