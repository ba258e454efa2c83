package rootfs

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mkmini/mkmini/core/config"
)

// TestFoldersSeeChanges changes a folder between two digests, with the size
// and the time of a file as they were.
func TestFoldersSeeChanges(t *testing.T) {
	dir := write(t, t.TempDir(), map[string]string{"a/b": "one", "a/c": "two"})
	file := filepath.Join(dir, "a/b")
	entries := []config.Entry{{Kind: config.Overlay, Path: "/", Source: dir}}
	var known Folders
	digest := func() string {
		parts, err := known.Digest(t.Context(), entries)
		if err != nil {
			t.Fatal(err)
		}
		return parts[0].Digest
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	first := digest()
	if len(known.known) > 0 {
		t.Error("a folder that was just made is taken for settled")
	}
	// As if the change had been long ago.
	key := folderKey{dir: dir}
	state := newFolderState()
	if err := walk(t.Context(), dir, state.add); err != nil {
		t.Fatal(err)
	}
	known.known[key] = folderDigest{digest: "kept", state: state.sum()}
	kept := digest()
	if kept == first || digest() != kept {
		t.Error("what didn't change is read again")
	}
	time.Sleep(20 * time.Millisecond) // more than the kernel's clock goes by at once
	if err := os.WriteFile(file, []byte("six"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(file, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if now := digest(); now == kept || now == first {
		t.Error("the change isn't seen")
	}
}
