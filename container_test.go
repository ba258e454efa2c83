package main_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/testenv"
	"github.com/mkmini/mkmini/plugins/docker"
	"github.com/mkmini/mkmini/plugins/layer/layertest"
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
}
