package inspect

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLayers(t *testing.T) {
	type layer = []*tar.Header
	base := layer{dir("a"), file("a/x", "1"), file("a/y", "12"), dir("a/b"), file("a/b/z", "123"), symlink("lib", "usr/lib"), dir("usr"), dir("usr/lib")}
	tests := []struct {
		name   string
		layers []layer
		want   []string
	}{
		{"a file is removed", []layer{base, {file("a/.wh.x", "")}},
			[]string{"/ implied", "/a", "/a/b", "/a/b/z 3", "/a/y 2", "/lib -> usr/lib", "/usr", "/usr/lib"}},
		{"a folder is removed", []layer{base, {file(".wh.a", "")}},
			[]string{"/ implied", "/lib -> usr/lib", "/usr", "/usr/lib"}},
		{"what isn't there is removed", []layer{base, {file("no/.wh.a", ""), file(".wh.no", "")}},
			[]string{"/ implied", "/a", "/a/b", "/a/b/z 3", "/a/x 1", "/a/y 2", "/lib -> usr/lib", "/usr", "/usr/lib"}},
		{"an opaque folder, after what is new in it", []layer{base, {dir("a"), file("a/new", ""), file("a/.wh..wh..opq", "")}},
			[]string{"/ implied", "/a", "/a/new 0", "/lib -> usr/lib", "/usr", "/usr/lib"}},
		{"an opaque folder, before", []layer{base, {dir("a"), file("a/.wh..wh..opq", ""), file("a/b/new", "")}},
			[]string{"/ implied", "/a", "/a/b implied", "/a/b/new 0", "/lib -> usr/lib", "/usr", "/usr/lib"}},
		{"what aufs left", []layer{base, {dir(".wh..wh.plnk"), file(".wh..wh.aufs", "")}},
			[]string{"/ implied", "/a", "/a/b", "/a/b/z 3", "/a/x 1", "/a/y 2", "/lib -> usr/lib", "/usr", "/usr/lib"}},
		{"a file for a folder, and a folder for a file", []layer{base, {file("a", "1234"), dir("lib"), file("lib/c", "")}},
			[]string{"/ implied", "/a 4", "/lib", "/lib/c 0", "/usr", "/usr/lib"}},
		{"through a symlink of a lower layer", []layer{base, {file("lib/c.so", "12")}},
			[]string{"/ implied", "/a", "/a/b", "/a/b/z 3", "/a/x 1", "/a/y 2", "/lib -> usr/lib", "/usr", "/usr/lib", "/usr/lib/c.so 2"}},
		{"a hard link into a lower layer", []layer{{file("b", "12")}, {hardlink("a", "b")}, {file(".wh.b", "")}},
			[]string{"/ implied", "/a 2"}},
		{"hard links", []layer{{file("b", "12"), hardlink("a", "b"), hardlink("c", "./a"), hardlink("d", "no")}},
			[]string{"/ implied", "/a 2", "/b = /a", "/c = /a", "/d -> no"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var layers [][]byte
			for _, l := range test.layers {
				layers = append(layers, tarOf(t, l...))
			}
			b := blobs{}
			b.index(t, b.image(t, "arm64", layers...))
			for _, path := range []string{put(t, "saved.tar", savedOf(t, layers...)), b.write(t)} {
				a, err := Read(t.Context(), path, Options{})
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(test.want, paths(a.Trees[0])); diff != "" {
					t.Errorf("%s (-want +got):\n%s", a.Format, diff)
				}
			}
		})
	}
}

// In an archive that is no layer, a whiteout is a file.
func TestNoWhiteouts(t *testing.T) {
	a, err := Read(t.Context(), put(t, "x.tar", tarOf(t, file("a", "1"), file(".wh.a", ""), file("b", ""), file("b", "12"), file("../c", ""))), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"/ implied", "/.wh.a 0", "/a 1", "/b 2", "/c 0"}, paths(a.Trees[0])); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"b is there twice; the later counts", "../c leads out of its folder"}, a.Trees[0].Notes); diff != "" {
		t.Error(diff)
	}
}

func TestImages(t *testing.T) {
	one, two := tarOf(t, file("one", "1")), tarOf(t, file("two", "12"))
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(savedOf(t, one)); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	b := blobs{}
	arm, amd := b.image(t, "arm64", one), b.image(t, "amd64", one, two)
	arm["annotations"] = fields{"org.opencontainers.image.ref.name": "v1"}
	again := fields{"mediaType": arm["mediaType"], "digest": arm["digest"], "size": arm["size"],
		"annotations": fields{"io.containerd.image.name": "example.org/mini:2", "org.opencontainers.image.ref.name": "2"}}
	sbom := b.add(jsonOf(t, fields{
		"schemaVersion": 2, "artifactType": "application/spdx+json", "subject": arm,
		"config": b.add("{}", "application/vnd.oci.empty.v1+json"), "layers": []fields{},
	}), "application/vnd.oci.image.manifest.v1+json")
	nested := b.add(jsonOf(t, fields{"schemaVersion": 2, "manifests": []fields{amd, sbom}}), "application/vnd.oci.image.index.v1+json")
	b.index(t, arm, again, nested)
	layout := b.write(t)

	a, err := Read(t.Context(), layout, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Trees) != 2 || a.Format != "oci" {
		t.Fatalf("%d trees of %s", len(a.Trees), a.Format)
	}
	i := a.Trees[0].Image
	if diff := cmp.Diff([]string{"v1", "example.org/mini:2"}, i.Tags); diff != "" || i.Platform() != "linux/arm64" || i.Digest != arm["digest"] {
		t.Error(diff, i.Platform(), i.Digest)
	}
	if diff := cmp.Diff(Config{Cmd: []string{"/bin/sh"}, Env: []string{"A=b"}}, i.Config); diff != "" {
		t.Error(diff)
	}
	want := []Attachment{{Digest: sbom["digest"].(string), ArtifactType: "application/spdx+json", Subject: arm["digest"].(string)}}
	if diff := cmp.Diff(want, a.Attached); diff != "" {
		t.Error(diff)
	}

	a, err = Read(t.Context(), layout, Options{Platform: "linux/amd64"})
	if err != nil || len(a.Trees) != 1 || a.Trees[0].Totals.Files != 2 {
		t.Errorf("%v, %+v", err, a)
	}
	a, err = Read(t.Context(), put(t, "x.tar.gz", packed.Bytes()), Options{})
	if err != nil || a.Format != "docker" || a.Compression != "gzip" || a.Trees[0].Image.Tags[0] != "mini:1" {
		t.Errorf("%v, %+v", err, a)
	}
	differ := DiffConfig(i, &Image{OS: "linux", Architecture: "amd64", Config: Config{Cmd: []string{"a b"}, Env: []string{"A=b"}}})
	if diff := cmp.Diff([]Field{{"platform", "linux/arm64", "linux/amd64"}, {"cmd", `["/bin/sh"]`, `["a b"]`}}, differ); diff != "" {
		t.Error(diff)
	}
}
