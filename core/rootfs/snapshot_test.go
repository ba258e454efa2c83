package rootfs

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/xattr"
)

// layerOf returns the layer of a system.
func layerOf(t *testing.T, folders *Folders, entries []config.Entry) []byte {
	t.Helper()
	records, err := Assemble(t.Context(), Input{Preset: "minimal", Entries: entries, Folders: folders})
	if err != nil {
		t.Fatal(err)
	}
	var layer bytes.Buffer
	if err := WriteTar(t.Context(), &layer, records, epoch); err != nil {
		t.Fatal(err)
	}
	return layer.Bytes()
}

// digestOf returns the digest of one entry.
func digestOf(t *testing.T, folders *Folders, entries []config.Entry) string {
	t.Helper()
	parts, err := folders.Digest(t.Context(), entries)
	if err != nil {
		t.Fatal(err)
	}
	return parts[0].Digest
}

// held is a Folders with snapshots in a folder, until the end of the test,
// however full the disk is.
func held(t *testing.T, dir string) *Folders {
	folders := new(Folders)
	t.Cleanup(folders.Hold(dir))
	folders.kept.room = keptContents
	return folders
}

// TestSnapshot makes the same of a folder whether it is read once or twice.
func TestSnapshot(t *testing.T) {
	large := strings.Repeat("0123456789", 10_000)
	files := map[string]string{
		"a": "one", "a.b": "", "d/": "", "d/e/f": "two", "l": "->a", "edge": large[:smallContent], "beyond": large[:smallContent+1],
		"large": large, "lib": "->usr/lib", "usr/lib/x": "x", "q\"\n\xff": "odd", "d/run": "#!/bin/run\n", "bin/run": "run", "ä": "ä",
	}
	for i := range 200 {
		files[fmt.Sprintf("many/%d/%d", i%7, i)] = strings.Repeat("m", i*i)
	}
	dir := write(t, t.TempDir(), files)
	for name, mode := range map[string]fs.FileMode{"d/run": 0o755, "bin/run": 0o755 | fs.ModeSetuid, "d": 0o755 | fs.ModeSticky, "a": 0o600} {
		if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := xattr.Set(filepath.Join(dir, "a"), map[string]string{"user.a": "\x00", "user.b": ""}); err != nil {
		t.Logf("without extended attributes: %v", err)
	}
	entries := []config.Entry{
		{Kind: config.Overlay, Path: "/", Source: dir},
		{Kind: config.Overlay, Path: "/opt", Source: dir, KeepOwner: true},
		// What lands behind a symlink has another name than in the folder.
		{Kind: config.Overlay, Path: "/", Source: write(t, t.TempDir(), map[string]string{"lib/y": "y", "lib/large": large})},
	}
	temp := t.TempDir()
	folders := held(t, temp)
	parts, err := folders.Digest(t.Context(), entries)
	if err != nil {
		t.Fatal(err)
	}
	want, err := new(Folders).Digest(t.Context(), entries)
	if diff := cmp.Diff(want, parts); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if !bytes.Equal(layerOf(t, folders, entries), layerOf(t, nil, entries)) {
		t.Error("the layer of a snapshot is another one")
	}
	if folders.snapshot(folderKey{dir: dir}) == nil || folders.snapshot(folderKey{dir: dir}).whole {
		t.Error("there is no snapshot, or one of large files")
	}
	if left, err := os.ReadDir(temp); len(left) > 0 || err != nil {
		t.Errorf("a run that is killed leaves %v, %v", left, err)
	}
}

// TestSnapshotOfManySmallFiles has more in small files in a row than is read
// ahead.
func TestSnapshotOfManySmallFiles(t *testing.T) {
	files := map[string]string{}
	for i := range 3 * scanLength {
		files[fmt.Sprintf("%02d", i)] = strings.Repeat(fmt.Sprint(i%10), smallContent-i)
	}
	entries := []config.Entry{{Kind: config.Overlay, Path: "/", Source: write(t, t.TempDir(), files)}}
	want, folders := layerOf(t, nil, entries), held(t, t.TempDir())
	if digestOf(t, folders, entries) != digestOf(t, new(Folders), entries) || !folders.snapshot(folderKey{dir: entries[0].Source}).whole {
		t.Error("the digest is another one, or something was left on disk")
	}
	if !bytes.Equal(layerOf(t, folders, entries), want) {
		t.Error("the layer of a snapshot is another one")
	}
}

// TestSnapshotStays has somebody write to a folder between its digest and its
// layer: the layer is of what was digested, and the next run sees the change.
func TestSnapshotStays(t *testing.T) {
	fresh := map[string]string{"a": "one", "d/b": "two", "l": "->a"}
	dir, temp := write(t, t.TempDir(), fresh), t.TempDir()
	entries := []config.Entry{{Kind: config.Overlay, Path: "/", Source: dir}}
	want := layerOf(t, nil, entries)
	folders := new(Folders)
	release := folders.Hold(temp)
	digest := digestOf(t, folders, entries)
	write(t, dir, map[string]string{"a": "six", "new": "new"})
	if err := os.RemoveAll(filepath.Join(dir, "d")); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(layerOf(t, folders, entries), want) {
		t.Error("the layer isn't of what was digested")
	}
	if digestOf(t, folders, entries) != digest {
		t.Error("one run has two digests")
	}
	release()
	if open := openBelow(t, temp); len(open) > 0 {
		t.Errorf("still open: %q", open)
	}
	defer folders.Hold(temp)()
	if digestOf(t, folders, entries) == digest || bytes.Equal(layerOf(t, folders, entries), want) {
		t.Error("the next run has the snapshot of the last one")
	}
}

// TestSnapshotOfLargeFile has a large file change, of which the snapshot has no
// content.
func TestSnapshotOfLargeFile(t *testing.T) {
	large := strings.Repeat("x", smallContent+1)
	dir := write(t, t.TempDir(), map[string]string{"large": large, "small": "one"})
	entries := []config.Entry{{Kind: config.Overlay, Path: "/", Source: dir}}
	key := folderKey{dir: dir}
	folders := held(t, t.TempDir())
	digest := digestOf(t, folders, entries)
	kept := folders.snapshot(key)
	if holds, err := kept.holds(t.Context()); holds || err != nil {
		t.Errorf("a file that just changed is taken for settled: %v", err)
	}
	if digestOf(t, folders, entries) != digest || folders.snapshot(key) != kept {
		t.Error("the snapshot isn't used although nothing changed")
	}
	kept.start = kept.start.Add(time.Hour) // as if the folder had been there for long
	if holds, err := kept.holds(t.Context()); !holds || err != nil {
		t.Errorf("nothing changed, and the snapshot doesn't hold: %v", err)
	}
	write(t, dir, map[string]string{"small": "two"})
	if holds, err := kept.holds(t.Context()); !holds || err != nil {
		t.Errorf("the snapshot has small files itself, and doesn't hold: %v", err)
	}
	time.Sleep(20 * time.Millisecond) // more than the kernel's clock goes by at once
	write(t, dir, map[string]string{"large": strings.ToUpper(large)})
	if digestOf(t, folders, entries) == digest {
		t.Error("a large file changed, and the digest didn't")
	}
	if folders.snapshot(key) != nil {
		t.Error("the snapshot of another state is still used")
	}
	if err := os.Remove(filepath.Join(dir, "large")); err != nil {
		t.Fatal(err)
	}
	if holds, err := kept.holds(t.Context()); holds || err != nil {
		t.Errorf("a missing file: %t, %v", holds, err)
	}
}

// TestNoSnapshot goes on without one where there can't be any.
func TestNoSnapshot(t *testing.T) {
	dir := write(t, t.TempDir(), map[string]string{"a": "one", "b": "two", "c/d": "->a"})
	entries := []config.Entry{{Kind: config.Overlay, Path: "/", Source: dir}}
	want, layer := digestOf(t, new(Folders), entries), layerOf(t, nil, entries)
	key := folderKey{dir: dir}
	none := held(t, filepath.Join(t.TempDir(), "none"))
	if digestOf(t, none, entries) != want || none.snapshot(key) != nil {
		t.Error("without a folder for snapshots")
	}
	// Room for one of two contents.
	little := held(t, t.TempDir())
	little.kept.room = 5
	if digestOf(t, little, entries) != want || little.snapshot(key) == nil || little.snapshot(key).whole || little.kept.room != 2 {
		t.Error("without room for contents")
	}
	if !bytes.Equal(layerOf(t, little, entries), layer) {
		t.Error("the layer of contents from two places is another one")
	}
	// A file that can't be written to, as on a full disk.
	for _, full := range []func(*snapshot) *os.File{
		func(s *snapshot) *os.File { return s.entries },
		func(s *snapshot) *os.File { return s.contents },
	} {
		keep := newRecorder(dir, t.TempDir(), func(int64) bool { return true })
		if err := full(keep.snapshot).Close(); err != nil {
			t.Fatal(err)
		}
		for e, err := range scan(t.Context(), dir, contents) {
			if err != nil {
				t.Fatal(err)
			}
			keep.add(e)
		}
		if keep.end(want, newFolderState()) != nil {
			t.Error("a snapshot that couldn't be written")
		}
	}
}

// TestHoldTwice keeps snapshots until the last run has ended.
func TestHoldTwice(t *testing.T) {
	dir := write(t, t.TempDir(), map[string]string{"a": "one"})
	entries := []config.Entry{{Kind: config.Overlay, Path: "/", Source: dir}}
	folders, temp := new(Folders), t.TempDir()
	first, second := folders.Hold(temp), folders.Hold(temp)
	digestOf(t, folders, entries)
	first()
	if folders.snapshot(folderKey{dir: dir}) == nil {
		t.Error("the snapshot of a run is gone before its end")
	}
	second()
	if folders.snapshot(folderKey{dir: dir}) != nil || len(openBelow(t, temp)) > 0 {
		t.Error("the snapshot is there after the last run")
	}
}

// encoded returns the entries of a folder as a snapshot has them.
func encoded(t testing.TB, files map[string]string) ([]byte, []found) {
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	keep := newRecorder(dir, t.TempDir(), func(size int64) bool { return size < 10 })
	var list []found
	for e, err := range scan(t.Context(), dir, contents) {
		if err != nil {
			t.Fatal(err)
		}
		if e.rel == "attributed" {
			e.xattrs = map[string]string{"user.a": "\x00", "user.b": ""}
		}
		keep.add(e)
		one := found{rel: e.rel, mode: e.mode, uid: e.uid, gid: e.gid, target: e.target, xattrs: e.xattrs, offset: e.offset, state: e.state}
		if e.offset > 0 || !e.mode.IsRegular() {
			one.state = fileState{}
		}
		if e.mode.IsRegular() {
			one.state.size = e.state.size
		}
		list = append(list, one)
	}
	s := keep.end("", newFolderState())
	defer s.close()
	data := make([]byte, s.size)
	if _, err := s.entries.ReadAt(data, 0); err != nil {
		t.Fatal(err)
	}
	return data, list
}

// decoded returns what is in the entries of a snapshot.
func decoded(data []byte) (list []found, err error) {
	for e, err := range decode(bytes.NewReader(data), int64(len(data))) {
		if err != nil {
			return nil, err
		}
		list = append(list, *e)
	}
	return list, nil
}

// TestDecodeDamaged finds every wrong byte and every missing one.
func TestDecodeDamaged(t *testing.T) {
	t.Parallel()
	data, want := encoded(t, map[string]string{"a": "one", "attributed": "two", "large": "more than a little", "ab": ""})
	got, err := decoded(data)
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(found{}, fileState{})); diff != "" || err != nil {
		t.Fatalf("%v (-want +got):\n%s", err, diff)
	}
	for n := range data {
		if _, err := decoded(data[:n]); err == nil {
			t.Errorf("%d of %d bytes are enough", n, len(data))
		}
		for bit := range 8 {
			wrong := slices.Clone(data)
			wrong[n] ^= 1 << bit
			if _, err := decoded(wrong); err == nil {
				t.Errorf("bit %d of byte %d is wrong, and nobody minds", bit, n)
			}
		}
	}
}

// FuzzDecode reads anything as the entries of a snapshot.
func FuzzDecode(f *testing.F) {
	data, _ := encoded(f, map[string]string{"a": "one", "attributed": "two", "large": "more than a little"})
	f.Add(data)
	f.Add(data[:20])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		for e, err := range decode(bytes.NewReader(data), int64(len(data))) {
			if err == nil && len(e.rel) > maxPath {
				t.Errorf("a path of %d bytes", len(e.rel))
			}
		}
	})
}
