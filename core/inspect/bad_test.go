package inspect

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mkmini/mkmini/core/fault"
)

func gzipped(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestBad(t *testing.T) {
	layer := tarOf(t, file("x", "1"))
	loop := []*tar.Header{symlink("a", "b"), symlink("b", "a"), file("a/x", "")}
	var deep []*tar.Header
	for i := range 4 {
		deep = append(deep, dir(strings.Repeat("d/", 1500)), symlink("l"+string(rune('0'+i)), strings.Repeat("d/", 1500)))
	}
	deep = append(deep, file("l0/"+strings.Repeat("e/", 1500), ""))
	deep[len(deep)-1].Name += "f"
	saved := savedOf(t, layer)
	tests := []struct {
		name string
		data []byte
		want string
	}{
		{"nothing", nil, "it is empty"},
		{"text", []byte("hello, world"), "no archive of a kind that is known"},
		{"squashfs", []byte("hsqs" + strings.Repeat("x", 600)), "the squashfs file system is of version 30840.30840"},
		{"old cpio", []byte("070707" + strings.Repeat("0", 600)), "the old format"},
		{"text in gzip", gzipped(t, []byte("hello")), "no archive of a kind that is known"},
		{"loop", tarOf(t, loop...), "entry a/x: symlinks lead to each other"},
		{"deep", tarOf(t, deep...), "its path has more than 4096 bytes"},
		{"long name", tarOf(t, file(strings.Repeat("x", 5000), "")), "its name has 5000 bytes"},
		{"layer that is another", bytes.Replace(saved, layer[:600], slices.Concat([]byte("y"), layer[1:600]), 1), "layer 1 of 1: "},
		{"configuration that is another", bytes.Replace(saved, []byte("/bin/sh"), []byte("/bin/ls"), 1), "the image's configuration has the digest"},
		{"something after a cpio archive", append(newcOf(file("a", "")), "something"...), "what follows the cpio archive"},
		{"cpio with a number that is none", bytes.Replace(newcOf(file("a", "")), []byte("000081A4"), []byte("0000-1A4"), 1), "which is no number"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Read(t.Context(), put(t, "x", test.data), Options{})
			var f *fault.Error
			if !errors.As(err, &f) || f.Usage || !strings.Contains(f.Detail, test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}

func TestUnusable(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o666); err != nil {
		t.Fatal(err)
	}
	image := put(t, "x.tar", savedOf(t, tarOf(t, file("x", "1"))))
	tests := []struct {
		path, platform, want string
		usage                bool
	}{
		{filepath.Join(t.TempDir(), "no"), "", "no such file", true},
		{fifo, "", "neither a file nor a folder", false},
		{image, "linux/amd64", "it is for linux/arm64", true},
		{image, "arm64", `"arm64" is no platform`, true},
	}
	for _, test := range tests {
		_, err := Read(t.Context(), test.path, Options{Platform: test.platform})
		var f *fault.Error
		if !errors.As(err, &f) || f.Usage != test.usage || !strings.Contains(f.Detail, test.want) {
			t.Errorf("%v, want %q", err, test.want)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	cancel(stop)
	for _, path := range []string{image, t.TempDir()} {
		if _, err := Read(ctx, path, Options{}); !errors.Is(err, stop) {
			t.Errorf("%s: %v after the end", path, err)
		}
	}
}

// Whatever is missing at the end is noticed.
func TestCut(t *testing.T) {
	entries := []*tar.Header{dir("d"), file("d/f", "hello"), symlink("d/s", "f")}
	whole := map[string][]byte{"tar.gz": gzipped(t, tarOf(t, entries...)), "cpio": newcOf(entries...), "cpio.gz": gzipped(t, newcOf(entries...))}
	for name, data := range whole {
		if _, err := Read(t.Context(), put(t, name, data), Options{}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for n := range data {
			if _, err := Read(t.Context(), put(t, name, data[:n]), Options{}); err == nil {
				t.Errorf("%s: no error for %d of %d bytes", name, n, len(data))
			}
		}
	}
}

func TestLimits(t *testing.T) {
	big := tarOf(t, file("a", strings.Repeat("x", 10_000)), file("b", ""), symlink("c", strings.Repeat("y", 90)))
	for _, limits := range []Limits{{Bytes: 9_000}, {Entries: 2}, {Names: 80}} {
		for name, data := range map[string][]byte{
			"tar": big, "tar.gz": gzipped(t, big), "image": savedOf(t, big),
		} {
			_, err := Read(t.Context(), put(t, name, data), Options{Limits: limits})
			if !errors.Is(err, errTooLarge) {
				t.Errorf("%s, %+v: %v", name, limits, err)
			}
		}
	}
	if _, err := Read(t.Context(), put(t, "x", big), Options{Limits: Limits{Bytes: 20_000, Entries: 3, Names: 200}}); err != nil {
		t.Error(err)
	}
}

// A hole counts as what it stands for: it could be of any length.
func TestSparse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sparse")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(100 << 20); err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(t.TempDir(), "x.tar")
	tool(t, "tar", "-C", filepath.Dir(path), "--sparse", "-cf", archive, "sparse")
	if _, err := Read(t.Context(), archive, Options{Limits: Limits{Bytes: 50 << 20}}); !errors.Is(err, errTooLarge) {
		t.Error(err)
	}
	a, err := Read(t.Context(), archive, Options{})
	if err != nil || a.Trees[0].Totals.Bytes != 100<<20 {
		t.Errorf("%v, %+v", err, a)
	}
}

func FuzzRead(f *testing.F) {
	entries := []*tar.Header{dir("d"), file("d/f", "\x7fELFhello"), symlink("d/s", "f"), hardlink("d/h", "d/f")}
	whole := tarOf(f, entries...)
	b := blobs{}
	b.index(f, b.image(f, "arm64", whole))
	var layout []*tar.Header
	for name, data := range b {
		layout = append(layout, file(name, data))
	}
	for _, seed := range [][]byte{
		whole, gzipped(f, whole), newcOf(entries[:3]...), append(newcOf(entries[:3]...), gzipped(f, newcOf())...),
		savedOf(f, whole, tarOf(f, file("d/.wh.f", ""))), tarOf(f, layout...),
	} {
		f.Add(seed)
	}
	var packed bytes.Buffer
	z := zip.NewWriter(&packed)
	if w, err := z.Create("d/f"); err != nil {
		f.Fatal(err)
	} else if _, err := w.Write(whole); err != nil || z.Close() != nil {
		f.Fatal(err)
	}
	f.Add(packed.Bytes())
	limits := Limits{Bytes: 1 << 20, Entries: 1000, Names: 1 << 20}
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := Read(t.Context(), put(t, "x", data), Options{ELF: true, Limits: limits})
		if err != nil {
			return
		}
		for _, tree := range a.Trees {
			if !slices.IsSortedFunc(tree.Entries, func(x, y *Entry) int { return comparePaths(x.Path, y.Path) }) {
				t.Errorf("not in the order of paths: %q", paths(tree))
			}
			if changes := Diff(tree, tree, nil); len(changes) > 0 {
				t.Errorf("differs from itself: %+v", changes)
			}
			_ = jsonOf(t, tree)
		}
	})
}
