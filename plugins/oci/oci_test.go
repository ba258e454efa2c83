package oci_test

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/plugins/layer/layertest"
	"github.com/mkmini/mkmini/plugins/oci"
	"github.com/mkmini/mkmini/plugins/sdk"
)

func TestSameEverywhere(t *testing.T) {
	for _, archive := range []bool{false, true} {
		t.Run(fmt.Sprint(archive), func(t *testing.T) {
			layertest.SameEverywhere(t, oci.New(), func(t *testing.T) sdk.ExportRequest {
				return layertest.Request(t, layertest.Images(t), map[string]any{
					"archive": archive, "annotations": map[string]string{"b": "1", "a": "2"}})
			})
		})
	}
}

func TestSeesFullDisk(t *testing.T) {
	for _, archive := range []bool{false, true} {
		t.Run(fmt.Sprint(archive), func(t *testing.T) {
			layertest.SeesFullDisk(t, oci.New(), func(t *testing.T) sdk.ExportRequest {
				return layertest.Request(t, layertest.Images(t)[:2], map[string]any{"archive": archive})
			})
		})
	}
}

func TestFullDisk(t *testing.T) {
	for _, archive := range []bool{false, true} {
		t.Run(fmt.Sprint(archive), func(t *testing.T) {
			layertest.FullDisk(t, oci.New(), map[string]any{"archive": archive})
		})
	}
}

func TestArtifacts(t *testing.T) {
	_, one := layertest.Export(t, oci.New(), layertest.Request(t, layertest.Images(t)[2:], map[string]any{"tag": "team/mini:1"}))
	want := sdk.Artifact{Path: "minios.oci", Format: "oci", Arch: "sw64", Run: []string{
		"skopeo copy oci:{path}:1 docker-daemon:team/mini:1", "docker run --rm -it team/mini:1"}}
	if diff := cmp.Diff(want, one.Artifacts[0]); diff != "" {
		t.Error(diff)
	}
	_, two := layertest.Export(t, oci.New(), layertest.Request(t, layertest.Images(t)[1:], map[string]any{"archive": true}))
	want = sdk.Artifact{Path: "minios.oci.tar", Format: "oci", Run: []string{
		"skopeo copy oci-archive:{path}:latest-aarch64 docker-daemon:minios:latest-aarch64",
		"docker run --rm -it --platform linux/arm64 minios:latest-aarch64",
		"skopeo copy oci-archive:{path}:latest-sw64 docker-daemon:minios:latest-sw64",
		"docker run --rm -it minios:latest-sw64",
	}}
	if diff := cmp.Diff(want, two.Artifacts[0]); diff != "" {
		t.Error(diff)
	}
}

// inspect returns the configuration of an image as skopeo shows it.
func inspect(t *testing.T, skopeo, name, arch string) string {
	t.Helper()
	return strings.ReplaceAll(layertest.Run(t, nil, skopeo, "--override-arch", arch, "inspect", "--config", name), ": ", ":")
}

func TestSkopeoReads(t *testing.T) {
	skopeo := layertest.Tool(t, "skopeo", "skopeo")
	for _, archive := range []bool{false, true} {
		transport := map[bool]string{false: "oci:", true: "oci-archive:"}[archive]
		attributes := map[string]any{"archive": archive, "tags": []string{"latest", "1.0"}}
		path, _ := layertest.Export(t, oci.New(), layertest.Request(t, layertest.Images(t), attributes))
		for _, img := range layertest.Images(t) {
			arch := img.Platform.Architecture
			for _, ref := range []string{"latest", "1.0", "latest-" + img.Arch, "1.0-" + img.Arch} {
				if out := inspect(t, skopeo, transport+path+":"+ref, arch); !strings.Contains(out, `"architecture":"`+arch+`"`) {
					t.Errorf("%s for %s: %s", ref, arch, out)
				}
			}
		}
		all := filepath.Join(t.TempDir(), "all")
		layertest.Run(t, nil, skopeo, "--insecure-policy", "copy", "--all", "-q", transport+path+":latest", "dir:"+all)
		single, _ := layertest.Export(t, oci.New(), layertest.Request(t, layertest.Images(t)[2:], attributes))
		if out := inspect(t, skopeo, transport+single+":1.0", "sw64"); !strings.Contains(out, `"architecture":"sw64"`) {
			t.Errorf("one image: %s", out)
		}
	}
}

// TestUmociUnpacks unpacks one image by name, and each of several by its own.
func TestUmociUnpacks(t *testing.T) {
	umoci := layertest.Tool(t, "umoci", "umoci")
	one, _ := layertest.Export(t, oci.New(), layertest.Request(t, layertest.Images(t)[2:], nil))
	three, _ := layertest.Export(t, oci.New(), layertest.Request(t, layertest.Images(t), nil))
	for _, name := range []string{one + ":latest", three + ":latest-x86_64", three + ":latest-aarch64", three + ":latest-sw64"} {
		bundle := filepath.Join(layertest.Folder(t), "bundle")
		layertest.Run(t, nil, umoci, "unpack", "--rootless", "--image", name, bundle)
		info, err := os.Stat(filepath.Join(bundle, "rootfs/bin/busybox"))
		if err != nil || info.Size() < layertest.Size {
			t.Errorf("%s: %v %v", name, info, err)
		}
	}
}

// TestUmociUnpacksOddNames finds each name again.
func TestUmociUnpacksOddNames(t *testing.T) {
	umoci := layertest.Tool(t, "umoci", "umoci")
	headers := layertest.OddHeaders()
	img := layertest.Image(t, "x86_64", sdk.Platform{OS: "linux", Architecture: "amd64"}, headers)
	path, _ := layertest.Export(t, oci.New(), layertest.Request(t, []sdk.Image{img}, nil))
	bundle := filepath.Join(layertest.Folder(t), "bundle")
	layertest.Run(t, nil, umoci, "unpack", "--rootless", "--image", path+":latest", bundle)
	for _, h := range headers {
		info, err := os.Lstat(filepath.Join(bundle, "rootfs", h.Name))
		if err != nil || info.Mode().IsRegular() && info.Size() != h.Size {
			t.Errorf("%q: %v %v", h.Name, info, err)
		}
		if target, err := os.Readlink(filepath.Join(bundle, "rootfs", h.Name)); h.Linkname != "" && (err != nil || target != h.Linkname) {
			t.Errorf("%q points to %q: %v", h.Name, target, err)
		}
	}
}

// TestRefusesWhiteouts refuses names with another meaning in images.
func TestRefusesWhiteouts(t *testing.T) {
	for _, name := range []string{".wh.gone", ".wh..wh..opq", "srv/.wh.x"} {
		img := layertest.Image(t, "x86_64", sdk.Platform{OS: "linux", Architecture: "amd64"}, []tar.Header{
			{Name: "srv/", Typeflag: tar.TypeDir, Mode: 0o755}, {Name: name, Typeflag: tar.TypeReg}})
		_, err := oci.New().Export(t.Context(), layertest.Request(t, []sdk.Image{img}, nil), layertest.Progress(t))
		if d, ok := err.(sdk.Diagnostics); !ok || !strings.Contains(d[0].Detail, `"/`+name+`"`) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRefuses(t *testing.T) {
	for name, req := range map[string]sdk.ExportRequest{
		"no image": layertest.Request(t, nil, nil),
		"tag":      layertest.Request(t, layertest.Images(t), map[string]any{"tag": "a b"}),
	} {
		if _, err := oci.New().Export(t.Context(), req, layertest.Progress(t)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	req := layertest.Request(t, layertest.Images(t), nil)
	req.Name = "../x"
	if _, err := oci.New().Export(t.Context(), req, layertest.Progress(t)); err == nil {
		t.Error("no error for a name with a path")
	}
}

// layer returns the media type and the digest of an image's only layer, as
// skopeo sees it.
func layer(t *testing.T, skopeo, name string) (kind, digest string) {
	t.Helper()
	var manifest struct {
		Layers []struct{ MediaType, Digest string }
	}
	raw := layertest.Run(t, nil, skopeo, "inspect", "--raw", name)
	if err := json.Unmarshal([]byte(raw), &manifest); err != nil || len(manifest.Layers) != 1 {
		t.Fatalf("%v: %s", err, raw)
	}
	return manifest.Layers[0].MediaType, manifest.Layers[0].Digest
}

func TestCompression(t *testing.T) {
	skopeo, umoci := layertest.Tool(t, "skopeo", "skopeo"), layertest.Tool(t, "umoci", "umoci")
	img := layertest.Images(t)[2:]
	for how, want := range map[string]struct {
		kind  string
		umoci bool // whether umoci 0.4 reads it
	}{
		"gzip": {"application/vnd.oci.image.layer.v1.tar+gzip", true},
		"none": {"application/vnd.oci.image.layer.v1.tar", true},
		"zstd": {"application/vnd.oci.image.layer.v1.tar+zstd", false},
	} {
		t.Run(how, func(t *testing.T) {
			layertest.SameEverywhere(t, oci.New(), func(t *testing.T) sdk.ExportRequest {
				return layertest.Request(t, img, map[string]any{"compression": how})
			})
			path, _ := layertest.Export(t, oci.New(), layertest.Request(t, img, map[string]any{"compression": how}))
			kind, digest := layer(t, skopeo, "oci:"+path+":latest")
			if kind != want.kind {
				t.Errorf("the layer is a %s", kind)
			}
			if !want.umoci {
				blob, err := os.ReadFile(filepath.Join(path, "blobs/sha256", strings.TrimPrefix(digest, "sha256:")))
				if err != nil {
					t.Fatal(err)
				}
				plain := layertest.Run(t, blob, layertest.Tool(t, "zstd", "zstd"), "-dc")
				if got := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(plain))); got != img[0].Digest {
					t.Errorf("zstd makes %s of the layer, not %s", got, img[0].Digest)
				}
				return
			}
			// Skopeo decompresses the layer, and compares it with its digest.
			plain := filepath.Join(t.TempDir(), "plain.tar")
			layertest.Run(t, nil, skopeo, "--insecure-policy", "--override-arch", "sw64", "copy", "-q", "oci:"+path+":latest", "docker-archive:"+plain+":minios:latest")
			bundle := filepath.Join(layertest.Folder(t), "bundle")
			layertest.Run(t, nil, umoci, "unpack", "--rootless", "--image", path+":latest", bundle)
			if info, err := os.Stat(filepath.Join(bundle, "rootfs/bin/busybox")); err != nil || info.Size() < layertest.Size {
				t.Errorf("umoci: %v %v", info, err)
			}
		})
	}
}

func TestUmociSeesEverything(t *testing.T) {
	umoci := layertest.Tool(t, "umoci", "umoci")
	path, _ := layertest.Export(t, oci.New(), layertest.Request(t, layertest.Images(t)[:1], map[string]any{
		"history": []string{"busybox 1.35.0"}, "exposed_ports": []string{"80"}, "volumes": []string{"/srv"}, "stop_signal": "SIGUSR1",
	}))
	stat := layertest.Run(t, nil, umoci, "stat", "--json", "--image", path+":latest")
	for _, piece := range []string{`"created_by":"busybox 1.35.0"`, `"empty_layer":true`, `"created_by":"mkmini"`} {
		if !strings.Contains(stat, piece) {
			t.Errorf("umoci doesn't see %s: %s", piece, stat)
		}
	}
	bundle := filepath.Join(layertest.Folder(t), "bundle")
	layertest.Run(t, nil, umoci, "unpack", "--rootless", "--image", path+":latest", bundle)
	config, err := os.ReadFile(filepath.Join(bundle, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	// The names are of image-spec conversion.md.
	for _, piece := range []string{
		`"org.opencontainers.image.exposedPorts": "80/tcp"`, `"org.opencontainers.image.stopSignal": "SIGUSR1"`,
		`"destination": "/srv"`,
	} {
		if !strings.Contains(string(config), piece) {
			t.Errorf("umoci doesn't see %s: %s", piece, config)
		}
	}
}
