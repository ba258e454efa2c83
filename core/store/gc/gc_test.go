package gc_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/store"
	"github.com/mkmini/mkmini/core/store/gc"
)

var now = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// fill makes a store with things of all ages.
func fill(t *testing.T) (*store.Store, string) {
	t.Helper()
	dir := t.TempDir()
	st, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	result := func(key string, made, used time.Duration) {
		t.Helper()
		_, err := st.Make(t.Context(), key, nil, func(_ context.Context, dir string) (any, error) {
			// What can't be written to is removed all the same.
			if err := os.MkdirAll(filepath.Join(dir, "tree"), 0o777); err != nil {
				return nil, err
			}
			if err := os.WriteFile(filepath.Join(dir, "tree", "x"), make([]byte, 1000), 0o444); err != nil {
				return nil, err
			}
			return struct{}{}, os.Chmod(filepath.Join(dir, "tree"), 0o555)
		})
		if err != nil {
			t.Fatal(err)
		}
		at := now.Add(-made)
		if err := os.Chtimes(filepath.Join(st.Path(key), "result.json"), at, at); err != nil {
			t.Fatal(err)
		}
		if used >= 0 {
			st.Touch(key, now.Add(-used))
		}
	}
	file := func(name string, age time.Duration, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, now.Add(-age), now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	result("busybox-new", day, -1)
	result("busybox-old", 90*day, -1)
	result("busybox-old-but-used", 90*day, 2*day)
	result("compiler-a", 90*day, 40*day)
	result("compiler-b", 90*day, day)
	file("steps/damaged/tree/x", 0, "x")
	file("tmp/busybox-new.1/x", 0, "x")
	file("sources/"+strings.Repeat("a", 64), 90*day, "x")
	file("sources/"+strings.Repeat("b", 64), day, "x")
	file("sources/"+strings.Repeat("b", 64)+".part", 0, "x")
	file("sources/"+strings.Repeat("b", 64)+".part.tag", 0, "x")
	file("sources/"+strings.Repeat("c", 64)+".tmp", 0, "x")
	file("sources/"+strings.Repeat("d", 16)+".apt-123/x.deb", 0, "x")
	file("logs/old.log", 90*day, "x")
	file("logs/new.log", day, "x")
	file("toolchains/a-1.json", day, `{"compiler": {"cc": "`+st.Path("compiler-a")+`/bin/gcc"}}`)
	file("toolchains/a-1.json.users", day, `[]`)
	file("toolchains/b-1.json", day, `{"compiler": {"cc": "`+st.Path("compiler-b")+`/bin/gcc"}}`)
	file("toolchains/b-1.json.users", 90*day, `[]`)
	file("toolchains/c-1.json", day, `{"compiler": {"cc": "`+st.Path("compiler-gone")+`/bin/gcc"}}`)
	file("toolchains/host-1.json", day, `{"compiler": {"cc": "/usr/bin/gcc"}}`)
	file("toolchains/host-2.json", 90*day, `{"compiler": {"cc": "/usr/bin/gcc"}}`)
	file("history/old.json", 90*day, "{}")
	file("history/new.json", day, "{}")
	file("used/nothing", 0, "")
	file("foreign/old", 90*day, "x")
	return st, dir
}

func names(items []gc.Item) []string {
	var all []string
	for _, item := range items {
		all = append(all, item.Kind+" "+item.Name)
	}
	return all
}

func TestCollect(t *testing.T) {
	st, dir := fill(t)
	want := []string{
		"record history/old.json",
		"log logs/old.log",
		"file sources/" + strings.Repeat("a", 64),
		"left over sources/" + strings.Repeat("b", 64) + ".part",
		"left over sources/" + strings.Repeat("b", 64) + ".part.tag",
		"left over sources/" + strings.Repeat("c", 64) + ".tmp",
		"left over sources/" + strings.Repeat("d", 16) + ".apt-123",
		"result steps/busybox-old",
		"result steps/compiler-a",
		"damaged result steps/damaged",
		"left over tmp/busybox-new.1",
		"record toolchains/a-1.json",
		"record toolchains/a-1.json.users",
		"record toolchains/c-1.json",
		"record toolchains/host-2.json",
		"record used/nothing",
	}
	for _, dry := range []bool{true, false} {
		items, err := gc.Collect(t.Context(), st, gc.Options{Older: 30 * day, DryRun: dry, Now: now})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, names(items)); diff != "" {
			t.Errorf("dry run %v (-want +got):\n%s", dry, diff)
		}
		for _, item := range items {
			_, err := os.Lstat(filepath.Join(dir, item.Name))
			if (err == nil) != dry {
				t.Errorf("dry run %v: %s: %v", dry, item.Name, err)
			}
			if item.Kind == "result" && (item.Size < 1000 || item.Size > 1100) {
				t.Errorf("%s has size %d", item.Name, item.Size)
			}
		}
	}
	if items, err := gc.Collect(t.Context(), st, gc.Options{Older: 30 * day, Now: now}); err != nil || len(items) > 0 {
		t.Errorf("again: %v, %v", names(items), err)
	}
	for _, key := range []string{"busybox-new", "busybox-old-but-used", "compiler-b"} {
		if !st.Has(key) {
			t.Errorf("%s is gone", key)
		}
	}
	if _, err := gc.Collect(t.Context(), st, gc.Options{Now: now}); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(st.Sub("steps"))
	if err != nil || len(left) > 0 {
		t.Errorf("all of any age: %v, %v", left, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "foreign/old")); err != nil {
		t.Errorf("what isn't the store's own: %v", err)
	}
}

func TestCancelled(t *testing.T) {
	st, _ := fill(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if items, err := gc.Collect(ctx, st, gc.Options{Now: now}); err == nil || len(items) > 0 {
		t.Errorf("%v, %v", items, err)
	}
	if !st.Has("busybox-old") {
		t.Error("something was removed")
	}
}
