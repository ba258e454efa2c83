package registry_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/mkmini/mkmini/core/registry"
)

func TestCheck(t *testing.T) {
	path := layout(t, 3, nil)
	check := func() error {
		t.Helper()
		l, err := registry.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		images, err := l.Images()
		if err == nil && (len(images) != 4 || !l.IsLayout()) {
			t.Errorf("%d images, a layout: %v", len(images), l.IsLayout())
		}
		return errors.Join(err, l.Check(t.Context()))
	}
	if err := check(); err != nil {
		t.Fatal(err)
	}
	blobs, err := filepath.Glob(filepath.Join(path, "blobs", "sha256", "*"))
	if err != nil || len(blobs) != 10 {
		t.Fatalf("%d blobs, %v", len(blobs), err)
	}
	for _, blob := range blobs {
		text, err := os.ReadFile(blob)
		if err != nil {
			t.Fatal(err)
		}
		for name, change := range map[string]func() error{
			"changed": func() error { return os.WriteFile(blob, []byte(strings.Repeat("x", len(text))), 0o600) },
			"shorter": func() error { return os.WriteFile(blob, text[1:], 0o600) },
			"missing": func() error { return os.Remove(blob) },
		} {
			if err := change(); err != nil {
				t.Fatal(err)
			}
			if err := check(); !errors.Is(err, registry.ErrDamaged) {
				t.Errorf("%s, %s: %v", blob, name, err)
			}
			if err := os.WriteFile(blob, text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := check(); err != nil {
		t.Error(err)
	}
}

func TestIsName(t *testing.T) {
	for text, want := range map[string]bool{
		"registry.example/mini:1": true, "localhost/mini": true, "127.0.0.1:5000/team/mini@sha256:" + strings.Repeat("0", 64): true,
		"out/mini.oci": false, "mini": false, "./mini": false, "../mini/x": false, "/srv/mini": false, "a.b/UPPER": false, "": false,
	} {
		if got := registry.IsName(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func FuzzParseAttached(f *testing.F) {
	f.Add([]byte(`{"schemaVersion":2,"subject":{"digest":"sha256:00"},"layers":[]}`))
	f.Add([]byte(`{"subject":{"digest":"sha256:` + strings.Repeat("0", 64) + `"},"config":{"mediaType":"x"}}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, err := registry.ParseAttached(v1.Descriptor{}, raw)
		if err != nil && a != nil {
			t.Fatal("both an error and a document")
		}
	})
}
