package tree_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mkmini/mkmini/core/toolchain/tree"
)

// folder makes one with a file of two names, a script and links.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	err := errors.Join(
		os.MkdirAll(at("usr/lib"), 0o755),
		os.WriteFile(at("usr/lib/libc.a"), []byte("code"), 0o644),
		os.Link(at("usr/lib/libc.a"), at("usr/lib/again.a")),
		os.WriteFile(at("cc"), []byte("#!/bin/sh\n"), 0o755),
		os.Symlink("usr/lib", at("lib")),
	)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func digest(t *testing.T, dir string) string {
	t.Helper()
	sum, err := tree.Digest(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// TestDigest changes one thing at a time.
func TestDigest(t *testing.T) {
	want := digest(t, folder(t))
	old := time.Unix(1, 0)
	tests := []struct {
		name   string
		change func(dir string) error
		same   bool
	}{
		{"nothing", func(string) error { return nil }, true},
		{"a time", func(dir string) error { return os.Chtimes(filepath.Join(dir, "cc"), old, old) }, true},
		{"what others may read", func(dir string) error { return os.Chmod(filepath.Join(dir, "cc"), 0o700) }, true},
		{"content of the same length", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "usr/lib/libc.a"), []byte("codE"), 0o644)
		}, false},
		{"what may be executed", func(dir string) error { return os.Chmod(filepath.Join(dir, "cc"), 0o644) }, false},
		{"a file", func(dir string) error { return os.Remove(filepath.Join(dir, "cc")) }, false},
		{"an empty folder", func(dir string) error { return os.Mkdir(filepath.Join(dir, "var"), 0o755) }, false},
		{"a link", func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, "lib")), os.Symlink("usr/./lib", filepath.Join(dir, "lib")))
		}, false},
	}
	for _, test := range tests {
		dir := folder(t)
		if err := test.change(dir); err != nil {
			t.Fatal(err)
		}
		if got := digest(t, dir); (got == want) != test.same {
			t.Errorf("%s: %s, before %s", test.name, got, want)
		}
	}
}

func TestRefuses(t *testing.T) {
	for name, change := range map[string]func(dir string) error{
		"a pipe":           func(dir string) error { return unix.Mkfifo(filepath.Join(dir, "pipe"), 0o644) },
		"an absolute link": func(dir string) error { return os.Symlink("/etc/passwd", filepath.Join(dir, "passwd")) },
	} {
		dir := folder(t)
		if err := change(dir); err != nil {
			t.Fatal(err)
		}
		if err := tree.Write(t.Context(), io.Discard, dir); err == nil {
			t.Errorf("%s was written", name)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := tree.Write(ctx, io.Discard, folder(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
