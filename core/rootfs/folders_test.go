package rootfs

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
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
	for e, err := range scan(t.Context(), dir, states) {
		if err != nil {
			t.Fatal(err)
		}
		state.add(e.rel, e.state)
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

// TestFoldersKnown takes what is known from one run to the next.
func TestFoldersKnown(t *testing.T) {
	dir := write(t, t.TempDir(), map[string]string{"a": "one"})
	entries := []config.Entry{{Kind: config.Overlay, Path: "/", Source: dir}}
	state := newFolderState()
	for e, err := range scan(t.Context(), dir, states) {
		if err != nil {
			t.Fatal(err)
		}
		state.add(e.rel, e.state)
	}
	before := Folders{known: map[folderKey]folderDigest{{dir: dir}: {digest: "kept", state: state.sum()}}}
	digest := func(f *Folders) string {
		parts, err := f.Digest(t.Context(), entries)
		if err != nil {
			t.Fatal(err)
		}
		return parts[0].Digest
	}
	var after, stranger Folders
	after.Remember(before.Known())
	if digest(&after) != digest(&before) || digest(&after) == digest(&stranger) {
		t.Error("what an earlier run knew isn't used")
	}
	time.Sleep(20 * time.Millisecond)
	if err := os.WriteFile(filepath.Join(dir, "a"), []byte("two"), 0o644); err != nil {
		t.Fatal(err)
	}
	if digest(&after) == digest(&before) && len(after.Known()) > 0 {
		t.Error("the change isn't seen")
	}
}

// TestContents reads contents ahead: in memory, small, large, parts of a file,
// and those that changed.
func TestContents(t *testing.T) {
	dir := t.TempDir()
	large := strings.Repeat("0123456789", 10_000)
	write(t, dir, map[string]string{"small": "one", "empty": "", "edge": large[:smallContent], "large": large})
	at := func(name string, offset, size int64) Content {
		return Content{Path: filepath.Join(dir, name), Offset: offset, Size: size}
	}
	contents := []Content{
		{Data: "data", Size: 4}, at("small", 0, 3), at("empty", 0, 0), at("edge", 0, smallContent), at("large", 0, 100_000),
		at("large", 5, 7), at("large", 5, 99_995), at("small", 0, 4), at("small", 0, 2), at("large", 99_999, 2), at("none", 0, 1), at("", 0, 0),
	}
	want := []string{
		"data", "one", "", large[:smallContent], large, "5678901", large[5:],
		"changed", "changed", "changed", "no such file", "changed",
	}
	n := 0
	for c, l := range ahead(t.Context(), slices.Values(contents), func(c Content) Content { return c }) {
		var got strings.Builder
		begun := false
		err := c.write(t.Context(), &got, l, func() error { begun = true; return nil })
		if err != nil && (begun || !strings.Contains(err.Error(), want[n])) || err == nil && got.String() != want[n] {
			t.Errorf("%+v: got %.20q, %v, want %.20q", c, got.String(), err, want[n])
		}
		n++
	}
	if n != len(contents) {
		t.Errorf("%d of %d came", n, len(contents))
	}
}

// TestAheadStops leaves nothing behind when nobody wants more, or the context
// is done.
func TestAheadStops(t *testing.T) {
	file := filepath.Join(write(t, t.TempDir(), map[string]string{"a": "one"}), "a")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	made, came := 0, 0
	endless := func(yield func(int) bool) {
		for made = 0; yield(made); made++ {
		}
	}
	content := func(int) Content { return Content{Path: file, Size: 3} }
	for n := range ahead(ctx, endless, content) {
		if n == 10 {
			break
		}
	}
	if made > 10+(aheadParts+3)*aheadLength {
		t.Errorf("%d were made for 10", made)
	}
	for range ahead(ctx, endless, content) {
		if came++; came == 10 {
			cancel()
		}
	}
	if err := WriteTar(ctx, io.Discard, slices.Values([]Record{{Path: "a", Type: Directory}}), time.Time{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a layer is complete when the context is done: %v", err)
	}
}
