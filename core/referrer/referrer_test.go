package referrer_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/artifact"
	"github.com/mkmini/mkmini/core/referrer"
	"github.com/mkmini/mkmini/core/registry"
	"github.com/mkmini/mkmini/core/testenv"
	"github.com/mkmini/mkmini/plugins/layer/layertest"
	"github.com/mkmini/mkmini/plugins/oci"
)

var epoch = time.Unix(315532800, 0)

// layout exports the images of three architectures.
func layout(t *testing.T, archive bool) string {
	t.Helper()
	path, _ := layertest.Export(t, oci.New(), layertest.Request(t, layertest.Images(t), map[string]any{"archive": archive}))
	return path
}

func attach(t *testing.T, path, text string) {
	t.Helper()
	if err := referrer.Attach(t.Context(), path, referrer.Provenance(path, []byte(text), epoch)); err != nil {
		t.Fatal(err)
	}
}

func digest(t *testing.T, path string) string {
	t.Helper()
	d, _, err := artifact.Digest(path)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// open reads a layout, all of it.
func open(t *testing.T, path string) *registry.Layout {
	t.Helper()
	l, err := registry.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	if err := l.Check(t.Context()); err != nil {
		t.Error(err)
	}
	return l
}

func TestAttach(t *testing.T) {
	for name, archive := range map[string]bool{"folder": false, "archive": true} {
		t.Run(name, func(t *testing.T) {
			path, other := layout(t, archive), layout(t, archive)
			images, err := open(t, path).Images()
			if err != nil || len(images) != 4 {
				t.Fatalf("%d images, %v", len(images), err)
			}
			attach(t, path, "first")
			attach(t, path, "second")
			attach(t, other, "second")
			if digest(t, path) != digest(t, other) {
				t.Error("what was replaced has left traces")
			}
			before := digest(t, path)
			attach(t, path, "second")
			if digest(t, path) != before {
				t.Error("the same again is another layout")
			}
			l := open(t, path)
			now, err := l.Images()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(images, now); diff != "" {
				t.Errorf("the images are others:\n%s", diff)
			}
			attached, err := l.Attached()
			if err != nil || len(attached) != len(images) {
				t.Fatalf("%d are attached, %v", len(attached), err)
			}
			for i, a := range attached {
				text, err := l.Raw(a.Layers[0].Digest)
				if err != nil || string(text) != "second" || a.Subject != images[i].Digest || !referrer.IsProvenance(a) {
					t.Errorf("%q is attached to %s: %v", text, a.Subject, err)
				}
			}
			text, when, err := referrer.Attached(t.Context(), path)
			if string(text) != "second" || !when.Equal(epoch) || err != nil {
				t.Errorf("attached: %q, %v, %v", text, when, err)
			}
			if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// TestOthersRead has skopeo copy an image out of a layout with something
// attached, and tar list an archive.
func TestOthersRead(t *testing.T) {
	skopeo := testenv.Tool(t, "skopeo", "skopeo")
	for transport, archive := range map[string]bool{"oci": false, "oci-archive": true} {
		path := layout(t, archive)
		attach(t, path, "text")
		testenv.Output(t, skopeo, "--insecure-policy", "copy", "-q", transport+":"+path+":latest-sw64", "docker-archive:"+filepath.Join(t.TempDir(), "x.tar"))
		if !archive {
			continue
		}
		list := strings.Fields(testenv.Output(t, testenv.Tool(t, "tar", "tar"), "tf", path))
		want := strings.Join(list, "\n")
		sorted := exec.CommandContext(t.Context(), "sort")
		sorted.Env, sorted.Stdin = append(os.Environ(), "LC_ALL=C"), strings.NewReader(want+"\n")
		if out, err := sorted.Output(); err != nil || strings.TrimSpace(string(out)) != want {
			t.Errorf("the archive isn't sorted: %v", list)
		}
	}
}

func TestNothingToAttachTo(t *testing.T) {
	empty := t.TempDir()
	file := filepath.Join(t.TempDir(), "x.tar")
	if err := os.WriteFile(file, []byte("no archive"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{empty, file, filepath.Join(empty, "none")} {
		if err := referrer.Attach(t.Context(), path, referrer.Provenance(path, nil, epoch)); err == nil {
			t.Errorf("%s: something was attached", path)
		}
		if text, _, err := referrer.Attached(t.Context(), path); text != nil || err != nil {
			t.Errorf("%s: %q is attached, %v", path, text, err)
		}
	}
}
