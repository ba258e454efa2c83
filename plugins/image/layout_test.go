package image

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mkmini/mkmini/plugins/layer/layertest"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// finished makes a layout of all test images.
func finished(t *testing.T) (*Layout, []sdk.Image) { return finishedAs(t, Attributes{}) }

func finishedAs(t *testing.T, a Attributes) (*Layout, []sdk.Image) {
	t.Helper()
	l, err := NewLayout(t.TempDir(), layertest.Epoch, 2)
	if err != nil {
		t.Fatal(err)
	}
	images := layertest.Images(t)
	var named []Named
	for _, img := range images {
		d, err := l.AddImage(t.Context(), img, a)
		if err != nil {
			t.Fatal(err)
		}
		named = append(named, Named{img.Arch, d})
	}
	references, err := Attributes{}.References("minios", true)
	if err == nil {
		err = l.NameAll(named, references, Attributes{})
	}
	if err == nil {
		err = l.Finish()
	}
	if err != nil {
		t.Fatal(err)
	}
	return l, images
}

// full takes n bytes and then fails.
type full struct{ n int }

var errFull = errors.New("no space left")

func (f *full) Write(p []byte) (int, error) {
	if len(p) > f.n {
		f.n = 0
		return 0, errFull
	}
	f.n -= len(p)
	return len(p), nil
}

func TestWriteErrorIsSeen(t *testing.T) {
	l, _ := finished(t)
	count := &full{1 << 30}
	if err := l.writeTar(t.Context(), count, nil, make(map[string]file)); err != nil {
		t.Fatal(err)
	}
	size := 1<<30 - count.n
	for n := 0; n < size; n += 1 + min(size/200, size-n-1) {
		if err := l.writeTar(t.Context(), &full{n}, nil, make(map[string]file)); !errors.Is(err, errFull) {
			t.Errorf("after %d of %d bytes: %v", n, size, err)
		}
	}
}

func TestDamageIsSeen(t *testing.T) {
	for _, how := range Compressions() {
		t.Run(how, func(t *testing.T) { damageIsSeen(t, how) })
	}
}

func damageIsSeen(t *testing.T, how string) {
	l, images := finishedAs(t, Attributes{Compression: how})
	if err := l.Check(t.Context(), images); err != nil {
		t.Fatal(err)
	}
	if err := l.Check(t.Context(), images[:2]); err == nil {
		t.Error("no error for an image too many")
	}
	other := images[0]
	other.Platform.Architecture = "riscv64"
	if err := l.Check(t.Context(), append([]sdk.Image{other}, images[1:]...)); err == nil {
		t.Error("no error for a missing platform")
	}
	names, err := l.names()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		path := filepath.Join(l.dir, name)
		content, err := os.ReadFile(path)
		if strings.HasSuffix(name, "/") || name == "oci-layout" {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		damaged := append([]byte(nil), content...)
		damaged[len(damaged)/2] ^= 1
		if err := os.WriteFile(path, damaged, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := l.Check(t.Context(), images); err == nil {
			t.Errorf("no error for a flipped bit in %s", name)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDamagedArchiveIsSeen(t *testing.T) {
	l, _ := finished(t)
	written := make(map[string]file)
	path := filepath.Join(t.TempDir(), "a.tar")
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(l.writeTar(t.Context(), out, nil, written), out.Close()); err != nil {
		t.Fatal(err)
	}
	if err := checkTar(t.Context(), path, written); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, damaged := range map[string][]byte{
		"flipped": append(append(append([]byte(nil), content[:5000]...), content[5000]^1), content[5001:]...),
		"cut":     content[:len(content)/2],
	} {
		if err := os.WriteFile(path, damaged, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := checkTar(t.Context(), path, written); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestOtherLayerIsSeen(t *testing.T) {
	img := layertest.Images(t)[0]
	img.Digest = "sha256:" + strings.Repeat("0", 64)
	l, err := NewLayout(t.TempDir(), layertest.Epoch, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.AddImage(t.Context(), img, Attributes{}); err == nil || !strings.Contains(err.Error(), "digest") {
		t.Errorf("got %v", err)
	}
}
