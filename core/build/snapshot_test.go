package build_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// TestFolderThatChangesMeanwhile has somebody write to an overlay's folder
// while busybox is compiled: all architectures get what the folder held when
// its digest was made, and the next run gets the rest.
func TestFolderThatChangesMeanwhile(t *testing.T) {
	w := newWorld(t)
	w.write("over/motd", "old")
	for i := range w.job.Config.Targets {
		w.job.Config.Targets[i].Rootfs = []config.Entry{{Kind: config.Overlay, Path: "/", Source: filepath.Join(w.dir, "over")}}
	}
	got := func() map[string]string {
		t.Helper()
		w.mustBuild()
		motd := map[string]string{}
		for _, name := range []string{"mini-a64.tar", "mini-b64.tar"} {
			motd[name] = member(t, filepath.Join(w.dir, "out", name), "motd")
		}
		left, err := os.ReadDir(w.builder.Store.Sub("tmp"))
		if len(left) > 0 || err != nil {
			t.Errorf("a run leaves %v, %v", left, err)
		}
		return motd
	}
	w.building = func(sdk.BuildRequest) error { w.write("over/motd", "new"); return nil }
	if diff := cmp.Diff(map[string]string{"mini-a64.tar": "old", "mini-b64.tar": "old"}, got()); diff != "" {
		t.Errorf("while it changed (-want +got):\n%s", diff)
	}
	w.building = nil
	if diff := cmp.Diff(map[string]string{"mini-a64.tar": "new", "mini-b64.tar": "new"}, got()); diff != "" {
		t.Errorf("afterwards (-want +got):\n%s", diff)
	}
}

// member returns the content of a file in an archive.
func member(t *testing.T, archive, name string) string {
	t.Helper()
	data, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(bytes.NewReader(data)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			t.Fatalf("%s isn't in %s", name, archive)
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Name == name {
			content, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			return string(content)
		}
	}
}
