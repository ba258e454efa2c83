package source_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mholt/archiver/v4"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/source"
)

// entry is an entry of a tar archive; the type is a regular file by default.
type entry struct {
	name, body, link string
	kind             byte
	mode             int64
}

var then = time.Unix(1_640_000_000, 0)

func tarOf(tb testing.TB, entries ...entry) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{
			Name: e.name, Typeflag: e.kind, Linkname: e.link, Mode: e.mode,
			Size: int64(len(e.body)), ModTime: then,
		}
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if err := w.WriteHeader(h); err != nil {
			tb.Fatal(err)
		}
		if _, err := w.Write([]byte(e.body)); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// good is an archive that is fine.
var good = []entry{
	{name: "./top/", kind: tar.TypeDir, mode: 0o700},
	{name: "./top/run.sh", body: "#!/bin/sh\n", mode: 0o4711},
	{name: "top/src/a/b.c", body: "int b;\n", mode: 0o600},
	{name: "top/src/a/", kind: tar.TypeDir, mode: 0o500},
	{name: "top/link", link: "src/a/b.c", kind: tar.TypeSymlink},
	{name: "top/src/up", link: "../run.sh", kind: tar.TypeSymlink},
	{name: "top/hard", link: "top/run.sh", kind: tar.TypeLink},
	{name: "top/run.sh", body: "#!/bin/ash\n", mode: 0o755},
}

var goodTree = []string{
	". drwxr-xr-x",
	"hard -rwxr-xr-x 1640000000 #!/bin/sh\n",
	"link Lrwxrwxrwx src/a/b.c",
	"run.sh -rwxr-xr-x 1640000000 #!/bin/ash\n",
	"src drwxr-xr-x 0",
	"src/a drwxr-xr-x 1640000000",
	"src/a/b.c -rw-r--r-- 1640000000 int b;\n",
	"src/up Lrwxrwxrwx ../run.sh",
}

// tree lists what is in a folder.
func tree(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		fi, err := d.Info()
		if err != nil {
			return err
		}
		line := fmt.Sprintf("%s %v", rel, fi.Mode())
		switch {
		case d.Type() == fs.ModeSymlink:
			to, _ := os.Readlink(path)
			line += " " + to
		case d.Type().IsRegular():
			data, _ := os.ReadFile(path)
			line += fmt.Sprintf(" %d %s", fi.ModTime().Unix(), data)
		case rel != ".":
			line += fmt.Sprintf(" %d", fi.ModTime().Unix())
		}
		all = append(all, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

func compress(t testing.TB, c archiver.Compressor, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := c.OpenWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var compressors = map[string]archiver.Compressor{
	"bz2": archiver.Bz2{}, "gz": archiver.Gz{}, "xz": archiver.Xz{}, "zst": archiver.Zstd{},
}

func TestUnpack(t *testing.T) {
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	tmp := t.TempDir()
	plain := tarOf(t, good...)
	archives := map[string][]byte{"plain": plain}
	for name, c := range compressors {
		archives[name] = compress(t, c, plain)
	}
	half := len(plain) / 2
	archives["two bz2 streams"] = append(compress(t, archiver.Bz2{}, plain[:half]), compress(t, archiver.Bz2{}, plain[half:])...)
	for name, data := range archives {
		t.Run(name, func(t *testing.T) {
			path, dst := filepath.Join(tmp, "archive"), filepath.Join(t.TempDir(), "new", "dst")
			write(t, path, data)
			if err := source.Unpack(t.Context(), path, dst, source.Limits{}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(goodTree, tree(t, dst)); diff != "" {
				t.Errorf("tree (-want +got):\n%s", diff)
			}
			if err := source.Unpack(t.Context(), path, dst, source.Limits{}); !errors.Is(err, syscall.ENOTEMPTY) {
				t.Errorf("unpacking into a full folder gives %v", err)
			}
		})
	}
}

// TestUnpackDamaged cuts archives short and flips a bit near their end,
// where the checksum is.
func TestUnpackDamaged(t *testing.T) {
	plain := tarOf(t, append(slices.Clone(good), entry{name: "top/large", body: string(content)})...)
	for name, c := range compressors {
		whole := compress(t, c, plain)
		for _, cut := range []int{1, 3, 100, len(whole) / 2, len(whole) - 10} {
			unpackFails(t, fmt.Sprintf("%s less %d bytes", name, cut), whole[:len(whole)-cut], "")
		}
		if name == "zst" || name == "gz" {
			flipped := slices.Clone(whole)
			flipped[len(flipped)-5] ^= 1
			unpackFails(t, name+" with a wrong bit", flipped, "")
		}
	}
	unpackFails(t, "half a tar", plain[:200_000], "unexpected EOF")
}

// unpackFails checks that an archive is refused with a reason and that
// nothing is left.
func unpackFails(t *testing.T, name string, data []byte, want string) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		tmp := t.TempDir()
		path, dst := filepath.Join(tmp, "archive"), filepath.Join(tmp, "dst")
		write(t, path, data)
		err := source.Unpack(t.Context(), path, dst, source.Limits{Entries: 50, Bytes: 1_000_000})
		var e *fault.Error
		if !errors.As(err, &e) || e.Summary != "Archive not usable" || !strings.Contains(e.Detail, want) || e.Remedy == "" {
			t.Errorf("got %v, want %q", err, want)
		}
		if diff := cmp.Diff([]string{"archive"}, names(t, tmp)); diff != "" {
			t.Errorf("left (-want +got):\n%s", diff)
		}
	})
}

func TestUnpackRefused(t *testing.T) {
	many := make([]entry, 60)
	for i := range many {
		many[i] = entry{name: fmt.Sprintf("a/%d", i)}
	}
	deep := entry{name: "a" + strings.Repeat("/d", 60)}
	tests := []struct {
		name    string
		entries []entry
		want    string
	}{
		{"up", []entry{{name: "a/../../evil"}}, "outside"},
		{"absolute", []entry{{name: "/etc/passwd"}}, "outside"},
		{"link out", []entry{{name: "a/l", link: "../x", kind: tar.TypeSymlink}}, "a link to somewhere outside"},
		{"link to root", []entry{{name: "a/l", link: "/", kind: tar.TypeSymlink}}, "a link to somewhere outside"},
		{"link to nothing", []entry{{name: "a/l", kind: tar.TypeSymlink}}, "a link to somewhere outside"},
		{"link up after down", []entry{{name: "a/l", link: "d/../../x", kind: tar.TypeSymlink}}, "a link to somewhere outside"},
		{"link chain", []entry{
			{name: "a/d/e/l", link: ".", kind: tar.TypeSymlink},
			{name: "a/m", link: "d/e/l/../../..", kind: tar.TypeSymlink},
		}, "a link to somewhere outside"},
		{"through a link", []entry{
			{name: "a/d/", kind: tar.TypeDir}, {name: "a/l", link: "d", kind: tar.TypeSymlink}, {name: "a/l/x"},
		}, "through a link"},
		{"folder over a link", []entry{
			{name: "a/l", link: "d", kind: tar.TypeSymlink}, {name: "a/l/", kind: tar.TypeDir},
		}, "through a link"},
		{"below a file", []entry{{name: "a/f"}, {name: "a/f/g"}}, "through a link or a file"},
		{"file over a folder", []entry{{name: "a/d/", kind: tar.TypeDir}, {name: "a/d"}}, "replace a folder"},
		{"hard link out", []entry{{name: "a/h", link: "../../etc/passwd", kind: tar.TypeLink}}, "outside"},
		{"hard link to what is not there", []entry{{name: "a/h", link: "a/f", kind: tar.TypeLink}}, "no file before it"},
		{"hard link to a link", []entry{
			{name: "a/l", link: "f", kind: tar.TypeSymlink}, {name: "a/h", link: "a/l", kind: tar.TypeLink},
		}, "no file before it"},
		{"device", []entry{{name: "a/null", kind: tar.TypeChar}}, "neither a file"},
		{"pipe", []entry{{name: "a/p", kind: tar.TypeFifo}}, "neither a file"},
		{"two tops", []entry{{name: "a/f"}, {name: "b/f"}}, "no single top folder"},
		{"no top", []entry{{name: "f"}}, "where the top folder should be"},
		{"empty", nil, "no tar"},
		{"too many", many, "more entries"},
		{"too deep", []entry{deep}, "more entries"},
		{"too large", []entry{{name: "a/f", body: strings.Repeat("x", 1_000_001)}}, "more bytes"},
		{"escape codes", []entry{{name: "a/\x1b[31m/../.."}}, "a/?[31m/../..: it would be"},
		{"long name", []entry{{name: "a/" + strings.Repeat("n", 300)}}, "file name too long"},
	}
	for _, tt := range tests {
		unpackFails(t, tt.name, tarOf(t, tt.entries...), tt.want)
	}
	unpackFails(t, "nothing", nil, "")
	unpackFails(t, "text", []byte("hello"), "no tar")
	unpackFails(t, "page", []byte("<html>"), "HTML page")
	bomb := compress(t, archiver.Gz{}, make([]byte, 1<<10))
	unpackFails(t, "zeros", bomb, "it is empty")
}

func TestUnpackZip(t *testing.T) {
	zipOf := func(add func(w *zip.Writer)) []byte {
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		add(w)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	put := func(w *zip.Writer, name, body string, mode fs.FileMode, method uint16) {
		h := &zip.FileHeader{Name: name, Method: method, Modified: then}
		h.SetMode(mode)
		f, err := w.CreateHeader(h)
		if err == nil {
			_, err = f.Write([]byte(body))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	data := zipOf(func(w *zip.Writer) {
		put(w, "top/f", "body", 0o711, zip.Deflate)
		put(w, "top/l", "f", fs.ModeSymlink|0o777, zip.Store)
	})
	path, dst := filepath.Join(t.TempDir(), "a.zip"), filepath.Join(t.TempDir(), "dst")
	write(t, path, data)
	if err := source.Unpack(t.Context(), path, dst, source.Limits{}); err != nil {
		t.Fatal(err)
	}
	want := []string{". drwxr-xr-x", "f -rwxr-xr-x 1640000000 body", "l Lrwxrwxrwx f"}
	if diff := cmp.Diff(want, tree(t, dst)); diff != "" {
		t.Errorf("tree (-want +got):\n%s", diff)
	}
	unpackFails(t, "link out", zipOf(func(w *zip.Writer) {
		put(w, "top/l", "../f", fs.ModeSymlink|0o777, zip.Store)
	}), "a link to somewhere outside")
	unpackFails(t, "up", zipOf(func(w *zip.Writer) { put(w, "top/../../f", "", 0o644, zip.Store) }), "outside")
	odd := bytes.ReplaceAll(data, []byte{8, 0}, []byte{95, 0}) // method deflate to xz
	unpackFails(t, "method", odd, "method other than deflate")
	unpackFails(t, "half", data[:len(data)/2], "")
}

func TestUnpackCancel(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("interrupted")
	cancel(stop)
	path, dst := filepath.Join(t.TempDir(), "a.tar"), t.TempDir()
	write(t, path, tarOf(t, good...))
	if err := source.Unpack(ctx, path, dst, source.Limits{}); !errors.Is(err, stop) {
		t.Errorf("got %v, want the cause of the context", err)
	}
	if left := names(t, dst); len(left) > 0 {
		t.Errorf("left %q", left)
	}
}

// TestUnpackAsTar compares with GNU tar, which packs and unpacks as well.
func TestUnpackAsTar(t *testing.T) {
	if _, err := exec.LookPath("bzip2"); err != nil {
		t.Skip("needs bzip2, of the Debian package bzip2")
	}
	src := t.TempDir()
	for i := range 40 {
		dir := filepath.Join(src, "top", fmt.Sprint("d", i%5), strings.Repeat("long", i))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, "file"), content[:i*1000])
	}
	path, dst := filepath.Join(src, "a.tar.bz2"), t.TempDir()
	pack := exec.CommandContext(t.Context(), "tar", "-C", src, "--mode=u=rwX,go=rX", "-cjf", path, "top")
	if out, err := pack.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := source.Unpack(t.Context(), path, dst, source.Limits{}); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "diff", "-r", filepath.Join(src, "top"), dst).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// FuzzUnpack checks that whatever is in an archive, nothing is written
// beside the folder and no link in it leads out.
func FuzzUnpack(f *testing.F) {
	f.Add(tarOf(f, good...))
	f.Add(tarOf(f, entry{name: "a/l", link: "..", kind: tar.TypeSymlink}, entry{name: "a/l/x"}))
	f.Add(tarOf(f, entry{name: "a/d/l", link: "..", kind: tar.TypeSymlink}, entry{name: "a/d/l/d/l/x"}))
	f.Add(tarOf(f, entry{name: "a/h", link: "a/../../canary", kind: tar.TypeLink}))
	for _, c := range compressors {
		f.Add(compress(f, c, tarOf(f, good...)))
	}
	f.Add([]byte("PK\x03\x04\x14\x00\x00\x00\x5f\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		tmp := t.TempDir()
		path, dst := filepath.Join(tmp, "archive"), filepath.Join(tmp, "in", "dst")
		write(t, path, data)
		write(t, filepath.Join(tmp, "canary"), []byte("canary"))
		err := source.Unpack(t.Context(), path, dst, source.Limits{Entries: 100, Bytes: 1 << 20})
		if diff := cmp.Diff([]string{"archive", "canary", "in"}, names(t, tmp)); diff != "" {
			t.Fatalf("written outside (-want +got):\n%s", diff)
		}
		if got, _ := os.ReadFile(filepath.Join(tmp, "canary")); string(got) != "canary" {
			t.Fatal("a file outside was changed")
		}
		inner := names(t, filepath.Join(tmp, "in"))
		if err != nil {
			if len(inner) > 0 {
				t.Fatalf("left %q", inner)
			}
			return
		}
		if !slices.Equal(inner, []string{"dst"}) {
			t.Fatalf("written outside: %q", inner)
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
