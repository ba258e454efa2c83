package source_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/source"
)

// put writes an archive to a file.
func put(tb testing.TB, archive []byte) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "archive")
	if err := os.WriteFile(path, archive, 0o644); err != nil {
		tb.Fatal(err)
	}
	return path
}

// listed reads an archive, and shows each member and its content. Content that
// is in the archive as it is must be found there.
func listed(ctx context.Context, path string, limits source.Limits) ([]string, error) {
	var list []string
	err := source.Members(ctx, path, limits, func(m source.Member, content io.Reader) error {
		text, err := io.ReadAll(content)
		if err != nil {
			return err
		}
		if int64(len(text)) != m.Size {
			return fmt.Errorf("%s has %d bytes, not %d", m.Name, len(text), m.Size)
		}
		if m.Offset >= 0 && m.Size > 0 {
			file, err := os.Open(path)
			if err != nil {
				return err
			}
			defer file.Close()
			direct := make([]byte, m.Size)
			if _, err := file.ReadAt(direct, m.Offset); err != nil || !bytes.Equal(direct, text) {
				return fmt.Errorf("%s isn't at %d: %w", m.Name, m.Offset, err)
			}
		}
		line := fmt.Sprintf("%s %s %o %d:%d", m.Name, m.Type, m.Mode, m.UID, m.GID)
		if m.Type&fs.ModeDevice != 0 {
			line += fmt.Sprintf(" %d,%d", m.Major, m.Minor)
		}
		if m.Link {
			line += " link"
		}
		if m.Target != "" {
			line += " " + m.Target
		}
		for name, value := range m.Xattrs {
			line += fmt.Sprintf(" %s=%q", name, value)
		}
		list = append(list, line+" "+string(text))
		return nil
	})
	return list, err
}

// mixed is an archive with one of everything.
func mixed(tb testing.TB) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range []tar.Header{
		{Name: "./", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "./bin/su", Typeflag: tar.TypeReg, Mode: 0o4755, Uid: 0, Gid: 7, Size: 4},
		{Name: "/etc/absolute", Typeflag: tar.TypeReg, Mode: 0o600, Uid: 1 << 31, Size: 4},
		{Name: "bin/su2", Typeflag: tar.TypeLink, Linkname: "./bin/su"},
		{Name: "bin/sh", Typeflag: tar.TypeSymlink, Mode: 0o777, Linkname: "../../busybox"},
		{Name: "dev/null", Typeflag: tar.TypeChar, Mode: 0o666, Devmajor: 1, Devminor: 3},
		{Name: "dev/sda", Typeflag: tar.TypeBlock, Mode: 0o660, Devmajor: 8},
		{Name: "dev/pipe", Typeflag: tar.TypeFifo, Mode: 0o600},
		{Name: "odd\n\xff\"name", Typeflag: tar.TypeReg, Mode: 0o644, PAXRecords: map[string]string{"SCHILY.xattr.user.a": "\x00b"}},
	} {
		if err := w.WriteHeader(&h); err != nil {
			tb.Fatal(err)
		}
		if h.Size > 0 {
			if _, err := w.Write([]byte("text")); err != nil {
				tb.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

var mixedList = []string{
	". d--------- 755 0:0 ",
	"bin/su ---------- 4755 0:7 text",
	"etc/absolute ---------- 600 2147483648:0 text",
	"bin/su2 ---------- 0 0:0 link bin/su ",
	"bin/sh L--------- 777 0:0 ../../busybox ",
	"dev/null Dc--------- 666 0:0 1,3 ",
	"dev/sda D--------- 660 0:0 8,0 ",
	"dev/pipe p--------- 600 0:0 ",
	"odd\n\xff\"name ---------- 644 0:0 user.a=\"\\x00b\" ",
}

func TestMembers(t *testing.T) {
	plain := mixed(t)
	for _, tool := range []string{"", "gzip", "bzip2", "xz", "zstd"} {
		t.Run(tool, func(t *testing.T) {
			archive := plain
			if tool != "" {
				path, err := exec.LookPath(tool)
				if err != nil {
					t.Skipf("needs %s", tool)
				}
				cmd := exec.CommandContext(t.Context(), path, "-c")
				cmd.Stdin = bytes.NewReader(plain)
				if archive, err = cmd.Output(); err != nil {
					t.Fatal(err)
				}
			}
			path := put(t, archive)
			if err := source.IsArchive(path); err != nil {
				t.Error(err)
			}
			got, err := listed(t.Context(), path, source.Limits{})
			if diff := cmp.Diff(mixedList, got); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
			if _, err := listed(t.Context(), put(t, archive[:len(archive)*2/3]), source.Limits{}); err == nil {
				t.Error("two thirds of it are enough")
			}
		})
	}
}

func TestMembersOfZip(t *testing.T) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range []struct {
		name, body string
		mode       fs.FileMode
	}{
		{"d/", "", fs.ModeDir | 0o700}, {"d/run", "#!", 0o755 | fs.ModeSetuid}, {"d/link", "run", fs.ModeSymlink | 0o777}, {"/abs", "x", 0o640},
	} {
		h := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Extra: []byte("ux\x0b\x00\x01\x04\x21\x00\x00\x00\x04\x22\x00\x00\x00")}
		h.SetMode(f.mode)
		one, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := one.Write([]byte(f.body)); err != nil {
			t.Fatal(err)
		}
	}
	if one, err := w.Create("dos"); err != nil {
		t.Fatal(err)
	} else if _, err := one.Write([]byte("y")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := listed(t.Context(), put(t, b.Bytes()), source.Limits{})
	want := []string{"d d--------- 700 33:34 ", "d/run ---------- 4755 33:34 #!", "d/link L--------- 777 33:34 run ",
		"abs ---------- 640 33:34 x", "dos ---------- 644 0:0 y"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	escaping := bytes.ReplaceAll(b.Bytes(), []byte("/abs"), []byte("../a"))
	if _, err := listed(t.Context(), put(t, escaping), source.Limits{}); err == nil || !strings.Contains(err.Error(), "outside") {
		t.Errorf("a name with ..: %v", err)
	}
}

// TestMembersOfCpio reads what GNU cpio writes, whose content of a file with
// several names is with the last.
func TestMembersOfCpio(t *testing.T) {
	tool, err := exec.LookPath("cpio")
	if err != nil {
		t.Skip("needs GNU cpio (Debian package cpio)")
	}
	dir := t.TempDir()
	for _, err := range []error{
		os.Mkdir(filepath.Join(dir, "d"), 0o755), os.Chmod(filepath.Join(dir, "d"), 0o750), os.WriteFile(filepath.Join(dir, "d/a"), []byte("text"), 0o600),
		os.Link(filepath.Join(dir, "d/a"), filepath.Join(dir, "d/b")), os.Link(filepath.Join(dir, "d/a"), filepath.Join(dir, "d/c")),
		os.WriteFile(filepath.Join(dir, "e1"), nil, 0o644), os.Link(filepath.Join(dir, "e1"), filepath.Join(dir, "e2")),
		os.Symlink("../x", filepath.Join(dir, "l")), os.WriteFile(filepath.Join(dir, "odd\xff\n"), []byte("odd"), 0o644),
		os.Chmod(filepath.Join(dir, "e1"), 0o644), os.Chmod(filepath.Join(dir, "odd\xff\n"), 0o644),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), tool, "--quiet", "-0oH", "newc", "-R", "5:6")
	cmd.Dir, cmd.Stdin = dir, strings.NewReader("d\x00d/a\x00d/b\x00d/c\x00e1\x00e2\x00l\x00odd\xff\n\x00")
	archive, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"d d--------- 750 5:6 ", "d/c ---------- 600 5:6 text", "d/b ---------- 0 0:0 link d/c ", "d/a ---------- 0 0:0 link d/c ",
		"l L--------- 777 5:6 ../x ", "odd\xff\n ---------- 644 5:6 odd", "e1 ---------- 644 5:6 ", "e2 ---------- 0 0:0 link e1 ",
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := z.Write(archive); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for _, one := range [][]byte{archive, zipped.Bytes()} {
		path := put(t, one)
		got, err := listed(t.Context(), path, source.Limits{})
		if diff := cmp.Diff(want, got); diff != "" || err != nil || source.IsArchive(path) != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
	for name, bad := range map[string][]byte{
		"cut": archive[:len(archive)/2], "upwards": bytes.Replace(archive, []byte("d/a\x00"), []byte("../\x00"), 1), "two": append(bytes.Clone(archive), archive...),
		"number": bytes.Replace(archive, []byte("07070"), []byte("07071"), 2),
	} {
		if got, err := listed(t.Context(), put(t, bad), source.Limits{}); err == nil {
			t.Errorf("%s: %q", name, got)
		}
	}
	if _, err := listed(t.Context(), put(t, archive), source.Limits{Entries: 5}); err == nil {
		t.Error("it has more entries than are allowed")
	}
}

func TestMembersRefuses(t *testing.T) {
	tests := map[string]struct {
		entries []entry
		limits  source.Limits
		want    string
	}{
		"upwards":        {entries: []entry{{name: "a/../../b"}}, want: "outside of the folder"},
		"upwards inside": {entries: []entry{{name: "a/../b"}}, want: "outside of the folder"},
		"link upwards":   {entries: []entry{{name: "a", kind: tar.TypeLink, link: "../../etc/passwd"}}, want: `"../../etc/passwd"`},
		"odd type":       {entries: []entry{{name: "a", kind: 'Z'}}, want: `unknown type 'Z'`},
		"no target":      {entries: []entry{{name: "a", kind: tar.TypeSymlink}}, want: "target"},
		"too many":       {entries: []entry{{name: "a"}, {name: "b"}, {name: "c"}}, limits: source.Limits{Entries: 2}, want: "more entries"},
		"too large":      {entries: []entry{{name: "a", body: "12"}, {name: "b", body: "34"}}, limits: source.Limits{Bytes: 3}, want: "more bytes"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := listed(t.Context(), put(t, tarOf(t, test.entries...)), test.limits)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), fmt.Sprintf("%q", test.entries[len(test.entries)-1].name)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
	for name, archive := range map[string][]byte{"empty": nil, "text": []byte("hello"), "page": []byte("<!DOCTYPE html><html>")} {
		path := put(t, archive)
		if _, err := listed(t.Context(), path, source.Limits{}); err == nil || source.IsArchive(path) == nil {
			t.Errorf("%s is an archive", name)
		}
	}
	if _, err := listed(t.Context(), t.TempDir(), source.Limits{}); err == nil {
		t.Error("a folder is an archive")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := listed(ctx, put(t, mixed(t)), source.Limits{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	broken := errors.New("no more")
	err := source.Members(t.Context(), put(t, mixed(t)), source.Limits{}, func(source.Member, io.Reader) error { return broken })
	if !errors.Is(err, broken) {
		t.Errorf("the error of visit is lost: %v", err)
	}
}

// TestMembersSparse reads files with holes, as GNU tar packs them in each of
// its notations.
func TestMembersSparse(t *testing.T) {
	gnutar, err := exec.LookPath("tar")
	if err != nil {
		t.Skip("needs GNU tar (Debian package tar)")
	}
	dir := t.TempDir()
	file, err := os.Create(filepath.Join(dir, "holes"))
	if err != nil {
		t.Fatal(err)
	}
	const size = 3 << 20
	_, errA := file.WriteAt([]byte("middle"), 1<<20)
	if err := errors.Join(errA, file.Truncate(size), file.Close()); err != nil {
		t.Fatal(err)
	}
	for _, format := range [][]string{
		{"--format=gnu"}, {"--format=posix", "--sparse-version=0.0"}, {"--format=posix", "--sparse-version=0.1"}, {"--format=posix", "--sparse-version=1.0"},
	} {
		archive := filepath.Join(t.TempDir(), "a.tar")
		args := append(format, "-Scf", archive, "-C", dir, "holes")
		if out, err := exec.CommandContext(t.Context(), gnutar, args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if info, err := os.Stat(archive); err != nil || info.Size() > 1<<20 {
			t.Skipf("the file system has no holes: %v", err)
		}
		err := source.Members(t.Context(), archive, source.Limits{}, func(m source.Member, content io.Reader) error {
			text, err := io.ReadAll(content)
			if m.Name != "holes" || m.Size != size || len(text) != size || m.Offset != -1 ||
				strings.TrimLeft(string(text), "\x00")[:7] != "middle\x00" || bytes.Index(text, []byte("middle")) != 1<<20 {
				t.Errorf("%v: %s has %d bytes of %d, at %d", format, m.Name, len(text), m.Size, m.Offset)
			}
			return err
		})
		if err != nil {
			t.Errorf("%v: %v", format, err)
		}
	}
}

// FuzzMembers checks that no archive gets a name out.
func FuzzMembers(f *testing.F) {
	f.Add(mixed(f))
	f.Add(tarOf(f, good...))
	f.Add(zipSeed(f))
	f.Add([]byte("\x1f\x8b\x08\x00"))
	f.Add([]byte("0707010000000100008180000000000000000000000002000000000000000400000000000000000000000000000000000000020000000Aa\x00\x00\x00text"))
	f.Fuzz(func(t *testing.T, archive []byte) {
		limits := source.Limits{Entries: 100, Bytes: 1 << 20}
		var bytes int64
		count := 0
		_ = source.Members(t.Context(), put(t, archive), limits, func(m source.Member, content io.Reader) error {
			count++
			n, err := io.Copy(io.Discard, content)
			bytes += n
			if err == nil && n > m.Size || count > limits.Entries || bytes > limits.Bytes {
				t.Fatalf("%d entries, %d bytes, %q has %d", count, bytes, m.Name, n)
			}
			for _, name := range []string{m.Name, m.Target} {
				if (name == m.Name || m.Link) && !fs.ValidPath(strings.ToValidUTF8(name, "x")) {
					t.Fatalf("%q is no clean name", name)
				}
			}
			return err
		})
	})
}

// zipSeed is a small zip archive.
func zipSeed(tb testing.TB) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	one, err := w.Create("a/b")
	if err == nil {
		_, err = one.Write([]byte("text"))
	}
	if err := errors.Join(err, w.Close()); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}
