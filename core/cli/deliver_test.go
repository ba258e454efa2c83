package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	fake "github.com/google/go-containerregistry/pkg/registry"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/event"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/testenv"
	"github.com/mkmini/mkmini/plugins/docker"
	"github.com/mkmini/mkmini/plugins/layer/layertest"
)

// events keeps what it is told.
type events struct{ list []event.Event }

func (e *events) Event(one event.Event) { e.list = append(e.list, one) }

// kinds returns the kinds of the events but for progress.
func (e *events) kinds() string {
	var kinds []string
	for _, one := range e.list {
		if one.Kind != event.Progress && one.Kind != event.Log {
			kinds = append(kinds, one.Step+" "+string(one.Kind))
		}
	}
	return strings.Join(kinds, ", ")
}

func exports(attributes ...string) *config.Config {
	c := &config.Config{}
	for _, text := range attributes {
		c.Exports = append(c.Exports, config.Export{
			Attributes:      map[string]json.RawMessage{"a": json.RawMessage(text), "b": json.RawMessage(strings.ReplaceAll(text, "ARCH", "b"))},
			AttributeRanges: map[string]fault.Range{"push": {File: "mini.hcl", Start: fault.Position{Line: 7}}},
		})
	}
	return c
}

func TestDeliverable(t *testing.T) {
	for _, test := range []struct {
		config *config.Config
		want   string
	}{
		{exports(`{}`, `{"load":true}`), ""},
		{exports(`{"push":["registry.example/x:1-ARCH"]}`), ""},
		{exports(`{"push":["UPPER/x"]}`), "Unusable name"},
		{exports(`{"push":["x"]}`), "Duplicate name"},
		{exports(`{"push":["x:ARCH"]}`, `{"push":["docker.io/library/x:b"]}`), "Duplicate name"},
	} {
		err := (&app{}).deliverable(test.config, &events{})
		f, ok := errors.AsType[*fault.Error](err)
		switch {
		case test.want == "" && err != nil, test.want != "" && !ok:
			t.Errorf("%s: %v", test.want, err)
		case ok && (f.Summary != test.want || f.Range == nil || f.Range.Start.Line != 7 || !f.Usage):
			t.Errorf("%+v", f)
		}
	}
	var view events
	a := &app{flags: flags{offline: true}}
	if err := a.deliverable(exports(`{"push":["x:ARCH"]}`), &view); err != nil || view.kinds() != "push warning" {
		t.Errorf("offline: %v %s", err, view.kinds())
	}
}

// exported is an artifact that is to be delivered.
func exported(t *testing.T) event.Artifact {
	t.Helper()
	path, _ := layertest.Export(t, docker.New(), layertest.Request(t, layertest.Images(t)[:1], nil))
	return event.Artifact{Path: path, Format: "docker", Arch: "x86_64"}
}

func TestDeliverPushes(t *testing.T) {
	s := httptest.NewServer(fake.New(fake.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(s.Close)
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	t.Setenv("MKMINI_STORE", t.TempDir())
	artifact := exported(t)
	artifact.Push = []string{strings.TrimPrefix(s.URL, "http://") + "/mini:1"}
	var view events
	if err := (&app{}).deliver(t.Context(), &view, []event.Artifact{artifact}); err != nil || view.kinds() != "push start, push done" {
		t.Errorf("%v %s", err, view.kinds())
	}
	if got := view.list[len(view.list)-1].Message; !strings.HasPrefix(got, artifact.Push[0]+"@sha256:") {
		t.Errorf("got %q", got)
	}
	s.Close()
	view = events{}
	if err := (&app{}).deliver(t.Context(), &view, []event.Artifact{artifact}); err == nil || view.kinds() != "push start, push failed" {
		t.Errorf("without a registry: %v %s", err, view.kinds())
	}
	view = events{}
	a := &app{flags: flags{offline: true}}
	if err := a.deliver(t.Context(), &view, []event.Artifact{artifact}); err != nil || len(view.list) > 0 {
		t.Errorf("offline: %v %s", err, view.kinds())
	}
}

func TestDeliverLoads(t *testing.T) {
	engine := testenv.Docker(t)
	t.Setenv("DOCKER_HOST", engine.Host)
	artifact := exported(t)
	artifact.Load = true
	var view events
	if err := (&app{}).deliver(t.Context(), &view, []event.Artifact{artifact}); err != nil || view.kinds() != "load start, load done" {
		t.Errorf("%v %s", err, view.kinds())
	}
	if got := engine.Run(t, "image", "inspect", "--format", "{{.Architecture}}", "minios:latest"); got != "amd64\n" {
		t.Errorf("the engine has %q", got)
	}
	if err := os.WriteFile(artifact.Path, bytes.Repeat([]byte("x"), 2000), 0o644); err != nil {
		t.Fatal(err)
	}
	err := (&app{}).deliver(t.Context(), &view, []event.Artifact{artifact})
	if f, ok := errors.AsType[*fault.Error](err); !ok || len(f.Excerpt) == 0 {
		t.Errorf("a damaged archive: %v", err)
	}
}

func TestDeliverNeedsAnEngine(t *testing.T) {
	testenv.Tool(t, "docker", "docker.io")
	socket := filepath.Join(t.TempDir(), "sock")
	t.Setenv("DOCKER_CONTEXT", "")
	t.Setenv("DOCKER_HOST", "unix://"+socket)
	load := func() *fault.Error {
		t.Helper()
		err := (&app{}).deliver(t.Context(), &events{}, []event.Artifact{{Path: filepath.Join(t.TempDir(), "x"), Load: true}})
		f, ok := errors.AsType[*fault.Error](err)
		if !ok {
			t.Fatalf("got %v", err)
		}
		return f
	}
	if f := load(); !strings.Contains(f.Detail, socket+" is not there") || !strings.Contains(f.Remedy, "dockerd") {
		t.Errorf("no engine: %+v", f)
	}
	if err := os.WriteFile(socket, nil, 0o400); err != nil {
		t.Fatal(err)
	}
	f := load()
	if os.Geteuid() != 0 && !strings.Contains(f.Remedy, "usermod") {
		t.Errorf("no permission: %+v", f)
	}
	t.Setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
	if f := load(); !strings.Contains(f.Remedy, "DOCKER_HOST") || len(f.Excerpt) == 0 {
		t.Errorf("no engine at an address: %+v", f)
	}
}

func TestDeliverNeedsDocker(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	err := (&app{}).deliver(t.Context(), &events{}, []event.Artifact{{Path: filepath.Join(t.TempDir(), "x"), Load: true}})
	if f, ok := errors.AsType[*fault.Error](err); !ok || !strings.Contains(f.Remedy, "docker.io") {
		t.Errorf("got %v", err)
	}
}
