package main_test

import (
	"archive/tar"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/capability"
	"github.com/mkmini/mkmini/core/testenv"
	"github.com/mkmini/mkmini/plugins/docker"
	"github.com/mkmini/mkmini/plugins/layer/layertest"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// TestDockerInspect has a docker engine read what an image says of its
// containers.
func TestDockerInspect(t *testing.T) {
	t.Parallel()
	engine := testenv.Docker(t)
	archive, _ := layertest.Export(t, docker.New(), layertest.Request(t, layertest.Images(t)[:1], map[string]any{
		"history": []string{"busybox 1.35.0"}, "exposed_ports": []string{"80", "53/udp"}, "volumes": []string{"/srv"},
		"stop_signal": "SIGUSR1", "healthcheck": []string{"/bin/pidof", "init"}, "healthcheck_interval": "1s",
		"annotations": map[string]string{"org.opencontainers.image.title": "minios"},
	}))
	engine.Run(t, "load", "--input", archive)
	type container struct {
		ExposedPorts, Volumes map[string]struct{}
		StopSignal            string
		Healthcheck           struct {
			Test     []string
			Interval int
		}
	}
	want := container{
		ExposedPorts: map[string]struct{}{"80/tcp": {}, "53/udp": {}}, Volumes: map[string]struct{}{"/srv": {}}, StopSignal: "SIGUSR1",
	}
	want.Healthcheck.Test, want.Healthcheck.Interval = []string{"CMD", "/bin/pidof", "init"}, 1e9
	var got container
	text := engine.Run(t, "image", "inspect", "--format", "{{json .Config}}", "minios:latest")
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docker image inspect (-want +got):\n%s", diff)
	}
	if got := engine.Run(t, "history", "--format", "{{.CreatedBy}}", "minios:latest"); got != "mkmini\nbusybox 1.35.0\n" {
		t.Errorf("docker history: %q", got)
	}
	t.Run("odd names", func(t *testing.T) { dockerKeepsNames(t, engine) })
}

// dockerKeepsNames has the engine unpack names that tools trip over, the
// largest owner, and file capabilities.
func dockerKeepsNames(t *testing.T, engine *testenv.Engine) {
	const attribute = "SCHILY.xattr.security.capability"
	value := string(capability.Set{Permitted: 1 << 13, Effective: true}.Encode())
	headers := append(layertest.OddHeaders(), tar.Header{Name: "ping", Typeflag: tar.TypeReg, Mode: 0o755, PAXRecords: map[string]string{attribute: value}})
	img := layertest.Image(t, "x86_64", sdk.Platform{OS: "linux", Architecture: "amd64"}, headers)
	archive, _ := layertest.Export(t, docker.New(), layertest.Request(t, []sdk.Image{img}, map[string]any{"tag": "odd:1"}))
	engine.Run(t, "load", "--input", archive)
	engine.Run(t, "create", "--name", "odd", "odd:1", "/none")
	exported := filepath.Join(t.TempDir(), "export.tar")
	engine.Run(t, "export", "--output", exported, "odd")
	file, err := os.Open(exported)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	found := make(map[string]*tar.Header)
	for r := tar.NewReader(file); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		found[h.Name] = h
	}
	for _, want := range headers {
		got := found[want.Name]
		if got == nil || got.Typeflag != want.Typeflag || got.Linkname != want.Linkname || got.Size != want.Size || got.Mode&0o7777 != want.Mode ||
			got.Uid != want.Uid || got.Gid != want.Gid || got.PAXRecords[attribute] != want.PAXRecords[attribute] {
			t.Errorf("%q came out as %+v", want.Name, got)
		}
	}
}
