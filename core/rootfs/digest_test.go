package rootfs

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/mkmini/mkmini/core/config"
)

func TestDigestFollowsWhatIsRead(t *testing.T) {
	digest := func(dir string, entry config.Entry) string {
		t.Helper()
		entry.Source = dir
		parts, err := new(Folders).Digest(t.Context(), []config.Entry{entry})
		if err != nil {
			t.Fatal(err)
		}
		return parts[0].Digest
	}
	fresh := func() string {
		return write(t, t.TempDir(), map[string]string{"a": "1", "d/b": "2", "l": "->a", "e/": ""})
	}
	overlay := config.Entry{Kind: config.Overlay, Path: "/srv"}
	base := digest(fresh(), overlay)
	if again := digest(fresh(), overlay); again != base {
		t.Error("another folder with the same content has another digest")
	}
	mend := map[string]func(dir string) error{
		"content":    func(dir string) error { return os.WriteFile(filepath.Join(dir, "a"), []byte("3"), 0o644) },
		"mode":       func(dir string) error { return os.Chmod(filepath.Join(dir, "a"), 0o755) },
		"name":       func(dir string) error { return os.Rename(filepath.Join(dir, "a"), filepath.Join(dir, "A")) },
		"removed":    func(dir string) error { return os.Remove(filepath.Join(dir, "e")) },
		"new folder": func(dir string) error { return os.Mkdir(filepath.Join(dir, "f"), 0o755) },
		"symlink": func(dir string) error {
			path := filepath.Join(dir, "l")
			if err := os.Remove(path); err != nil {
				return err
			}
			return os.Symlink("b", path)
		},
	}
	for name, change := range mend {
		dir := fresh()
		if err := change(dir); err != nil {
			t.Fatal(err)
		}
		if digest(dir, overlay) == base {
			t.Errorf("%s changed and the digest did not", name)
		}
	}
	owned := overlay
	owned.UID = ptr(1)
	if digest(fresh(), owned) == base {
		t.Error("another owner has the same digest")
	}
	dir := fresh()
	if err := os.Chmod(filepath.Join(dir, "a"), 0o600); err != nil {
		t.Fatal(err)
	}
	if digest(dir, overlay) != base {
		t.Error("the umask of the checkout has a say")
	}
}

func TestDigestNames(t *testing.T) {
	dir := t.TempDir()
	parts, err := new(Folders).Digest(t.Context(), []config.Entry{
		{Kind: config.Overlay, Path: "/", Source: dir}, {Kind: config.Overlay, Path: "/", Source: dir},
		{Kind: config.File, Path: "/f", Content: "1"}, {Kind: config.File, Path: "/f", Content: "2"},
		{Kind: config.Symlink, Path: "/l", Target: "f"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`overlay "/"`, `overlay "/" (2)`, `file "/f"`, `file "/f" (2)`, `symlink "/l"`}
	for i, part := range parts {
		if part.Name != want[i] {
			t.Errorf("part %d is %s, want %s", i, part.Name, want[i])
		}
	}
	if parts[2].Digest == parts[3].Digest {
		t.Error("other content has the same digest")
	}
	if _, err := new(Folders).Digest(t.Context(), []config.Entry{{Kind: config.Overlay, Path: "/", Source: dir + "/none"}}); err == nil {
		t.Error("no error for a missing folder")
	}
}
