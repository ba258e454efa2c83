package pluginstore_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/mkmini/mkmini/core/pluginstore"
	"github.com/mkmini/mkmini/core/source/oci"
)

// TestTags takes the newest version among tags of all kinds.
func TestTags(t *testing.T) {
	host := serveRegistry(t)
	for tag, version := range map[string]string{"1.1.0": "1.1.0", "v1.10.0": "1.10.0", "2.0.0-rc.1": "2.0.0-rc.1", "latest": "1.1.0"} {
		dir := release(t, t.TempDir(), manifest(version, 1), amd64, arm64)
		if _, err := pluginstore.Push(t.Context(), newStore(t).Registry, host+"/board:"+tag, dir); err != nil {
			t.Fatal(err)
		}
	}
	for constraint, want := range map[string]string{"": "1.10.0", "~> 1.1.0": "1.1.0", "2.0.0-rc.1": "2.0.0-rc.1"} {
		rel, _, err := install(t, newStore(t), pluginstore.Request{Source: "oci://" + host + "/board", Version: constraint}, plugins(t))
		if err != nil || rel.Version != want || len(rel.Platforms()) != 2 {
			t.Errorf("%q: %+v, %v, want %s", constraint, rel, err, want)
		}
	}
	rel, _, err := install(t, newStore(t), pluginstore.Request{Source: "oci://" + host + "/board:latest"}, plugins(t))
	if err != nil || rel.Version != "1.1.0" {
		t.Errorf("latest: %+v, %v", rel, err)
	}
	to := plugins(t)
	_, _, err = install(t, newStore(t), pluginstore.Request{Source: "oci://" + host + "/board", Version: "~> 3.0"}, to)
	wantFault(t, err, to, "no release that will do", "~> 3.0")
}

// TestArtifacts reads what others push: without a list of hashes, as one
// manifest, of other types.
func TestArtifacts(t *testing.T) {
	host := serveRegistry(t)
	dir := release(t, t.TempDir(), manifest("1.0.0", 1), amd64, arm64)
	odd := manifest("1.0.0", 1)
	odd.Exporter.Description = "another"
	other := filepath.Join(release(t, t.TempDir(), odd, amd64), boardArchive)
	description := "mkmini-plugin-board_v1.0.0_manifest.json"
	archives := []string{boardArchive, "mkmini-plugin-board_v1.0.0_p1_linux_arm64.tar.gz"}
	part := func(titles ...string) oci.Part {
		p := oci.Part{Platform: v1.Platform{OS: "linux", Architecture: "amd64"}, Titles: titles}
		for _, title := range titles {
			p.Files = append(p.Files, filepath.Join(dir, title))
		}
		return p
	}
	push := func(tag, kind string, parts ...oci.Part) string {
		t.Helper()
		if _, err := newStore(t).Registry.Push(t.Context(), host+"/board:"+tag, kind, parts); err != nil {
			t.Fatal(err)
		}
		return "oci://" + host + "/board:" + tag
	}
	lie := part(boardArchive, pluginstore.SumsName)
	lie.Files[0] = other
	twice := part(boardArchive)
	twice.Files[0] = other
	tests := []struct {
		name, source string
		platforms    int
		words        []string
	}{
		{"without a list", push("bare", pluginstore.ArtifactType, part(archives[0]), part(archives[1])), 2, nil},
		{"one manifest for all", push("single", pluginstore.ArtifactType, part(append(archives, pluginstore.SumsName, description)...)), 2, nil},
		{"another type", push("other", "application/vnd.other", part(archives[0])), 0, []string{`of the type "application/vnd.other"`}},
		{"a list that lies", push("lie", pluginstore.ArtifactType, lie), 0, []string{"SHA256SUMS says"}},
		{"two contents of a file", push("twice", pluginstore.ArtifactType, part(boardArchive), twice), 0, []string{"two files " + boardArchive}},
		{"no files", push("none", pluginstore.ArtifactType), 0, []string{"holds no files"}},
		{"an image", image(t, host), 0, []string{"is of the type"}},
		{"no such tag", "oci://" + host + "/board:nothing", 0, []string{"has no image"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			to := plugins(t)
			rel, _, err := install(t, newStore(t), pluginstore.Request{Source: test.source}, to)
			if test.words != nil {
				wantFault(t, err, to, test.words...)
			} else if err != nil || len(rel.Platforms()) != test.platforms {
				t.Errorf("%+v, %s", rel, describe(err))
			}
		})
	}
}

// image pushes a container image.
func image(t *testing.T, host string) string {
	t.Helper()
	img, err := mutate.AppendLayers(empty.Image, static.NewLayer([]byte("x"), types.DockerLayer))
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(host + "/board:image")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, img, remote.WithTransport(http.DefaultTransport)); err != nil {
		t.Fatal(err)
	}
	return "oci://" + ref.String()
}

// TestPushTwice writes the same artifact from the same files.
func TestPushTwice(t *testing.T) {
	host := serveRegistry(t)
	dir := release(t, t.TempDir(), manifest("1.0.0", 1), amd64, arm64)
	var digests []string
	for _, tag := range []string{"a", "b"} {
		digest, err := pluginstore.Push(t.Context(), newStore(t).Registry, host+"/board:"+tag, dir)
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, digest)
	}
	if digests[0] != digests[1] {
		t.Errorf("digests %q", digests)
	}
	if err := os.Remove(filepath.Join(dir, boardArchive)); err != nil {
		t.Fatal(err)
	}
	if _, err := pluginstore.Push(t.Context(), newStore(t).Registry, host+"/board:c", dir); err == nil {
		t.Error("a release without an archive was pushed")
	}
	if _, err := pluginstore.Push(t.Context(), newStore(t).Registry, "registry.example/board:c", t.TempDir()); err == nil {
		t.Error("no release was pushed")
	}
}
