package main_test

import (
	"archive/tar"
	"bytes"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/mkmini/mkmini/core/testenv"
)

// pushCompiler pushes an image with the paper compiler and a header.
func pushCompiler(t *testing.T, image, header string) {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range []struct{ name, body string }{{"opt/gcc-1/bin/paper64-linux-gnu-gcc", "#!/bin/sh\n"}, {"opt/gcc-1/include/stdio.h", header}} {
		if err := w.WriteHeader(&tar.Header{Name: f.name, Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(f.body))}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, f.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	i, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		t.Fatal(err)
	}
	config, err := i.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", runtime.GOARCH
	if i, err = mutate.ConfigFile(i, config); err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(image)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, i, remote.WithContext(t.Context())); err != nil {
		t.Fatal(err)
	}
}

// TestMovedTag locks a compiler in an image of a registry, and has its tag
// moved to another image: a machine that hasn't the first one refuses the
// second with --locked, and one that has it goes on with that.
func TestMovedTag(t *testing.T) {
	t.Parallel()
	testenv.Tool(t, "gcc", "gcc")
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	image := strings.TrimPrefix(server.URL, "http://") + "/tools/paper:1"
	pushCompiler(t, image, "/* first */\n")
	dir, config := paperSystem(t)
	block := regexp.MustCompile(`(?s)from "archive" \{.*?\n  \}`)
	config = block.ReplaceAllLiteralString(config, "from \"oci\" {\n    image = \""+image+"\"\n    bin   = \"/opt/gcc-1/bin\"\n  }")
	writeFile(t, filepath.Join(dir, "letter.hcl"), config, 0o644)
	run := func(store string, code int, args ...string) result {
		t.Helper()
		return command{args: args, dir: dir, env: []string{
			"MKMINI_STORE=" + filepath.Join(dir, store), "MKMINI_CONFIG=settings.hcl",
		}}.mustRun(t, code)
	}
	run("one", 0, "lock", "-c", "letter.hcl")
	lock, err := os.ReadFile(filepath.Join(dir, "mkmini.lock.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	digest := regexp.MustCompile(`"sha256:[0-9a-f]{16}…"`)
	if !strings.Contains(string(lock), `source = "oci"`) && !regexp.MustCompile(`"?digest"? *= *"sha256:`).Match(lock) {
		t.Errorf("the lock does not pin the image:\n%s", lock)
	}
	run("two", 0, "fetch", "-c", "letter.hcl", "--locked")

	pushCompiler(t, image, "/* second */\n")
	r := run("three", 1, "fetch", "-c", "letter.hcl", "--locked")
	if !strings.Contains(r.stderr, "mkmini.lock.hcl") || !strings.Contains(r.stderr, "paper") || len(digest.FindAllString(strings.Join(strings.Fields(r.stderr), ""), -1)) < 2 {
		t.Errorf("what it says of another image does not name both:\n%s", r.stderr)
	}
	run("one", 0, "fetch", "-c", "letter.hcl", "--locked")
	if text, err := os.ReadFile(filepath.Join(dir, "mkmini.lock.hcl")); err != nil || string(text) != string(lock) {
		t.Errorf("the lock was changed (%v):\n%s", err, text)
	}
}
