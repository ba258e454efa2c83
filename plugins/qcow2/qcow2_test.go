package qcow2

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/mkmini/mkmini/plugins/layer/layertest"
)

// write writes pieces of noise to a disk, and returns the image's path and
// what the disk holds.
func write(t testing.TB, size int64) (string, []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk.qcow2")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w, err := NewWriter(file, size)
	if err != nil {
		t.Fatal(err)
	}
	disk, source := make([]byte, size), rand.New(rand.NewPCG(1, 2))
	for range 40 {
		at := source.Int64N(size)
		piece := disk[at:min(size, at+source.Int64N(3*clusterSize))]
		for i := range piece {
			piece[i] = byte(source.IntN(256))
		}
		if _, err := w.WriteAt(piece, at); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.WriteAt(make([]byte, 1), size); err == nil {
		t.Error("it writes beyond the end")
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path, disk
}

func TestReadsBack(t *testing.T) {
	for _, size := range []int64{1, clusterSize, 5*clusterSize + 512, 40 << 20} {
		path, disk := write(t, size)
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		r, err := NewReader(file)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, size)
		if _, err := r.ReadAt(got, 0); err != nil || r.Size() != size || !bytes.Equal(got, disk) {
			t.Errorf("a disk of %d bytes came out as another of %d: %v", size, r.Size(), err)
		}
		if n, err := r.ReadAt(got, 1); err == nil || int64(n) != size-1 {
			t.Errorf("beyond the end it reads %d bytes: %v", n, err)
		}
	}
}

func TestQEMUReads(t *testing.T) {
	qemu := layertest.Tool(t, "qemu-img", "qemu-utils")
	path, disk := write(t, 40<<20)
	layertest.Run(t, nil, qemu, "check", "-f", "qcow2", path)
	raw := filepath.Join(t.TempDir(), "raw")
	layertest.Run(t, nil, qemu, "convert", "-f", "qcow2", "-O", "raw", path, raw)
	if got, err := os.ReadFile(raw); err != nil || !bytes.Equal(got, disk) {
		t.Errorf("QEMU reads another disk: %v", err)
	}
}

func TestRefuses(t *testing.T) {
	for _, size := range []int64{0, -1, 1 << 62} {
		if _, err := NewWriter(nil, size); err == nil {
			t.Errorf("a disk of %d bytes is written", size)
		}
	}
}

func FuzzReader(f *testing.F) {
	path, _ := write(f, 3*clusterSize)
	content, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(content[:104])
	f.Add(content)
	f.Fuzz(func(t *testing.T, content []byte) {
		r, err := NewReader(bytes.NewReader(content))
		if err != nil {
			return
		}
		piece := make([]byte, min(r.Size(), 1<<20))
		if n, err := r.ReadAt(piece, 0); err == nil && n != len(piece) {
			t.Errorf("it reads %d bytes of %d and no error", n, len(piece))
		}
	})
}
