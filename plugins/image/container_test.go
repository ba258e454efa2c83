package image

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/mkmini/mkmini/plugins/sdk"
)

func TestContainer(t *testing.T) {
	a, err := Decode([]byte(`{
		"exposed_ports": ["80", "80/tcp", "53/udp"], "volumes": ["/srv/", "/var/lib/data"], "stop_signal": "SIGRTMIN+3",
		"healthcheck": ["/bin/pidof", "httpd"], "healthcheck_interval": "1m30s", "healthcheck_retries": 2,
		"history": ["first", "second"]
	}`))
	if err != nil {
		t.Fatal(err)
	}
	got, err := a.container()
	if err != nil {
		t.Fatal(err)
	}
	want := v1.Config{
		Cmd: []string{"/bin/sh"}, Env: []string{"PATH=" + searchPath}, StopSignal: "SIGRTMIN+3",
		ExposedPorts: map[string]struct{}{"80/tcp": {}, "53/udp": {}},
		Volumes:      map[string]struct{}{"/srv": {}, "/var/lib/data": {}},
		Healthcheck:  &v1.HealthConfig{Test: []string{"CMD", "/bin/pidof", "httpd"}, Interval: 90 * time.Second, Retries: 2},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("container (-want +got):\n%s", diff)
	}
	history := []v1.History{{CreatedBy: "first", EmptyLayer: true}, {CreatedBy: "second", EmptyLayer: true}, {CreatedBy: "mkmini"}}
	if diff := cmp.Diff(history, a.history(v1.Time{}, sdk.Image{})); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
	history = append(history[:2], v1.History{CreatedBy: "mkmini base"}, v1.History{CreatedBy: "mkmini app"})
	if diff := cmp.Diff(history, a.history(v1.Time{}, sdk.Image{Layers: []sdk.Layer{{Name: "base"}, {Name: "app"}}})); diff != "" {
		t.Errorf("history of layers (-want +got):\n%s", diff)
	}
}

func TestSignals(t *testing.T) {
	for name, want := range map[string]bool{
		"SIGTERM": true, "SIGRTMIN": true, "SIGRTMIN+15": true, "SIGRTMAX-14": true, "9": true, "64": true,
		"TERM": false, "sigterm": false, "SIG": false, "SIGRTMIN+16": false, "0": false, "65": false, "SIGTERM ": false, "": false,
	} {
		if got := isSignal(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}

func TestContainerRefuses(t *testing.T) {
	for text, attribute := range map[string]string{
		`{"exposed_ports":["0"]}`:                           "exposed_ports",
		`{"exposed_ports":["65536"]}`:                       "exposed_ports",
		`{"exposed_ports":["080"]}`:                         "exposed_ports",
		`{"exposed_ports":["80/icmp"]}`:                     "exposed_ports",
		`{"exposed_ports":["80:80"]}`:                       "exposed_ports",
		`{"volumes":["srv"]}`:                               "volumes",
		`{"volumes":["/"]}`:                                 "volumes",
		`{"volumes":["/a/../b"]}`:                           "volumes",
		`{"volumes":["/a:/b"]}`:                             "volumes",
		`{"stop_signal":"TERM"}`:                            "stop_signal",
		`{"healthcheck_interval":"30s"}`:                    "healthcheck",
		`{"healthcheck":["a"],"healthcheck_timeout":"30"}`:  "healthcheck_timeout",
		`{"healthcheck":["a"],"healthcheck_timeout":"1us"}`: "healthcheck_timeout",
		`{"healthcheck":["a"],"healthcheck_retries":-1}`:    "healthcheck_retries",
		`{"healthcheck":["a"],"healthcheck_retries":1.5}`:   "healthcheck_retries",
		`{"healthcheck":["a"],"healthcheck_retries":1e300}`: "healthcheck_retries",
		`{"annotations":{"":"a"}}`:                          "annotations",
	} {
		_, err := Decode([]byte(text))
		d, ok := errors.AsType[sdk.Diagnostics](err)
		if !ok || d[0].Remedy == "" || attribute != "" && d[0].Path[1] != attribute {
			t.Errorf("%s: got %+v, want a diagnostic of %s", text, err, attribute)
		}
	}
}
