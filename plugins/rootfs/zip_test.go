package rootfs

import (
	"archive/tar"
	"archive/zip"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/mkmini/mkmini/plugins/layer/layertest"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// TestZipOfMany has more files than an end of 16 bits can count, in more parts
// than one, hard links between them.
func TestZipOfMany(t *testing.T) {
	var headers []tar.Header
	const many = 66_000
	for i := range many {
		h := tar.Header{Name: fmt.Sprintf("f%06d", i), Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(i % 3)}
		if i%10_000 == 9_999 {
			h.Typeflag, h.Size, h.Linkname = tar.TypeLink, 0, "f000002"
		}
		headers = append(headers, h)
	}
	img := layertest.Image(t, "x86_64", sdk.Platform{}, headers)
	req := layertest.Request(t, []sdk.Image{img}, map[string]any{"format": "zip"})
	result, err := New().Export(t.Context(), req, layertest.Progress(t))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(req.OutDir, result.Artifacts[0].Path)
	archive, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	if len(archive.File) != many || archive.File[9_999].UncompressedSize64 != 2 {
		t.Errorf("%d files, the link has %d bytes", len(archive.File), archive.File[9_999].UncompressedSize64)
	}
	layertest.Run(t, nil, layertest.Tool(t, "unzip", "unzip"), "-tqq", path)
}
