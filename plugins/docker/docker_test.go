package docker_test

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/plugins/docker"
	"github.com/mkmini/mkmini/plugins/layer/layertest"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// request asks for one image with the given number of layertest.Images.
func request(t *testing.T, n int, attributes map[string]any) sdk.ExportRequest {
	return layertest.Request(t, layertest.Images(t)[n:n+1], attributes)
}

func TestSameEverywhere(t *testing.T) {
	layertest.SameEverywhere(t, docker.New(), func(t *testing.T) sdk.ExportRequest {
		return request(t, 0, map[string]any{
			"labels": map[string]string{"b": "1", "a": "2"}, "env": map[string]string{"Y": "1", "X": "2"}})
	})
}

func TestSeesFullDisk(t *testing.T) {
	layertest.SeesFullDisk(t, docker.New(), func(t *testing.T) sdk.ExportRequest { return request(t, 0, nil) })
}

func TestFullDisk(t *testing.T) { layertest.FullDisk(t, docker.New(), nil) }

// files reads the small files of an archive.
func files(t *testing.T, path string) map[string]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	list := make(map[string]string)
	r := tar.NewReader(f)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Uname+h.Gname != "" || h.Uid+h.Gid != 0 || !h.ModTime.Equal(layertest.Epoch) {
			t.Errorf("%s carries %+v", h.Name, h)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		list[h.Name] = string(content)
	}
}

func TestImage(t *testing.T) {
	path, result := layertest.Export(t, docker.New(), request(t, 2, map[string]any{
		"tag": "docker.io/library/minios:1.0", "tags": []string{"registry.example.com/team/minios:1.0"},
		"entrypoint": []string{"/init"}, "env": map[string]string{"LANG": "C"}, "labels": map[string]string{"k": "v"},
		"user": "1:2", "workdir": "/srv", "author": "mkmini",
	}))
	want := sdk.Artifact{
		Path: "minios-sw64.docker.tar", Format: "docker", Arch: "sw64",
		Run: []string{"docker load -i {path}", "docker run --rm -it minios:1.0"},
	}
	if diff := cmp.Diff(want, result.Artifacts[0]); diff != "" {
		t.Error(diff)
	}
	list := files(t, path)
	var manifest []struct {
		Config           string
		RepoTags, Layers []string
	}
	if err := json.Unmarshal([]byte(list["manifest.json"]), &manifest); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"minios:1.0", "registry.example.com/team/minios:1.0"}, manifest[0].RepoTags); diff != "" {
		t.Error(diff)
	}
	if len(manifest[0].Layers) != 1 || list[manifest[0].Layers[0]] == "" {
		t.Errorf("layers %v", manifest[0].Layers)
	}
	config := list[manifest[0].Config]
	for _, piece := range []string{
		`"architecture":"sw64"`, `"os":"linux"`, `"created":"1980-01-01T00:00:00Z"`, `"author":"mkmini"`,
		`"Env":["LANG=C","PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]`,
		`"Entrypoint":["/init"]`, `"Labels":{"k":"v"}`, `"User":"1:2"`, `"WorkingDir":"/srv"`, `"diff_ids":["sha256:`,
	} {
		if !strings.Contains(config, piece) {
			t.Errorf("the configuration lacks %s: %s", piece, config)
		}
	}
	if strings.Contains(config, `"Cmd"`) {
		t.Errorf("an entrypoint got a command: %s", config)
	}
	for _, piece := range []string{
		`"io.containerd.image.name":"docker.io/library/minios:1.0"`, `"org.opencontainers.image.ref.name":"1.0"`,
		`"io.containerd.image.name":"registry.example.com/team/minios:1.0"`,
		`"org.opencontainers.image.ref.name":"registry.example.com/team/minios:1.0"`,
	} {
		if !strings.Contains(list["index.json"], piece) {
			t.Errorf("the index lacks %s: %s", piece, list["index.json"])
		}
	}
}

func TestCommandsNameTheKnownPlatform(t *testing.T) {
	_, result := layertest.Export(t, docker.New(), request(t, 1, nil))
	if got := result.Artifacts[0].Run[1]; got != "docker run --rm -it --platform linux/arm64 minios:latest" {
		t.Error(got)
	}
}

func TestSkopeoReadsBothForms(t *testing.T) {
	skopeo := layertest.Tool(t, "skopeo", "skopeo")
	for n, arch := range []string{"amd64", "arm64", "sw64"} {
		path, _ := layertest.Export(t, docker.New(), request(t, n, map[string]any{"tags": []string{"minios:latest", "minios:1"}}))
		for _, name := range []string{"docker-archive:" + path + ":minios:latest", "docker-archive:" + path + ":minios:1", "oci-archive:" + path + ":1"} {
			out := layertest.Run(t, nil, skopeo, "--override-arch", arch, "inspect", "--config", name)
			if !strings.Contains(out, `"architecture": "`+arch+`"`) && !strings.Contains(out, `"architecture":"`+arch+`"`) {
				t.Errorf("%s: %s", name, out)
			}
			dir := filepath.Join(t.TempDir(), "copy")
			layertest.Run(t, nil, skopeo, "--insecure-policy", "--override-arch", arch, "copy", "-q", name, "dir:"+dir)
		}
	}
}

func TestRefuses(t *testing.T) {
	for name, req := range map[string]sdk.ExportRequest{
		"no image":   layertest.Request(t, nil, nil),
		"two images": layertest.Request(t, layertest.Images(t)[:2], nil),
		"tag":        request(t, 0, map[string]any{"tag": "NO"}),
	} {
		if _, err := docker.New().Export(t.Context(), req, layertest.Progress(t)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	req := request(t, 0, nil)
	req.Images[0].Digest = "sha256:" + strings.Repeat("0", 64)
	if _, err := docker.New().Export(t.Context(), req, layertest.Progress(t)); err == nil || !strings.Contains(err.Error(), "digest") {
		t.Errorf("another layer: %v", err)
	}
	if left, _ := os.ReadDir(req.OutDir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// everything are all attributes about containers, and what docker and skopeo
// show of them.
var everything = map[string]any{
	"annotations":   map[string]string{"org.opencontainers.image.title": "minios"},
	"history":       []string{"busybox 1.35.0"},
	"exposed_ports": []string{"80", "53/udp"}, "volumes": []string{"/srv"}, "stop_signal": "SIGUSR1",
	"healthcheck": []string{"/bin/pidof", "init"}, "healthcheck_interval": "1s", "healthcheck_retries": 3,
}

// checkConfig looks for what everything says in a configuration as JSON.
func checkConfig(t *testing.T, who string, config []byte) {
	t.Helper()
	var c struct {
		ExposedPorts, Volumes map[string]struct{}
		StopSignal            string
		Healthcheck           struct {
			Test     []string
			Interval int64
			Retries  int
		}
	}
	if err := json.Unmarshal(config, &c); err != nil {
		t.Fatalf("%s: %v\n%s", who, err, config)
	}
	ports := map[string]struct{}{"80/tcp": {}, "53/udp": {}}
	if diff := cmp.Diff(ports, c.ExposedPorts); diff != "" {
		t.Errorf("%s: ports %s", who, diff)
	}
	if diff := cmp.Diff(map[string]struct{}{"/srv": {}}, c.Volumes); diff != "" {
		t.Errorf("%s: volumes %s", who, diff)
	}
	if diff := cmp.Diff([]string{"CMD", "/bin/pidof", "init"}, c.Healthcheck.Test); diff != "" {
		t.Errorf("%s: health check %s", who, diff)
	}
	if c.StopSignal != "SIGUSR1" || c.Healthcheck.Interval != 1e9 || c.Healthcheck.Retries != 3 {
		t.Errorf("%s: %+v", who, c)
	}
}

func TestSkopeoSeesEverything(t *testing.T) {
	skopeo := layertest.Tool(t, "skopeo", "skopeo")
	path, _ := layertest.Export(t, docker.New(), request(t, 0, everything))
	out := layertest.Run(t, nil, skopeo, "--override-arch", "amd64", "inspect", "--config", "--raw", "docker-archive:"+path)
	var image struct {
		Config  json.RawMessage
		History []struct {
			CreatedBy  string `json:"created_by"`
			EmptyLayer bool   `json:"empty_layer"`
		}
	}
	if err := json.Unmarshal([]byte(out), &image); err != nil {
		t.Fatal(err)
	}
	checkConfig(t, "skopeo", image.Config)
	if len(image.History) != 2 || image.History[0].CreatedBy != "busybox 1.35.0" || !image.History[0].EmptyLayer || image.History[1].EmptyLayer {
		t.Errorf("history %+v", image.History)
	}
	raw := layertest.Run(t, nil, skopeo, "--override-arch", "amd64", "inspect", "--raw", "oci-archive:"+path)
	if !strings.Contains(raw, `"annotations":{"org.opencontainers.image.title":"minios"}`) {
		t.Errorf("the manifest lacks the annotation: %s", raw)
	}
}
