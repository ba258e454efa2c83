package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestUse has two that share a store, and one who wants it for himself.
func TestUse(t *testing.T) {
	dir := t.TempDir()
	st, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	first, err := st.Use(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	second, err := st.Use(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	first()
	waited := make(chan struct{})
	owned := make(chan func(), 1)
	go func() {
		release, err := st.Own(t.Context(), func() { close(waited) })
		if err != nil {
			t.Error(err)
		}
		owned <- release
	}()
	<-waited
	select {
	case <-owned:
		t.Fatal("it was given while it is in use")
	default:
	}
	second()
	release := <-owned
	// Now others wait, and can give up.
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := st.Use(ctx, cancel); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v", err)
	}
	release()
	third, err := st.Use(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	third()
}

func TestTouch(t *testing.T) {
	st, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if !st.Used("x").IsZero() {
		t.Error("what isn't there was used")
	}
	if _, err := st.Make(t.Context(), "x", nil, func(context.Context, string) (any, error) { return 1, nil }); err != nil {
		t.Fatal(err)
	}
	made := st.Used("x")
	at := made.Add(time.Hour)
	for _, step := range []struct{ now, want time.Duration }{{1, 1}, {2, 1}, {24, 1}, {25, 25}, {30, 25}} {
		st.Touch("x", made.Add(step.now*time.Hour))
		if got := st.Used("x"); !got.Equal(made.Add(step.want * time.Hour)) {
			t.Errorf("after %d hours it was used at %s, want %d", step.now, got.Sub(at), step.want)
		}
	}
	if err := st.Remove("x"); err != nil || st.Has("x") || !st.Used("x").IsZero() {
		t.Errorf("removed: %v", err)
	}
	if _, err := os.Stat(filepath.Join(st.Sub("used"), "x")); err == nil {
		t.Error("the note of its use is left")
	}
	for _, key := range []string{"", "..", "a/b"} {
		if st.Remove(key) == nil {
			t.Errorf("%q was removed", key)
		}
	}
}

func TestKeyOf(t *testing.T) {
	st := &Store{dir: "/s"}
	for path, want := range map[string]string{
		"/s/steps/compiler-a/bin/gcc": "compiler-a", "/s/steps/x": "x", "/s/steps": "", "/s/steps/../y": "", "/usr/bin/gcc": "", "": "",
	} {
		if got := st.KeyOf(path); got != want {
			t.Errorf("%s is in %q, want %q", path, got, want)
		}
	}
}
