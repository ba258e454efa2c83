package build_test

import (
	"archive/tar"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// names returns the names in an archive, which has the digest and size that are
// said of it.
func names(l sdk.Layer) (string, error) {
	data, err := os.ReadFile(l.Path)
	if err != nil {
		return "", err
	}
	if got := fmt.Sprintf("sha256:%x", sha256.Sum256(data)); got != l.Digest || int64(len(data)) != l.Size {
		return "", fmt.Errorf("%s is %s, not %+v", l.Path, got, l)
	}
	var list []string
	for r := tar.NewReader(strings.NewReader(string(data))); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return strings.Join(list, " "), nil
		}
		if err != nil {
			return "", err
		}
		list = append(list, h.Name)
	}
}

// TestLayers has an exporter get the layers of a system, of which one changes.
func TestLayers(t *testing.T) {
	w := newWorld(t)
	w.job.Config.Targets = w.job.Config.Targets[:1]
	entries := []config.Entry{
		{Kind: config.File, Path: "/srv/app", Layer: "app"},
		{Kind: config.File, Path: "/etc/motd"},
	}
	digests := func(content string) (layers map[string]string) {
		entries[0].Content = content
		w.job.Config.Targets[0].Preset, w.job.Config.Targets[0].Rootfs = "minimal", entries
		w.exporting = func(req sdk.ExportRequest) error {
			layers = map[string]string{}
			got := map[string]string{}
			for _, l := range req.Images[0].Layers {
				list, err := names(l)
				if err != nil {
					return err
				}
				got[l.Name], layers[l.Name] = list, l.Digest
			}
			want := map[string]string{
				"base": "bin/ bin/busybox bin/sh dev/ etc/ etc/motd proc/ sys/ tmp/", "app": "srv/ srv/app",
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			return nil
		}
		if _, err := w.build(); err != nil {
			t.Fatal(err)
		}
		return layers
	}
	one, two := digests("1"), digests("2")
	if one["base"] != two["base"] || one["app"] == two["app"] {
		t.Errorf("got %v and %v", one, two)
	}
	w.exporting = func(req sdk.ExportRequest) error {
		if len(req.Images[0].Layers) > 0 {
			t.Errorf("a system of one layer has %v", req.Images[0].Layers)
		}
		return nil
	}
	entries[0].Layer = ""
	if _, err := w.build(); err != nil {
		t.Fatal(err)
	}
}

// TestCopyInALayer is warned of a hard link to a file of another layer.
func TestCopyInALayer(t *testing.T) {
	w := newWorld(t)
	w.job.Config.Targets = w.job.Config.Targets[:1]
	at := fault.Range{File: "x.hcl", Start: fault.Position{Line: 7, Column: 3}}
	w.job.Config.Targets[0].Rootfs = []config.Entry{
		{Kind: config.File, Path: "/srv/x", Content: "12345"},
		{Kind: config.Hardlink, Path: "/srv/y", Target: "/srv/x", Layer: "app", Range: at},
		{Kind: config.Hardlink, Path: "/srv/z", Target: "/srv/x", Layer: "app"},
	}
	if _, err := w.build(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range w.events {
		for _, d := range e.Diagnostics {
			got = append(got, fmt.Sprintf("%s %s: %s", e.Step, d.Range.File, d.Detail))
		}
	}
	want := []string{`rootfs x.hcl: /srv/y is another name of /srv/x, which the layer "base" has: the layer "app" gets a copy, of 5 bytes.`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
