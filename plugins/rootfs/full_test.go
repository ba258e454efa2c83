package rootfs

import (
	"archive/tar"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mkmini/mkmini/plugins/layer/layertest"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// small mounts a file system of so many bytes.
func small(t *testing.T, size int64) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to mount a small file system")
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=755", size)); err != nil {
		t.Skipf("a small file system can't be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestFullDisk has disks become full at several places of each format: that is
// what is said, and nothing is left of it.
func TestFullDisk(t *testing.T) {
	headers := []tar.Header{{Name: "dir/", Typeflag: tar.TypeDir, Mode: 0o755}}
	for i := range 20 {
		headers = append(headers, tar.Header{Name: fmt.Sprintf("dir/%d", i), Typeflag: tar.TypeReg, Mode: 0o644, Size: 50_000 + int64(i)})
	}
	img := layertest.Image(t, "x86_64", sdk.Platform{OS: "linux", Architecture: "amd64"}, headers)
	for _, format := range names() {
		t.Run(format, func(t *testing.T) {
			req := layertest.Request(t, []sdk.Image{img}, map[string]any{"format": format})
			result, err := New().Export(t.Context(), req, layertest.Progress(t))
			if err != nil {
				t.Fatal(err)
			}
			whole := bytesBelow(t, filepath.Join(req.OutDir, result.Artifacts[0].Path))
			for _, percent := range []int64{5, 80} {
				req.OutDir = small(t, max(8192, whole*percent/100))
				_, err := New().Export(t.Context(), req, layertest.Progress(t))
				if problems, ok := errors.AsType[sdk.Diagnostics](err); !ok || !strings.Contains(problems[0].Summary, "No space left") {
					t.Errorf("with room for %d%% the error is %v", percent, err)
				}
				if left, err := os.ReadDir(req.OutDir); err != nil || len(left) > 0 {
					t.Errorf("with room for %d%% there is left: %v, %v", percent, left, err)
				}
			}
		})
	}
}

// bytesBelow returns how much space a file or folder takes.
func bytesBelow(t *testing.T, path string) (sum int64) {
	t.Helper()
	err := filepath.WalkDir(path, func(name string, _ os.DirEntry, err error) error {
		var st unix.Stat_t
		err = errors.Join(err, unix.Lstat(name, &st))
		sum += st.Blocks * 512
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sum
}
