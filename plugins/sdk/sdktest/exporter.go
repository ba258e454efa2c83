package sdktest

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// Epoch is the time in what [Exporter] has written.
var Epoch = time.Unix(315532800, 0).UTC()

// Exporter has an exporter plugin write a small root file system twice, in
// other folders, with another umask and other jobs, and checks that the bytes
// are the same and that what it says of them is true. attributes is the block
// as a JSON object; if it is empty, the defaults are taken. It returns the
// folder with the artifacts, and what the plugin said of them.
func Exporter(t *testing.T, p sdk.Plugin, attributes string) (string, []sdk.Artifact) {
	t.Helper()
	m := Manifest(t, p)
	if m.Exporter == nil {
		t.Fatal("the plugin has no exporter")
	}
	block := json.RawMessage(attributes)
	if attributes == "" {
		block = Defaults(t, m.Exporter.Attributes)
	}
	images := []sdk.Image{image(t, "x86_64", "amd64")}
	if m.Exporter.MultiArch {
		images = append(images, image(t, "aarch64", "arm64"))
	}
	first, result := export(t, p, sdk.ExportRequest{Name: "mini", Images: images, Attributes: block, Jobs: 1})
	umask := syscall.Umask(0o077)
	second, again := export(t, p, sdk.ExportRequest{Name: "mini", Images: images, Attributes: block, Jobs: 4})
	syscall.Umask(umask)
	if diff := cmp.Diff(result, again); diff != "" {
		t.Errorf("the second result is another (-first +second):\n%s", diff)
	}
	if diff := cmp.Diff(contents(t, first, result), contents(t, second, again)); diff != "" {
		t.Errorf("the bytes or modes differ the second time (-first +second):\n%s", diff)
	}
	return first, result
}

// export calls the plugin once, and checks its answer.
func export(t *testing.T, p sdk.Plugin, req sdk.ExportRequest) (string, []sdk.Artifact) {
	t.Helper()
	req.WorkDir, req.OutDir, req.Epoch = t.TempDir(), t.TempDir(), Epoch
	result, err := p.Exporter.Export(t.Context(), req, func(r sdk.Report) {
		if r.Phase == "" || r.Done < 0 || r.Total > 0 && r.Done > r.Total {
			t.Errorf("the report %+v has no phase, or more done than there is", r)
		}
	})
	if err != nil {
		t.Fatalf("export: %v", err)
	}
	if len(result.Artifacts) == 0 {
		t.Fatal("the result names no artifact")
	}
	seen := map[string]bool{}
	for _, a := range result.Artifacts {
		if !filepath.IsLocal(a.Path) || path.Clean(a.Path) != a.Path || seen[a.Path] {
			t.Errorf("the path %q is not a clean one below OutDir, or is there twice", a.Path)
		}
		seen[a.Path] = true
		if a.Format == "" {
			t.Errorf("the artifact %s has no format", a.Path)
		}
		if len(req.Images) == 1 && a.Arch != req.Images[0].Arch {
			t.Errorf("the artifact %s is for %q and not for %q", a.Path, a.Arch, req.Images[0].Arch)
		}
	}
	return req.OutDir, result.Artifacts
}

// contents returns what is in the artifacts, by name: a file's mode and bytes.
func contents(t *testing.T, dir string, artifacts []sdk.Artifact) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, a := range artifacts {
		err := filepath.WalkDir(filepath.Join(dir, filepath.FromSlash(a.Path)), func(name string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(dir, name)
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			all[rel] = info.Mode().String()
			if info.Mode().IsRegular() {
				text, err := os.ReadFile(name)
				all[rel] += " " + string(text)
				return err
			}
			return nil
		})
		if err != nil {
			t.Errorf("artifact %s: %v", a.Path, err)
		}
	}
	return all
}

// image writes a small root file system, with one entry of each kind.
func image(t *testing.T, arch, platform string) sdk.Image {
	t.Helper()
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	for _, h := range []tar.Header{
		{Name: "bin/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "bin/busybox", Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(arch))},
		{Name: "bin/sh", Typeflag: tar.TypeSymlink, Linkname: "busybox", Mode: 0o777},
		{Name: "bin/sh2", Typeflag: tar.TypeLink, Linkname: "bin/busybox", Mode: 0o755},
		{Name: "dev/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "dev/console", Typeflag: tar.TypeChar, Mode: 0o600, Devmajor: 5, Devminor: 1},
		{Name: "etc/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "etc/motd", Typeflag: tar.TypeReg, Mode: 0o644, Uid: 7, Gid: 8, Size: int64(len(arch))},
		{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777},
	} {
		h.ModTime = Epoch
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			if _, err := w.Write([]byte(arch)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "layer.tar")
	if err := os.WriteFile(name, layer.Bytes(), 0o444); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(layer.Bytes())
	return sdk.Image{
		Arch: arch, Platform: sdk.Platform{OS: "linux", Architecture: platform}, Layer: name,
		Digest: "sha256:" + hex.EncodeToString(sum[:]), Size: int64(layer.Len()),
		Boot: &sdk.Boot{System: "qemu-system-" + strings.ReplaceAll(arch, "_", "-"), Console: "ttyS0"},
	}
}
