package pluginhost_test

import (
	"archive/tar"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/pluginhost"
	"github.com/mkmini/mkmini/core/pluginhost/plugintest"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// Plugins of other modules work as the built-in ones do.
func TestExternalToolchain(t *testing.T) {
	dir := t.TempDir()
	plugintest.Build(t, "toolchain", dir, pluginhost.Prefix+"paper")
	host := newHost(t, pluginhost.Options{Dirs: []string{dir}})
	found, err := host.Find(t.Context(), "paper")
	if err != nil {
		t.Fatal(describeError(err))
	}
	if found.Manifest.Toolchain == nil || found.Manifest.Exporter != nil || found.Builtin {
		t.Errorf("found %+v", found)
	}
	toolchain := startToolchain(t, host, "paper")
	compiler, err := toolchain.Probe(t.Context(), sdk.ProbeRequest{CC: "/usr/bin/paper-gcc"})
	if err != nil {
		t.Fatal(describeError(err))
	}
	out := t.TempDir()
	result, err := toolchain.Build(t.Context(), sdk.BuildRequest{
		Compiler: compiler, OutDir: out, Jobs: 1, Attributes: []byte(`{"greeting":"hi"}`),
	}, nil)
	if err != nil {
		t.Fatal(describeError(err))
	}
	got, err := os.ReadFile(filepath.Join(out, result.Tree, "bin/busybox"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("#!/bin/sh\n# busybox {\"greeting\":\"hi\"}\n", string(got)); diff != "" {
		t.Errorf("busybox (-want +got):\n%s", diff)
	}
}

func TestExternalExporter(t *testing.T) {
	dir := t.TempDir()
	plugintest.Build(t, "listing", dir, pluginhost.Prefix+"listing")
	host := newHost(t, pluginhost.Options{Dirs: []string{dir}})
	exporter, err := host.Exporter(t.Context(), "listing")
	if err != nil {
		t.Fatal(describeError(err))
	}
	layer := filepath.Join(t.TempDir(), "layer.tar")
	file, err := os.Create(layer)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(file)
	for _, name := range []string{"bin/", "bin/sh"} {
		if err := w.WriteHeader(&tar.Header{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	result, err := exporter.Export(t.Context(), sdk.ExportRequest{
		Name: "mini", Images: []sdk.Image{{Arch: "paper64", Layer: layer}}, OutDir: out, Jobs: 1,
		Attributes: []byte(`{"title":"all files"}`),
	}, nil)
	if err != nil {
		t.Fatal(describeError(err))
	}
	want := []sdk.Artifact{{Path: "mini-paper64.listing", Format: "listing", Arch: "paper64", Run: []string{"cat {path}"}}}
	if diff := cmp.Diff(want, result.Artifacts); diff != "" {
		t.Errorf("artifacts (-want +got):\n%s", diff)
	}
	got, err := os.ReadFile(filepath.Join(out, "mini-paper64.listing"))
	if err != nil || string(got) != "all files\nbin/\nbin/sh\n" {
		t.Errorf("listing %q, %v", got, err)
	}
	if _, err := host.Toolchain(t.Context(), "listing"); err == nil {
		t.Error("an exporter is a toolchain")
	} else {
		wantFault(t, err, `Plugin "listing" is no toolchain`)
	}
}
