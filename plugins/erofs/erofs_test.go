package erofs_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mkmini/mkmini/plugins/erofs"
	"github.com/mkmini/mkmini/plugins/layer"
	"github.com/mkmini/mkmini/plugins/layer/layertest"
)

// uuid is that of all images here.
var uuid = [16]byte{0x12, 0x34, 15: 0xff}

// write writes a layer's file system into a file.
func write(t testing.TB, archive []byte) string {
	t.Helper()
	plan, err := erofs.Survey(func(visit func(e layer.Entry, content io.Reader) error) error {
		return layer.Read(bytes.NewReader(archive), visit)
	}, layertest.Epoch)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "image.erofs")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := file.Truncate(plan.Size()); err != nil {
		t.Fatal(err)
	}
	if err := plan.Write(file, uuid); err != nil {
		t.Fatal(err)
	}
	if info, err := file.Stat(); err != nil || info.Size() != plan.Size() {
		t.Errorf("the image has another size than %d: %v %v", plan.Size(), info, err)
	}
	return path
}

// many returns a system with large folders, files of every length around a
// block's, and names around the folder's own.
func many() []tar.Header {
	headers := []tar.Header{{Name: "-", Typeflag: tar.TypeReg, Mode: 0o644, Size: 1}, {Name: "..a", Typeflag: tar.TypeReg, Mode: 0o644}}
	headers = append(headers, tar.Header{Name: "d/", Typeflag: tar.TypeDir, Mode: 0o755})
	for i := range 1000 {
		headers = append(headers, tar.Header{Name: fmt.Sprintf("d/%s%d", strings.Repeat("n", i%200), i), Typeflag: tar.TypeReg, Mode: 0o600, Size: int64(i % 7)})
	}
	headers = append(headers, tar.Header{Name: "s/", Typeflag: tar.TypeDir, Mode: 0o755})
	for _, base := range []int{0, 64, 2048, 4032, 4096, 8128, 8192} {
		for near := -2; near <= 2; near++ {
			if size := base + near; size >= 0 {
				headers = append(headers, tar.Header{Name: fmt.Sprintf("s/%d", size), Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(size)})
			}
			if size := base + near; size > 0 && size < 4096 {
				headers = append(headers, tar.Header{Name: fmt.Sprintf("s/l%d", size), Typeflag: tar.TypeSymlink, Mode: 0o777, Linkname: strings.Repeat("t", size)})
			}
		}
	}
	return headers
}

// TestFsck has erofs-utils check images.
func TestFsck(t *testing.T) {
	fsck := layertest.Tool(t, "fsck.erofs", "erofs-utils")
	dump := layertest.Tool(t, "dump.erofs", "erofs-utils")
	for name, headers := range map[string][]tar.Header{"one of each": layertest.Headers(), "many": many(), "nothing": {}} {
		t.Run(name, func(t *testing.T) {
			path := write(t, layertest.Archive(t, headers))
			dir := filepath.Join(layertest.Folder(t), "root")
			if out := layertest.Run(t, nil, fsck, "--extract="+dir, path); out != "" {
				t.Error(out)
			}
			if out := layertest.Run(t, nil, dump, "-s", path); !strings.Contains(out, "12340000-0000-0000-0000-0000000000ff") ||
				!strings.Contains(out, "Tue Jan  1 00:00:00 1980") {
				t.Error(out)
			}
			for _, h := range headers {
				got, err := os.Lstat(filepath.Join(dir, h.Name))
				if err != nil && os.Geteuid() == 0 {
					t.Fatal(err)
				}
				if h.Typeflag == tar.TypeReg && err == nil && got.Size() != h.Size {
					t.Errorf("%s has %d bytes, not %d", h.Name, got.Size(), h.Size)
				}
			}
		})
	}
}
