package rootfs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzResolve checks what holds for whatever path and symlinks: the result is
// clean, inside, and goes through no symlink.
func FuzzResolve(f *testing.F) {
	f.Add("lib/x", "usr/lib", "a")
	f.Add("a/b/c", "/", "../../..")
	f.Add("a", "a", "a")
	f.Add("a/../b", "b/./c", "//")
	f.Fuzz(func(t *testing.T, path, first, second string) {
		tr := newTree()
		tr.set("a", &node{kind: Symlink, more: &extra{target: first}})
		tr.set("b", &node{kind: Directory})
		tr.set("b/c", &node{kind: Symlink, more: &extra{target: second}})
		for _, whole := range []bool{false, true} {
			at, err := tr.resolve(path, whole)
			if err != nil {
				continue
			}
			if at != "" && (strings.HasPrefix(at, "/") || filepath.Clean("/"+at) != "/"+at) {
				t.Fatalf("%q is %q, which is not clean", path, at)
			}
			for i := range at {
				if n := tr.get(at[:i]); at[i] == '/' && n != nil && n.kind == Symlink {
					t.Fatalf("%q is %q, which goes through the symlink %q", path, at, at[:i])
				}
			}
			if n := tr.get(at); whole && n != nil && n.kind == Symlink {
				t.Fatalf("%q is the symlink %q", path, at)
			}
		}
	})
}

func TestResolveAsTheKernel(t *testing.T) {
	dir := write(t, t.TempDir(), map[string]string{
		"usr/lib/x": "1", "lib": "->usr/lib", "usr/up": "->..", "deep/a/b": "->../../lib", "self": "->.",
	})
	tr := newTree()
	if err := addFolder(t.Context(), tr, &folder{dir: dir, from: &origin{}}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"lib/x", "usr/up/lib/x", "deep/a/b/x", "self/self/lib/x", "usr/up/usr/up/usr/lib/x"} {
		at, err := tr.resolve(path, true)
		if err != nil {
			t.Fatal(err)
		}
		real, err := filepath.EvalSymlinks(filepath.Join(dir, path))
		if err != nil {
			t.Fatal(err)
		}
		top, err := filepath.EvalSymlinks(dir)
		if err != nil {
			t.Fatal(err)
		}
		if want, _ := filepath.Rel(top, real); at != want {
			t.Errorf("%s is %s, want %s", path, at, want)
		}
		if _, err := os.Lstat(filepath.Join(dir, at)); err != nil {
			t.Error(err)
		}
	}
}
