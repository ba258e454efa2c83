package build_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/go-cmp/cmp"
	spdxjson "github.com/spdx/tools-golang/json"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/event"
	"github.com/mkmini/mkmini/core/plan"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// documented is a world that asks for SBOMs.
func documented(t *testing.T, attach bool) *world {
	w := newWorld(t)
	w.builder.Version = "1.2.3"
	w.job.Config.SBOM = &config.SBOM{Formats: []string{"spdx", "cyclonedx"}, Attach: attach}
	w.job.Plugins["copy"] = plan.Plugin{Digest: "sha256:c", Exporter: &sdk.ExporterInfo{Attachments: true}}
	w.job.Config.Targets[0].Rootfs = append(w.job.Config.Targets[0].Rootfs, config.Entry{
		Kind: config.Program, Path: "/usr/bin/tool", Source: w.write("tool", "#!/bin/sh\n"),
	})
	return w
}

// TestOwnersInSBOM takes files of an installed system, of which another block
// replaces one. A new version of a package makes new documents and nothing else.
func TestOwnersInSBOM(t *testing.T) {
	w := documented(t, false)
	status := "Package: app\nStatus: install ok installed\nArchitecture: all\nVersion: 1-1\n"
	for name, content := range map[string]string{
		"etc/os-release": "ID=debian\n", "var/lib/dpkg/status": status, "var/lib/dpkg/info/app.list": "/opt/app/one\n/opt/app/two\n",
		"opt/app/one": "1", "opt/app/two": "2",
	} {
		w.write("host/"+name, content)
	}
	target := &w.job.Config.Targets[0]
	target.Rootfs = append(target.Rootfs,
		config.Entry{Kind: config.Host, Path: "/", Installed: &config.Installed{Root: filepath.Join(w.dir, "host"), Paths: []string{"/opt"}}},
		config.Entry{Kind: config.File, Path: "/opt/app/two", Content: "mine"})
	owned := func(version string) {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(w.job.Out, "mini-a64.cdx.json"))
		if err != nil {
			t.Fatal(err)
		}
		var bom cdx.BOM
		if err := cdx.NewBOMDecoder(bytes.NewReader(text), cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
			t.Fatal(err)
		}
		for _, c := range *bom.Components {
			for _, d := range *bom.Dependencies {
				if c.PackageURL == "pkg:deb/debian/app@"+version+"?arch=all" && d.Ref == c.BOMRef {
					if diff := cmp.Diff(&[]string{"file:/opt/app/one"}, d.Dependencies); diff != "" {
						t.Errorf("its files (-want +got):\n%s", diff)
					}
					return
				}
			}
		}
		t.Errorf("there is no app %s with its file:\n%s", version, text)
	}
	if _, err := w.build(); err != nil {
		t.Fatal(err)
	}
	owned("1-1")
	w.events = nil
	w.write("host/var/lib/dpkg/status", strings.Replace(status, "1-1", "1-2", 1))
	if _, err := w.build(); err != nil {
		t.Fatal(err)
	}
	owned("1-2")
	for _, e := range w.events {
		if e.Kind == event.Done && e.Step != "sbom" && e.Step != "toolchain" {
			t.Errorf("%s was made again", e.Step)
		}
	}
}

func TestSBOM(t *testing.T) {
	w := documented(t, true)
	var mu sync.Mutex
	attached := map[string][]string{}
	w.exporting = func(req sdk.ExportRequest) error {
		mu.Lock()
		defer mu.Unlock()
		for _, a := range req.Images[0].Attachments {
			text, err := os.ReadFile(a.Path)
			if err != nil {
				return err
			}
			if a.Digest != fmt.Sprintf("sha256:%x", sha256.Sum256(text)) || a.Size != int64(len(text)) {
				t.Errorf("%+v isn't what it says", a)
			}
			attached[req.Images[0].Arch] = append(attached[req.Images[0].Arch], a.Name+" "+a.ArtifactType)
		}
		return nil
	}
	paths, err := w.build()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"mini-a64.tar", "mini-b64.tar", "mini-a64.spdx.json", "mini-a64.cdx.json", "mini-b64.spdx.json", "mini-b64.cdx.json"}
	if diff := cmp.Diff(want, paths); diff != "" {
		t.Errorf("artifacts (-want +got):\n%s", diff)
	}
	for _, arch := range []string{"a64", "b64"} {
		want := []string{"mini-" + arch + ".spdx.json application/spdx+json", "mini-" + arch + ".cdx.json application/vnd.cyclonedx+json"}
		if diff := cmp.Diff(want, attached[arch]); diff != "" {
			t.Errorf("attached to %s (-want +got):\n%s", arch, diff)
		}
	}
	named(t, w)
	w.did()
	if _, err := w.build(); err != nil || len(w.did()) > 0 {
		t.Errorf("a second build does something (%v)", err)
	}
	w.job.Config.SBOM.Supplier = "example.org"
	if _, err := w.build(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"export a64", "export b64"}, w.did()); diff != "" {
		t.Errorf("for another supplier (-want +got):\n%s", diff)
	}
}

// named looks for what the documents have to name.
func named(t *testing.T, w *world) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(w.job.Out, "mini-a64.spdx.json"))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := spdxjson.Read(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var packages []string
	for _, p := range doc.Packages {
		packages = append(packages, strings.TrimSpace(p.PackageName+" "+p.PackageVersion))
	}
	for _, want := range []string{"busybox 1.35.0", "mkmini 1.2.3", "tool"} {
		if !slices.Contains(packages, want) {
			t.Errorf("there is no package %s in %q", want, packages)
		}
	}
	text, err = os.ReadFile(filepath.Join(w.job.Out, "mini-a64.cdx.json"))
	if err != nil {
		t.Fatal(err)
	}
	var bom cdx.BOM
	if err := cdx.NewBOMDecoder(bytes.NewReader(text), cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatal(err)
	}
	if bom.Metadata.Timestamp != "1980-01-01T00:00:00Z" || bom.Metadata.Component.Name != "mini" {
		t.Errorf("the document is about %+v", bom.Metadata)
	}
	for _, text := range []string{w.dir, "/bin/a64-linux-gnu-gcc"} {
		if bytes.Contains(documents(t, w), []byte(text)) {
			t.Errorf("a document names %s, which is another one elsewhere", text)
		}
	}
}

func documents(t *testing.T, w *world) []byte {
	t.Helper()
	var all []byte
	for _, name := range []string{"mini-a64.spdx.json", "mini-a64.cdx.json"} {
		text, err := os.ReadFile(filepath.Join(w.job.Out, name))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text...)
	}
	return all
}

func TestSBOMNotAttached(t *testing.T) {
	w := documented(t, false)
	w.exporting = func(req sdk.ExportRequest) error {
		if n := len(req.Images[0].Attachments); n > 0 {
			t.Errorf("%d documents are attached", n)
		}
		return nil
	}
	if _, err := w.build(); err != nil {
		t.Fatal(err)
	}
}
