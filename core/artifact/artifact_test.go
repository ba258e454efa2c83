package artifact_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/mkmini/mkmini/core/artifact"
	"github.com/mkmini/mkmini/core/capability"
	"github.com/mkmini/mkmini/core/xattr"
)

// folder makes a folder with a bit of everything, and returns its path.
func folder(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "f")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(filepath.Join(dir, "bin"), 0o755))
	must(os.WriteFile(filepath.Join(dir, "bin", "tool"), []byte("#!"), 0o755))
	must(os.Chmod(filepath.Join(dir, "bin", "tool"), 0o755|os.ModeSetuid))
	must(os.Symlink("tool", filepath.Join(dir, "bin", "link")))
	must(unix.Mkfifo(filepath.Join(dir, "pipe"), 0o600))
	must(os.Mkdir(filepath.Join(dir, "closed"), 0o500))
	must(os.Chtimes(filepath.Join(dir, "closed"), time.Unix(315532800, 0), time.Unix(315532800, 0)))
	return dir
}

func digest(t *testing.T, path string) string {
	t.Helper()
	d, _, err := artifact.Digest(path)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestPlaceFolder(t *testing.T) {
	src := folder(t)
	dst := filepath.Join(t.TempDir(), "there")
	for range 2 { // the second time over what is there
		if err := artifact.Place(t.Context(), src, dst, nil); err != nil {
			t.Fatal(err)
		}
	}
	if digest(t, src) != digest(t, dst) {
		t.Error("the copy has another digest")
	}
	info, err := os.Stat(filepath.Join(dst, "closed"))
	if err != nil || info.ModTime().Unix() != 315532800 || info.Mode().Perm() != 0o500 {
		t.Errorf("closed folder: %v, %v", info, err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(dst), ".mkmini-*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// TestPlaceKeepsXattrs places a file and a folder with extended attributes, and
// as root with file capabilities, which a change of owner takes away.
func TestPlaceKeepsXattrs(t *testing.T) {
	src := folder(t)
	want := map[string]string{"user.test": "\x00x"}
	if os.Geteuid() == 0 {
		want["security.capability"] = string(capability.Set{Permitted: 1}.Encode())
		want["trusted.test"] = "t"
	}
	tool := filepath.Join(src, "bin", "tool")
	if err := xattr.Set(tool, want); err != nil {
		t.Skipf("no extended attributes here: %v", err)
	}
	if err := xattr.Set(filepath.Join(src, "bin"), map[string]string{"user.test": "folder"}); err != nil {
		t.Fatal(err)
	}
	dst := filepath.Join(t.TempDir(), "there")
	if err := artifact.Place(t.Context(), src, dst, nil); err != nil {
		t.Fatal(err)
	}
	got, err := xattr.Read(filepath.Join(dst, "bin", "tool"), xattr.Own)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if digest(t, src) != digest(t, dst) {
		t.Error("the copy has another digest")
	}
}

func TestPlaceReplacesFileByFolderAndBack(t *testing.T) {
	src := folder(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	dst := filepath.Join(t.TempDir(), "there")
	for _, one := range []string{file, src, file} {
		if err := artifact.Place(t.Context(), one, dst, nil); err != nil {
			t.Fatal(err)
		}
		if digest(t, one) != digest(t, dst) {
			t.Errorf("%s was not put there", one)
		}
	}
}

func TestPlaceFailureKeepsOld(t *testing.T) {
	dst := filepath.Join(t.TempDir(), "there")
	if err := os.WriteFile(dst, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := artifact.Place(t.Context(), "/nonexistent", dst, nil); err == nil {
		t.Fatal("placed what is not there")
	}
	if data, _ := os.ReadFile(dst); string(data) != "old" {
		t.Errorf("file = %q", data)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(dst), ".mkmini-*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestDigestSeesChanges(t *testing.T) {
	changes := map[string]func(dir string) error{
		"content": func(dir string) error { return os.WriteFile(filepath.Join(dir, "bin", "tool"), []byte("!#"), 0o755) },
		"mode":    func(dir string) error { return os.Chmod(filepath.Join(dir, "bin", "tool"), 0o700) },
		"target": func(dir string) error {
			return os.Rename(filepath.Join(dir, "bin", "link"), filepath.Join(dir, "bin", "other"))
		},
		"time": func(dir string) error {
			return os.Chtimes(filepath.Join(dir, "bin", "tool"), time.Unix(315532800, 0), time.Unix(315532801, 0))
		},
		"more": func(dir string) error { return os.Mkdir(filepath.Join(dir, "new"), 0o755) },
	}
	if dir := folder(t); unix.Setxattr(dir, "user.test", nil, 0) == nil {
		changes["xattr"] = func(dir string) error {
			return unix.Setxattr(filepath.Join(dir, "bin", "tool"), "user.test", []byte("x"), 0)
		}
	}
	if os.Geteuid() == 0 {
		changes["owner"] = func(dir string) error { return os.Lchown(filepath.Join(dir, "bin", "link"), 1000, 0) }
		changes["group"] = func(dir string) error { return os.Lchown(filepath.Join(dir, "bin", "link"), 0, 1000) }
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			dir := folder(t)
			before, stamp := digest(t, dir), artifact.Stamp(dir)
			if again := artifact.Stamp(dir); stamp == "" || again != stamp {
				t.Fatalf("stamp %q, then %q", stamp, again)
			}
			if err := change(dir); err != nil {
				t.Fatal(err)
			}
			if digest(t, dir) == before {
				t.Error("the digest stayed the same")
			}
			if artifact.Stamp(dir) == stamp {
				t.Error("the stamp stayed the same")
			}
		})
	}
}

// TestDigestOfDevices makes two folders that differ in a device's number.
func TestDigestOfDevices(t *testing.T) {
	digests := map[string]bool{}
	for _, minor := range []uint32{3, 5, 3} {
		dir := folder(t)
		node := filepath.Join(dir, "node")
		if err := unix.Mknod(node, unix.S_IFCHR|0o600, int(unix.Mkdev(1, minor))); err != nil {
			t.Skipf("devices need root: %v", err)
		}
		settle(t, dir)
		digests[digest(t, dir)] = true
	}
	if len(digests) != 2 {
		t.Errorf("two different folders have %d digests", len(digests))
	}
}

// settle gives all that is in a folder one time.
func settle(t *testing.T, dir string) {
	t.Helper()
	stamp := unix.Timespec{Sec: 315532800}
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{stamp, stamp}, unix.AT_SYMLINK_NOFOLLOW))
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestDigestOfFileIsItsHash(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, []byte("abc"), 0o644); err != nil {
		t.Fatal(err)
	}
	d, size, err := artifact.Digest(file)
	// Source: FIPS 180-2, appendix B.1.
	if want := "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"; d != want || size != 3 || err != nil {
		t.Errorf("Digest = %s, %d, %v", d, size, err)
	}
	if artifact.Stamp("/nonexistent") != "" {
		t.Error("what is not there has a stamp")
	}
}

// TestPlaceKeepsHoles copies a file with more hole than content.
func TestPlaceKeepsHoles(t *testing.T) {
	src, dst := filepath.Join(t.TempDir(), "disk"), filepath.Join(t.TempDir(), "disk")
	file, err := os.Create(src)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	const length = 64<<20 + 99
	if err := file.Truncate(length); err != nil {
		t.Fatal(err)
	}
	for _, at := range []int64{0, 40<<20 + 1} {
		if _, err := file.WriteAt([]byte("content"), at); err != nil {
			t.Fatal(err)
		}
	}
	if err := artifact.Place(t.Context(), src, dst, nil); err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Stat(dst, &st); err != nil || st.Size != length || st.Blocks*512 > 1<<20 {
		t.Errorf("the copy has %d bytes and takes %d: %v", st.Size, st.Blocks*512, err)
	}
	if digest(t, src) != digest(t, dst) {
		t.Error("the copy has another digest")
	}
}
