package source_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/source"
	"github.com/mkmini/mkmini/core/source/apt/apttest"
)

// debOf returns a Debian package with files.
func debOf(tb testing.TB, ending string, entries ...entry) []byte {
	data := tarOf(tb, entries...)
	if c, ok := compressors[ending]; ok {
		data, ending = compress(tb, c, data), "."+ending
	}
	return apttest.Ar(
		apttest.Member{Name: "debian-binary", Data: []byte("2.0\n")},
		apttest.Member{Name: "control.tar", Data: tarOf(tb, entry{name: "./control", body: "Package: a\nVersion: 1\nArchitecture: all\n"})},
		apttest.Member{Name: "data.tar" + ending, Data: data},
	)
}

// bothWays runs a test with dpkg-deb, if it is there, and without it.
func bothWays(t *testing.T, do func(t *testing.T)) {
	t.Helper()
	if _, err := exec.LookPath("dpkg-deb"); err == nil {
		t.Run("dpkg-deb", do)
	}
	t.Run("Go", func(t *testing.T) {
		t.Setenv("PATH", "")
		do(t)
	})
}

func TestUnpackPackages(t *testing.T) {
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	library := []entry{
		{name: "./", kind: tar.TypeDir},
		{name: "./lib/", kind: tar.TypeDir, mode: 0o700},
		{name: "./lib/x/libz.so.1.2", body: "z", mode: 0o644},
		{name: "./lib/x/libz.so.1", link: "libz.so.1.2", kind: tar.TypeSymlink},
		{name: "./usr/lib/x/libz.so", link: "/lib/x/libz.so.1", kind: tar.TypeSymlink},
		{name: "./lib/x/up", link: "../../usr/bin/cc", kind: tar.TypeSymlink},
		{name: "./lib/x/hard", link: "./lib/x/libz.so.1.2", kind: tar.TypeLink},
		{name: "./usr/share/doc/README", body: "long"},
		{name: "./usr/sharewares", body: "kept"},
	}
	compiler := []entry{
		{name: "./usr/lib/gcc/as", link: "../../bin/as", kind: tar.TypeSymlink},
		{name: "./usr/lib/gcc/out", link: "/../../etc/passwd", kind: tar.TypeSymlink},
		{name: "./usr/bin/cc", body: "cc", mode: 0o4755},
		{name: "./dev/null", kind: tar.TypeChar},
		{name: "./usr/sharewares", body: "replaced"},
	}
	want := []string{
		"usr/", "usr/bin/", "usr/bin/cc rwx cc", "usr/lib/", "usr/lib/gcc/",
		"usr/lib/gcc/as -> ../../bin/as", "usr/lib/gcc/out -> ../../../etc/passwd",
		"usr/lib/x/", "usr/lib/x/hard rw- z", "usr/lib/x/libz.so -> ../../../usr/lib/x/libz.so.1",
		"usr/lib/x/libz.so.1 -> ../../../usr/lib/x/libz.so.1.2", "usr/lib/x/libz.so.1.2 rw- z",
		"usr/lib/x/up -> ../../../usr/bin/cc", "usr/sharewares rw- replaced",
	}
	for _, ending := range []string{"", "gz", "xz", "zst"} {
		bothWays(t, func(t *testing.T) {
			dir := t.TempDir()
			files := []string{filepath.Join(dir, "a"), filepath.Join(dir, "b")}
			write(t, files[0], debOf(t, ending, library...))
			write(t, files[1], debOf(t, ending, compiler...))
			dst := filepath.Join(dir, "dst")
			var seen []int
			err := source.UnpackPackages(t.Context(), files, dst, source.Packages{
				Without: []string{"usr/share"}, Progress: func(done int) { seen = append(seen, done) },
			})
			if err != nil {
				t.Fatalf("%s: %v", ending, err)
			}
			if diff := cmp.Diff(want, short(t, dst)); diff != "" {
				t.Errorf("%s: tree (-want +got):\n%s", ending, diff)
			}
			if diff := cmp.Diff([]int{1, 2}, seen); diff != "" {
				t.Errorf("progress (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUnpackPackagesRefused(t *testing.T) {
	good := debOf(t, "gz", entry{name: "./a", body: "a"})
	tests := []struct {
		name   string
		data   []byte
		limits source.Limits
		want   string
	}{
		{"up", debOf(t, "gz", entry{name: "./a/../../evil"}), source.Limits{}, "outside of the folder"},
		{"below a file", debOf(t, "gz", entry{name: "./f"}, entry{name: "./f/g"}), source.Limits{}, "through a link or a file"},
		{"no package", []byte("hello"), source.Limits{}, "no Debian package"},
		{"nothing", nil, source.Limits{}, "no Debian package"},
		{"half of it", good[:len(good)-40], source.Limits{}, ""},
		{"no files", apttest.Ar(apttest.Member{Name: "debian-binary", Data: []byte("2.0\n")}), source.Limits{}, "without data.tar"},
		{"odd size", bytes.Replace(good, []byte("4         `"), []byte("-4        `"), 1), source.Limits{}, "damaged"},
		{"too many", debOf(t, "gz", entry{name: "./a"}, entry{name: "./b"}, entry{name: "./c"}), source.Limits{Entries: 2}, "more entries"},
		{"too large", debOf(t, "gz", entry{name: "./a", body: strings.Repeat("x", 5000)}), source.Limits{Bytes: 4999}, "more bytes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bothWays(t, func(t *testing.T) {
				dir := t.TempDir()
				first, second := filepath.Join(dir, "good.deb"), filepath.Join(dir, "x.deb")
				write(t, first, debOf(t, "gz"))
				write(t, second, test.data)
				dst := filepath.Join(dir, "in", "dst")
				err := source.UnpackPackages(t.Context(), []string{first, second}, dst, source.Packages{Limits: test.limits})
				var f *fault.Error
				if !errors.As(err, &f) || !strings.Contains(f.Detail, test.want) || !strings.Contains(f.Detail, second) {
					t.Errorf("error is %v, want %q", err, test.want)
				}
				if left := names(t, filepath.Join(dir, "in")); len(left) > 0 {
					t.Errorf("left %q", left)
				}
			})
		})
	}
}

func TestUnpackPackagesCancel(t *testing.T) {
	bothWays(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		stop := errors.New("interrupted")
		dir := t.TempDir()
		file := filepath.Join(dir, "a.deb")
		write(t, file, debOf(t, "gz", entry{name: "./a", body: "a"}))
		dst := filepath.Join(dir, "dst")
		err := source.UnpackPackages(ctx, []string{file, file}, dst, source.Packages{Progress: func(int) { cancel(stop) }})
		if !errors.Is(err, stop) {
			t.Errorf("error is %v, want the cause of the context", err)
		}
		if _, err := os.Lstat(dst); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("it left %s: %v", dst, err)
		}
	})
}

// FuzzUnpackPackages checks that no package writes outside of its folder or
// leaves a link that leads out.
func FuzzUnpackPackages(f *testing.F) {
	f.Setenv("PATH", "")
	for _, ending := range []string{"", "gz", "xz", "zst"} {
		f.Add(debOf(f, ending, entry{name: "./lib/a", body: "a"}, entry{name: "./lib/l", link: "/lib/a", kind: tar.TypeSymlink}))
	}
	f.Add(debOf(f, "", entry{name: "./lib/../../x"}, entry{name: "../x", link: "..", kind: tar.TypeLink}))
	f.Add(debOf(f, "", entry{name: "./d/l", link: "../..", kind: tar.TypeSymlink}, entry{name: "./d/l/x"}))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		file, dst := filepath.Join(dir, "a.deb"), filepath.Join(dir, "in", "dst")
		write(t, file, data)
		err := source.UnpackPackages(t.Context(), []string{file}, dst, source.Packages{
			Limits: source.Limits{Entries: 100, Bytes: 1 << 20}, Without: []string{"usr/share"},
		})
		if left := fmt.Sprint(names(t, dir)); left != "[a.deb in]" && left != "[a.deb]" {
			t.Fatalf("wrote %s", left)
		}
		if err != nil {
			return
		}
		root, err := os.OpenRoot(dst)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		err = fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.Type() != fs.ModeSymlink {
				return nil
			}
			if _, err := root.Stat(path); err != nil && strings.Contains(err.Error(), "escapes") {
				return err
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}
