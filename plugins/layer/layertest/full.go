package layertest

import (
	"archive/tar"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// FullDisk has disks become full early and late in what an exporter writes of a
// megabyte: that is what is said, and nothing is left of it. It needs root.
func FullDisk(t *testing.T, exporter sdk.Exporter, attributes map[string]any) {
	t.Helper()
	headers := []tar.Header{{Name: "dir/", Typeflag: tar.TypeDir, Mode: 0o755}}
	for i := range 20 {
		headers = append(headers, tar.Header{Name: fmt.Sprintf("dir/%d", i), Typeflag: tar.TypeReg, Mode: 0o644, Size: 50_000 + int64(i)})
	}
	img := Image(t, "x86_64", sdk.Platform{OS: "linux", Architecture: "amd64"}, headers)
	req := Request(t, []sdk.Image{img}, attributes)
	result, err := exporter.Export(t.Context(), req, Progress(t))
	if err != nil {
		t.Fatal(err)
	}
	whole := bytesBelow(t, filepath.Join(req.OutDir, result.Artifacts[0].Path))
	for _, percent := range []int64{5, 80} {
		req.OutDir = small(t, max(8192, whole*percent/100))
		_, err := exporter.Export(t.Context(), req, Progress(t))
		if problems, ok := errors.AsType[sdk.Diagnostics](err); !ok || !strings.Contains(problems[0].Summary, "No space left") {
			t.Errorf("with room for %d%% the error is %v", percent, err)
		}
		empty(t, req.OutDir)
		empty(t, req.WorkDir)
	}
}

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
