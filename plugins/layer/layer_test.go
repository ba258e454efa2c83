package layer_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/plugins/layer"
	"github.com/mkmini/mkmini/plugins/layer/layertest"
	"github.com/mkmini/mkmini/plugins/sdk"
)

func TestWalk(t *testing.T) {
	img := layertest.Image(t, "x86_64", sdk.Platform{}, layertest.Headers())
	var entries []layer.Entry
	err := layer.Walk(t.Context(), img.Layer, img.Digest, func(e layer.Entry, content io.Reader) error {
		n, err := io.Copy(io.Discard, content)
		if err != nil || n != e.Size {
			return fmt.Errorf("%s has %d bytes: %w", e.Name, n, err)
		}
		entries = append(entries, e)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	headers := layertest.Headers()
	if len(entries) != len(headers) {
		t.Fatalf("got %d entries, want %d", len(entries), len(headers))
	}
	for i, e := range entries {
		h := headers[i]
		if e.Name != strings.TrimSuffix(h.Name, "/") || int64(e.Mode) != h.Mode || e.UID != h.Uid || e.GID != h.Gid ||
			e.Target != h.Linkname || int64(e.Major) != h.Devmajor || int64(e.Minor) != h.Devminor ||
			!e.ModTime.Equal(layertest.Epoch) || (e.Type == layer.Hardlink) != (h.Typeflag == tar.TypeLink) {
			t.Errorf("entry %+v of header %+v", e, h)
		}
	}
}

func TestList(t *testing.T) {
	img := layertest.Image(t, "x86_64", sdk.Platform{}, layertest.Headers())
	var walked, listed []layer.Entry
	errA := layer.Walk(t.Context(), img.Layer, "", func(e layer.Entry, _ io.Reader) error {
		walked = append(walked, e)
		return nil
	})
	errB := layer.List(t.Context(), img.Layer, func(e layer.Entry) error {
		listed = append(listed, e)
		return nil
	})
	if diff := cmp.Diff(walked, listed); diff != "" || errA != nil || errB != nil {
		t.Errorf("%v %v (-want +got):\n%s", errA, errB, diff)
	}
	if err := os.Truncate(img.Layer, layertest.Size/2); err != nil {
		t.Fatal(err)
	}
	if err := layer.List(t.Context(), img.Layer, func(layer.Entry) error { return nil }); err == nil {
		t.Error("half of a layer is one")
	}
}

func TestWalkRefuses(t *testing.T) {
	img := layertest.Image(t, "x86_64", sdk.Platform{}, layertest.Headers())
	quiet := func(layer.Entry, io.Reader) error { return nil }
	if err := layer.Walk(t.Context(), img.Layer, "sha256:00", quiet); err == nil || !strings.Contains(err.Error(), "digest") {
		t.Errorf("another digest: %v", err)
	}
	if err := layer.Walk(t.Context(), img.Layer+"x", "", quiet); err == nil {
		t.Error("no error for a missing layer")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := layer.Walk(ctx, img.Layer, "", quiet); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	dir := tar.Header{Name: "d/", Typeflag: tar.TypeDir, Mode: 0o755}
	file := tar.Header{Name: "f", Typeflag: tar.TypeReg, Mode: 0o644}
	for name, headers := range map[string][]tar.Header{
		"absolute":        {{Name: "/f", Typeflag: tar.TypeReg}},
		"upwards":         {{Name: "../f", Typeflag: tar.TypeReg}},
		"unclean":         {dir, {Name: "d//f", Typeflag: tar.TypeReg}},
		"root":            {{Name: "./", Typeflag: tar.TypeDir}},
		"twice":           {file, file},
		"no folder":       {{Name: "d/f", Typeflag: tar.TypeReg}},
		"through a link":  {{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "/etc"}, {Name: "l/f", Typeflag: tar.TypeReg}},
		"below a file":    {file, {Name: "f/g", Typeflag: tar.TypeReg}},
		"dangling link":   {{Name: "h", Typeflag: tar.TypeLink, Linkname: "f"}},
		"link outside":    {{Name: "h", Typeflag: tar.TypeLink, Linkname: "/etc/passwd"}},
		"major number":    {{Name: "n", Typeflag: tar.TypeChar, Devmajor: 4096}},
		"minor number":    {{Name: "n", Typeflag: tar.TypeBlock, Devminor: 1 << 20}},
		"owner":           {{Name: "f", Typeflag: tar.TypeReg, Uid: 1 << 32}},
		"type":            {{Name: "f", Typeflag: 'Z'}},
		"xattr of a link": {file, {Name: "h", Typeflag: tar.TypeLink, Linkname: "f", PAXRecords: map[string]string{xattr + "user.a": "b"}}},
		"xattr no space":  {{Name: "f", Typeflag: tar.TypeReg, PAXRecords: map[string]string{xattr + "user": "b"}}},
		"xattr no name":   {{Name: "f", Typeflag: tar.TypeReg, PAXRecords: map[string]string{xattr + "user.": "b"}}},
		"xattr long name": {{Name: "f", Typeflag: tar.TypeReg, PAXRecords: map[string]string{xattr + "user." + strings.Repeat("n", 251): "b"}}},
		"xattr large":     {{Name: "f", Typeflag: tar.TypeReg, PAXRecords: map[string]string{xattr + "user.a": strings.Repeat("v", 64<<10+1)}}},
		"mode":            {{Name: "f", Typeflag: tar.TypeReg, Mode: 0o100644}},
	} {
		if err := layer.Read(bytes.NewReader(layertest.Archive(t, headers)), quiet); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// xattr begins the PAX records of extended attributes.
const xattr = "SCHILY.xattr."

func TestXattrs(t *testing.T) {
	headers := []tar.Header{
		{Name: "f", Typeflag: tar.TypeReg, PAXRecords: map[string]string{
			xattr + "user.b": "2", xattr + "user.a": "\x00\xff", xattr + "security.capability": "c", "comment": "not one"}},
		{Name: "h", Typeflag: tar.TypeLink, Linkname: "f"},
	}
	var got [][]layer.Xattr
	err := layer.Read(bytes.NewReader(layertest.Archive(t, headers)), func(e layer.Entry, _ io.Reader) error {
		got = append(got, e.Xattrs)
		return nil
	})
	want := [][]layer.Xattr{{{Name: "security.capability", Value: "c"}, {Name: "user.a", Value: "\x00\xff"}, {Name: "user.b", Value: "2"}}, nil}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// FuzzRead checks what exporters rely on.
func FuzzRead(f *testing.F) {
	whole := layertest.Archive(f, layertest.Headers())
	f.Add(whole[:2048])
	f.Add(whole[len(whole)-8192:])
	f.Add(layertest.Archive(f, []tar.Header{{Name: "d/", Typeflag: tar.TypeDir}, {Name: "d/f", Typeflag: tar.TypeReg, Size: 5}}))
	f.Add(layertest.Archive(f, []tar.Header{{Name: "f", Typeflag: tar.TypeReg, PAXRecords: map[string]string{xattr + "user.a": "b", xattr + "user.c": "d"}}}))
	f.Fuzz(func(t *testing.T, archive []byte) {
		seen := map[string]layer.Type{".": layer.Directory}
		_ = layer.Read(bytes.NewReader(archive), func(e layer.Entry, content io.Reader) error {
			if _, twice := seen[e.Name]; twice || seen[path.Dir(e.Name)] != layer.Directory {
				t.Fatalf("%q has no place", e.Name)
			}
			if path.IsAbs(e.Name) || path.Clean(e.Name) != e.Name || strings.HasPrefix(e.Name, "..") && path.Clean("/"+e.Name) != "/"+e.Name {
				t.Fatalf("%q is not clean", e.Name)
			}
			if !slices.IsSortedFunc(e.Xattrs, func(a, b layer.Xattr) int { return strings.Compare(a.Name, b.Name) }) {
				t.Fatalf("%q has %q", e.Name, e.Xattrs)
			}
			if e.Type == layer.Hardlink && seen[e.Target] != layer.File {
				t.Fatalf("%q links to %q", e.Name, e.Target)
			}
			seen[e.Name] = e.Type
			n, err := io.Copy(io.Discard, content)
			if err == nil && n != e.Size {
				t.Fatalf("%q has %d bytes, not %d", e.Name, n, e.Size)
			}
			return err
		})
	})
}

// TestWalkWithoutDigest skips contents of all lengths, as they are in the
// buffer or beyond it, and reads some.
func TestWalkWithoutDigest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "layer.tar")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w := tar.NewWriter(file)
	sizes := []int{0, 1, 511, 512, 513, 5000, 63 << 10, 64 << 10, 200_000, 3, 1 << 20, 7}
	for i, size := range sizes {
		content := bytes.Repeat([]byte{byte(i)}, size)
		if err := w.WriteHeader(&tar.Header{Name: fmt.Sprintf("f%02d", i), Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(size)}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, every := range []int{1, 2, 3, 100} {
		n := 0
		err := layer.Walk(t.Context(), path, "", func(e layer.Entry, content io.Reader) error {
			defer func() { n++ }()
			if n%every != 0 {
				return nil
			}
			data, err := io.ReadAll(content)
			if !bytes.Equal(data, bytes.Repeat([]byte{byte(n)}, sizes[n])) {
				t.Errorf("%s has another content, of %d bytes", e.Name, len(data))
			}
			return err
		})
		if err != nil || n != len(sizes) {
			t.Errorf("%d entries: %v", n, err)
		}
	}
}
