package rootfs

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mkmini/mkmini/core/config"
)

// TestSparseLayer has a file with a hole in a layer: that takes space for what
// isn't zero only, and reads as it should.
func TestSparseLayer(t *testing.T) {
	const length = 64<<20 + 123
	source := filepath.Join(t.TempDir(), "sparse")
	file, err := os.Create(source)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := file.Truncate(length); err != nil {
		t.Fatal(err)
	}
	for _, at := range []int64{5, 33<<20 + 7, length - 3} {
		if _, err := file.WriteAt([]byte("abc"), at); err != nil {
			t.Fatal(err)
		}
	}
	records, err := Assemble(t.Context(), Input{Preset: "minimal", Entries: []config.Entry{{Kind: config.File, Path: "/sparse", Source: source}}})
	if err != nil {
		t.Fatal(err)
	}
	layer := filepath.Join(t.TempDir(), "layer.tar")
	_, size, err := WriteLayer(t.Context(), layer, records, epoch)
	if err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Stat(layer, &st); err != nil || st.Size != size || st.Blocks*512 > 1<<20 {
		t.Errorf("it has %d of %d bytes, and takes %d: %v", st.Size, size, st.Blocks*512, err)
	}
	archive, err := os.Open(layer)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	r := tar.NewReader(archive)
	for {
		h, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if h.Name == "sparse" {
			break
		}
	}
	got, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if want, err := os.ReadFile(source); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the content is another one: %v", err)
	}
}
