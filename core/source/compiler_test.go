package source_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mholt/archiver/v4"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/source"
)

// short lists a tree without times and contents of folders.
func short(t *testing.T, dir string) []string {
	t.Helper()
	var lines []string
	for _, line := range tree(t, dir) {
		f := strings.Fields(line)
		switch f[1][0] {
		case 'd':
			line = f[0] + "/"
		case 'L':
			line = f[0] + " -> " + f[2]
		default:
			line = f[0] + " " + f[1][1:4] + " " + strings.Join(f[3:], " ")
		}
		lines = append(lines, strings.TrimSpace(line))
	}
	return lines[1:]
}

// vendor is an archive as vendors pack compilers.
var vendor = []entry{
	{name: "gcc-8/bin/x-gcc", body: "driver", mode: 0o755},
	{name: "gcc-8/bin/x-gcc-8", link: "gcc-8/bin/x-gcc", kind: tar.TypeLink},
	{name: "gcc-8/lib64", link: "lib", kind: tar.TypeSymlink},
	{name: "gcc-8/lib/libm.so", link: "../lib64/../lib/libm.so.6", kind: tar.TypeSymlink},
	{name: "gcc-8/lib/nothing", link: "no/such/../../file", kind: tar.TypeSymlink},
	{name: "gcc-8/sysroot/lib/libc.so", link: "/lib/libc.so.6", kind: tar.TypeSymlink},
	{name: "gcc-8/sysroot/dev/null", kind: tar.TypeChar},
	{name: "gcc-8/sysroot/dev/log", kind: tar.TypeFifo},
	{name: "gcc-8/x-cc", link: "bin/x-gcc", kind: tar.TypeSymlink},
	{name: "gcc-8/x-c99", link: "gcc-8/x-cc", kind: tar.TypeLink},
	{name: "README", body: "read me"},
}

func TestUnpackTree(t *testing.T) {
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	all := []string{
		"README rw- read me", "gcc-8/",
		"gcc-8/bin/", "gcc-8/bin/x-gcc rwx driver", "gcc-8/bin/x-gcc-8 rwx driver",
		"gcc-8/lib/", "gcc-8/lib/libm.so -> ../lib64/../lib/libm.so.6", "gcc-8/lib/nothing -> no/such/../../file",
		"gcc-8/lib64 -> lib", "gcc-8/sysroot/", "gcc-8/sysroot/lib/",
		"gcc-8/x-c99 -> bin/x-gcc", "gcc-8/x-cc -> bin/x-gcc",
	}
	var stripped []string
	for _, line := range all[2:] {
		stripped = append(stripped, strings.TrimPrefix(line, "gcc-8/"))
	}
	for strip, want := range [][]string{all, stripped} {
		path, dst := filepath.Join(t.TempDir(), "a.tar"), filepath.Join(t.TempDir(), "dst")
		write(t, path, tarOf(t, vendor...))
		seen := int64(0)
		left, err := source.UnpackTree(t.Context(), path, dst, source.Tree{Strip: strip, Progress: func(done, _ int64) { seen = done }})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, short(t, dst)); diff != "" {
			t.Errorf("strip %d (-want +got):\n%s", strip, diff)
		}
		first := []string{"gcc-8/sysroot/lib/libc.so", "sysroot/lib/libc.so"}[strip]
		if diff := cmp.Diff(source.LeftOut{Devices: 2, Links: 1, Example: first}, left); diff != "" {
			t.Errorf("left out (-want +got):\n%s", diff)
		}
		if info, err := os.Stat(path); err != nil || seen != info.Size() {
			t.Errorf("progress ended at %d of %d (%v)", seen, info.Size(), err)
		}
	}
}

func TestUnpackTreeFormats(t *testing.T) {
	plain := tarOf(t, vendor...)
	archives := map[string][]byte{"tar": plain}
	for name, c := range compressors {
		archives[name] = compress(t, c, plain)
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range []string{"bin/x-gcc", "README"} {
		h := &zip.FileHeader{Name: name, Method: zip.Deflate}
		h.SetMode(0o755)
		if _, err := w.CreateHeader(h); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	archives["zip"] = b.Bytes()
	for name, data := range archives {
		path, dst := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "dst")
		write(t, path, data)
		if _, err := source.UnpackTree(t.Context(), path, dst, source.Tree{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(filepath.Join(dst, "README")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestUnpackTreeRefuses(t *testing.T) {
	link := func(name, target string) entry { return entry{name: name, link: target, kind: tar.TypeSymlink} }
	tests := []struct {
		name    string
		strip   int
		entries []entry
		want    string
	}{
		{"up", 0, []entry{{name: "a/../../evil"}}, "outside"},
		{"absolute", 0, []entry{{name: "/etc/passwd"}}, "outside"},
		{"link out", 0, []entry{link("a/l", "../../x")}, "a/l: it is a link to somewhere outside"},
		{"link out through another", 0, []entry{
			link("m", "d/e/l/../../.."), link("d/e/l", "../.."),
		}, "m: it is a link to somewhere outside"},
		{"link out once stripped", 2, vendor, "link to somewhere outside"},
		{"link to nothing", 0, []entry{link("l", "")}, "link to somewhere outside"},
		{"through a link", 0, []entry{{name: "d/", kind: tar.TypeDir}, link("l", "d"), {name: "l/x"}}, "through a link"},
		{"hard link out", 0, []entry{{name: "h", link: "../../etc/passwd", kind: tar.TypeLink}}, "outside"},
		{"hard link to what was stripped", 1, []entry{{name: "f"}, {name: "a/h", link: "f", kind: tar.TypeLink}}, "no file before it"},
		{"file over a folder", 0, []entry{{name: "d/", kind: tar.TypeDir}, {name: "d"}}, "replace a folder"},
		{"strip", 7, vendor, "strip is too large"},
		{"entries", 0, []entry{{name: strings.Repeat("d/", 60) + "f"}}, "more entries"},
		{"bytes", 0, []entry{{name: "f", body: strings.Repeat("x", 1_000_001)}}, "more bytes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tmp := t.TempDir()
			write(t, filepath.Join(tmp, "a"), tarOf(t, test.entries...))
			_, err := source.UnpackTree(t.Context(), filepath.Join(tmp, "a"), filepath.Join(tmp, "dst"), source.Tree{
				Strip: test.strip, Limits: source.Limits{Entries: 50, Bytes: 1_000_000},
			})
			var e *fault.Error
			if !errors.As(err, &e) || !strings.Contains(e.Detail, test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if diff := cmp.Diff([]string{"a"}, names(t, tmp)); diff != "" {
				t.Errorf("left (-want +got):\n%s", diff)
			}
		})
	}
}

// layers writes archives as an image's layers.
func layers(t *testing.T, archives ...[]byte) []source.Layer {
	t.Helper()
	var all []source.Layer
	for i, data := range archives {
		l := source.Layer{Path: filepath.Join(t.TempDir(), "layer"), DiffID: fmt.Sprintf("sha256:%x", sha256.Sum256(data))}
		if i%2 == 1 {
			data = compress(t, []archiver.Compressor{archiver.Gz{}, archiver.Zstd{}}[i/2%2], data)
		}
		write(t, l.Path, data)
		all = append(all, l)
	}
	return all
}

func TestUnpackLayers(t *testing.T) {
	link := func(name, target string) entry { return entry{name: name, link: target, kind: tar.TypeSymlink} }
	dst := filepath.Join(t.TempDir(), "dst")
	left, err := source.UnpackLayers(t.Context(), layers(t,
		tarOf(t,
			entry{name: "./", kind: tar.TypeDir}, link("lib", "usr/lib"), link("./bin", "/usr/bin"),
			entry{name: "usr/lib/old.so", body: "old"}, entry{name: "usr/bin/cc", body: "cc", mode: 0o755},
			entry{name: "opt/gone/a/b"}, entry{name: "opt/kept"}, entry{name: "var/x"}, entry{name: "var/d/y"},
			entry{name: "was/folder/f"}, link("was-link", "usr"), entry{name: "dev/null", kind: tar.TypeChar},
			link("etc/alternatives/cc", "/usr/bin/cc"), link("up", "../../../usr"), link("etc/up", "../../../../bin"),
			link("loop", "loop"), link("root", "/"),
		),
		tarOf(t,
			entry{name: "lib/new.so", body: "new"}, entry{name: "bin/ld", body: "ld", mode: 0o755},
			entry{name: "opt/.wh.gone"}, entry{name: "opt/.wh.nothing"}, entry{name: "var/d/z"}, entry{name: "var/.wh..wh..opq"},
			entry{name: "was/folder", body: "now a file"}, entry{name: "was-link/", kind: tar.TypeDir},
			entry{name: ".wh..wh.aufs"}, entry{name: "usr/bin/hard", link: "usr/bin/cc", kind: tar.TypeLink},
			entry{name: "x/y/z/again", link: "etc/alternatives/cc", kind: tar.TypeLink},
		),
		make([]byte, 1024),
	), dst, source.Tree{})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"bin -> usr/bin", "etc/", "etc/alternatives/", "etc/alternatives/cc -> ../../usr/bin/cc",
		"etc/up -> .././././bin", "lib -> usr/lib", "loop -> loop", "opt/", "opt/kept rw-", "root -> .", "up -> ./././usr",
		"usr/", "usr/bin/", "usr/bin/cc rwx cc", "usr/bin/hard rwx cc", "usr/bin/ld rwx ld",
		"usr/lib/", "usr/lib/new.so rw- new", "usr/lib/old.so rw- old", "var/", "var/d/", "var/d/z rw-",
		"was/", "was-link/", "was/folder rw- now a file", "x/", "x/y/", "x/y/z/", "x/y/z/again -> ../../../usr/bin/cc",
	}
	if diff := cmp.Diff(want, short(t, dst)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if left.Devices != 1 || left.Links != 0 || left.String() != "1 devices, pipes or sockets, such as dev/null" {
		t.Errorf("left out %+v", left)
	}
}

func TestUnpackLayersRefuses(t *testing.T) {
	wrong := layers(t, tarOf(t, entry{name: "f"}))
	wrong[0].DiffID = "sha256:" + strings.Repeat("0", 64)
	cut := layers(t, tarOf(t, entry{name: "f"}), tarOf(t, entry{name: "g", body: string(content)}))
	if err := os.Truncate(cut[1].Path, 2000); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		layers []source.Layer
		want   string
	}{
		"another content":   {wrong, "its content has the sha256"},
		"a broken layer":    {cut, "EOF"},
		"up":                {layers(t, tarOf(t, entry{name: "../f"})), "outside"},
		"a whiteout of all": {layers(t, tarOf(t, entry{name: "f/.wh..."}, entry{name: "f/.wh..."})), "outside"},
		"folder in a loop":  {layers(t, tarOf(t, entry{name: "l", link: "l", kind: tar.TypeSymlink}, entry{name: "l/f"})), "too many links"},
		"nothing":           {layers(t, make([]byte, 1024)), "empty"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dst := filepath.Join(t.TempDir(), "dst")
			_, err := source.UnpackLayers(t.Context(), test.layers, dst, source.Tree{})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if _, err := os.Lstat(dst); !os.IsNotExist(err) {
				t.Errorf("something is left: %v", err)
			}
		})
	}
}

// FuzzUnpackLayers checks that whatever is in layers, nothing is written
// beside the folder and no link in it leads out.
func FuzzUnpackLayers(f *testing.F) {
	link := func(name, target string) entry { return entry{name: name, link: target, kind: tar.TypeSymlink} }
	f.Add(tarOf(f, link("a", "/.."), entry{name: "a/b"}), tarOf(f, entry{name: "a/.wh.b"}))
	f.Add(tarOf(f, link("d/l", "../../.."), link("m", "d/l/../x"), entry{name: "m/f"}), tarOf(f, entry{name: ".wh.d"}, link("d", "m")))
	f.Add(tarOf(f, link("l", "d/../.."), entry{name: "d/", kind: tar.TypeDir}), tarOf(f, link("d", "."), link("e", "l/..")))
	f.Add(tarOf(f, entry{name: "a"}, entry{name: "h", link: "a", kind: tar.TypeLink}), tarOf(f, entry{name: "a/b"}, entry{name: ".wh..wh..opq"}))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		tmp := t.TempDir()
		dst := filepath.Join(tmp, "in", "dst")
		write(t, filepath.Join(tmp, "canary"), []byte("canary"))
		var all []source.Layer
		for i, data := range [][]byte{first, second} {
			path := filepath.Join(tmp, fmt.Sprint(i))
			write(t, path, data)
			all = append(all, source.Layer{Path: path, DiffID: fmt.Sprintf("sha256:%x", sha256.Sum256(data))})
		}
		_, err := source.UnpackLayers(t.Context(), all, dst, source.Tree{Limits: source.Limits{Entries: 100, Bytes: 1 << 20}})
		if diff := cmp.Diff([]string{"0", "1", "canary", "in"}, names(t, tmp)); diff != "" {
			t.Fatalf("written outside (-want +got):\n%s", diff)
		}
		if got, _ := os.ReadFile(filepath.Join(tmp, "canary")); string(got) != "canary" {
			t.Fatal("a file outside was changed")
		}
		if inner := names(t, filepath.Join(tmp, "in")); err != nil && len(inner) > 0 || err == nil && !slices.Equal(inner, []string{"dst"}) {
			t.Fatalf("left %q after %v", inner, err)
		}
		if err != nil {
			return
		}
		root, err := os.OpenRoot(dst)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		_ = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
			if d != nil && d.Type() == fs.ModeSymlink {
				if _, err := root.Stat(name); err != nil && strings.Contains(err.Error(), "escapes") {
					t.Fatalf("the link %s leads out", name)
				}
			}
			return err
		})
	})
}
