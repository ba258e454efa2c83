package clone_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mkmini/mkmini/core/clone"
)

// A folder in memory can't hold links to one on disk, if there is one.
func elsewhere(t *testing.T, dir string) string {
	t.Helper()
	other, err := os.MkdirTemp("/dev/shm", "clone")
	if err != nil {
		return dir
	}
	t.Cleanup(func() { _ = os.RemoveAll(other) })
	return other
}

func TestEntry(t *testing.T) {
	dir := t.TempDir()
	src := filepath.Join(dir, "src")
	old := time.Unix(1_000_000_000, 0)
	if err := os.WriteFile(src, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{os.Chmod(src, 0o751), os.Chtimes(src, old, old), os.Symlink("a/../b", filepath.Join(dir, "link"))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	entries := map[string]fs.DirEntry{}
	for _, d := range list {
		entries[d.Name()] = d
	}
	for _, to := range []string{dir, elsewhere(t, dir)} {
		dst := filepath.Join(to, "dst"+filepath.Base(to))
		if err := clone.Entry(src, dst, entries["src"]); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(dst)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(dst)
		if err != nil || string(text) != "text" || info.Mode() != 0o751 || !info.ModTime().Equal(old) {
			t.Errorf("%v, %q, %v, %v", err, text, info.Mode(), info.ModTime())
		}
		if err := clone.Entry(src, dst, entries["src"]); err == nil {
			t.Error("what was there was replaced")
		}
		link := filepath.Join(to, "link2")
		if err := clone.Entry(filepath.Join(dir, "link"), link, entries["link"]); err != nil {
			t.Fatal(err)
		}
		if target, err := os.Readlink(link); err != nil || target != "a/../b" {
			t.Errorf("%v, %q", err, target)
		}
	}
}

func TestEntryOfAnotherKind(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "d"), 0o755); err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := clone.Entry(filepath.Join(dir, "d"), filepath.Join(dir, "e"), list[0]); err == nil {
		t.Error("a folder was copied")
	}
}
