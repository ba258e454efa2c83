package build_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/build"
	"github.com/mkmini/mkmini/core/event"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/plan"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// gifted serves plugins that can do all there is beside.
type gifted struct {
	*world
	// patch is what the plugin a64 does to busybox's README.
	patch string
	// verdict is what its Validate returns, and the exporter's.
	verdict error
}

func (g *gifted) Toolchain(context.Context, string) (sdk.Toolchain, error) {
	return giftedToolchain{fakeToolchain{g.world, "a64"}, g}, nil
}

func (g *gifted) Exporter(context.Context, string) (sdk.Exporter, error) {
	return giftedExporter{fakeExporter{g.world}, g}, nil
}

type giftedToolchain struct {
	fakeToolchain
	*gifted
}

func (t giftedToolchain) Patches(_ context.Context, req sdk.PatchesRequest) (sdk.PatchesResult, error) {
	t.fakeToolchain.note("patches for %s %s", req.Name, req.Version)
	return sdk.PatchesResult{Files: []string{"0001-readme.patch"}},
		os.WriteFile(filepath.Join(req.OutDir, "0001-readme.patch"), []byte(t.patch), 0o644)
}

func (t giftedToolchain) Boot(_ context.Context, req sdk.BootRequest) (*sdk.Boot, error) {
	t.fakeToolchain.note("boot %s", req.Attributes)
	return &sdk.Boot{System: "qemu-system-a64", Args: []string{string(req.Attributes)}, Console: "ttyS0"}, nil
}

func (t giftedToolchain) Validate(_ context.Context, req sdk.ValidateRequest) error {
	t.fakeToolchain.note("validate %s %s", req.Archs, req.Version)
	return t.verdict
}

// Build is that of the fake one: both embedded types have one.
func (t giftedToolchain) Build(ctx context.Context, req sdk.BuildRequest, progress sdk.Progress) (sdk.BuildResult, error) {
	return t.fakeToolchain.Build(ctx, req, progress)
}

type giftedExporter struct {
	fakeExporter
	*gifted
}

func (e giftedExporter) Validate(_ context.Context, req sdk.ValidateRequest) error {
	e.fakeExporter.note("validate export for %s", req.Archs)
	return e.verdict
}

const readmePatch = "--- a/README\n+++ b/README\n@@ -1 +1 @@\n-source\n\\ No newline at end of file\n+patched\n"

// newGifted is a world with one architecture whose plugins have abilities.
func newGifted(t *testing.T, abilities ...string) *gifted {
	t.Helper()
	w := newWorld(t)
	g := &gifted{world: w, patch: readmePatch}
	w.builder.Plugins = g
	w.job.Config.Targets = w.job.Config.Targets[:1]
	w.job.Config.Targets[0].Toolchain.AttributeRanges = map[string]fault.Range{"cpu": {File: "x.hcl", Start: fault.Position{Line: 2, Column: 3}}}
	w.job.Plugins["a64"] = plan.Plugin{Digest: "sha256:a", Abilities: abilities}
	return g
}

func (g *gifted) must(t *testing.T) {
	t.Helper()
	if _, err := g.build(); err != nil {
		t.Fatal(err)
	}
}

func TestPatches(t *testing.T) {
	g := newGifted(t, sdk.AbilityPatches)
	readme := ""
	g.building = func(req sdk.BuildRequest) error {
		text, err := os.ReadFile(filepath.Join(req.SourceDir, "README"))
		readme = string(text)
		return err
	}
	g.must(t)
	if readme != "patched\n" {
		t.Errorf("busybox was built from a README of %q", readme)
	}
	want := []string{"build a64", "export a64", "fetch busybox 1.35.0", "patches for busybox 1.35.0", "probe a64"}
	if diff := cmp.Diff(want, g.did()); diff != "" {
		t.Errorf("done (-want +got):\n%s", diff)
	}
	g.must(t)
	if did := g.did(); did != nil {
		t.Errorf("with nothing to do it did %q", did)
	}
	preview, err := g.builder.Preview(t.Context(), g.job)
	if err != nil || len(preview.Steps) < 3 || preview.Steps[1].Step != "patch" || preview.Steps[1].State != event.StateCached {
		t.Errorf("plan %+v, %v", preview.Steps, err)
	}
	// Attributes may choose other patches: they are asked for, and what is
	// built with them is built again.
	g.job.Config.Targets[0].Toolchain.Attributes = []byte(`{"cpu":"new"}`)
	g.must(t)
	if did := g.did(); !strings.Contains(strings.Join(did, ","), "build a64,export a64,patches for busybox") {
		t.Errorf("with another attribute it did %q", did)
	}
	// A damaged copy is made again, of a source that is there.
	copies, err := filepath.Glob(filepath.Join(g.dir, "store/steps/patch*/tree/README"))
	if err != nil || len(copies) == 0 {
		t.Fatalf("the copies are %q, %v", copies, err)
	}
	for _, path := range copies {
		if err := os.WriteFile(path, []byte("wrong"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	g.did()
	g.job.Config.Targets[0].Busybox.Set = map[string]string{"A": "y"}
	g.must(t)
	if did := g.did(); readme != "patched\n" || !slices.Contains(did, "patches for busybox 1.35.0") {
		t.Errorf("with a damaged copy it did %q, with %q", did, readme)
	}
	// The shared source is what it was.
	sources, err := filepath.Glob(filepath.Join(g.dir, "store", "steps", "source-*", "tree", "README"))
	if err != nil || len(sources) != 1 {
		t.Fatalf("sources %q, %v", sources, err)
	}
	if text, err := os.ReadFile(sources[0]); err != nil || string(text) != "source" {
		t.Errorf("the source has %q, %v", text, err)
	}
}

func TestPatchThatDoesNotApply(t *testing.T) {
	g := newGifted(t, sdk.AbilityPatches)
	g.patch = strings.ReplaceAll(readmePatch, "-source", "-sauce")
	_, err := g.build()
	var f *fault.Error
	if !errors.As(err, &f) || f.Summary != "A patch does not apply" || f.Step != "patch for a64" || f.Range == nil || f.Range.Start.Line != 1 {
		t.Fatalf("err = %#v", err)
	}
	for _, want := range []string{"0001-readme.patch", "busybox 1.35.0", `"a64"`, "README"} {
		if !strings.Contains(f.Detail, want) {
			t.Errorf("%q is not in: %s", want, f.Detail)
		}
	}
}

func TestBootByAttributes(t *testing.T) {
	g := newGifted(t, sdk.AbilityBoot)
	g.job.Config.Targets[0].Toolchain.Attributes = []byte(`{"board":"virt"}`)
	var got *sdk.Boot
	g.exporting = func(req sdk.ExportRequest) error { got = req.Images[0].Boot; return nil }
	g.must(t)
	want := &sdk.Boot{System: "qemu-system-a64", Args: []string{`{"board":"virt"}`}, Console: "ttyS0"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("boot (-want +got):\n%s", diff)
	}
	g.must(t)
	if did := strings.Join(g.did(), ","); strings.Count(did, "boot") != 1 {
		t.Errorf("two builds did %q", did)
	}
}

func TestValidate(t *testing.T) {
	g := newGifted(t, sdk.AbilityValidate)
	g.job.Plugins["copy"] = plan.Plugin{Digest: "sha256:c", Exporter: &sdk.ExporterInfo{}, Abilities: []string{sdk.AbilityValidate}}
	validate := func() error {
		g.events = nil
		return g.builder.Validate(t.Context(), g.job)
	}
	g.verdict = sdk.Diagnostics{{Summary: "No such processor", Detail: "It is not made.", Path: []string{"attributes", "cpu"}}}
	err := validate()
	var f *fault.Error
	if !errors.As(err, &f) || !f.Usage || f.Range.Start.Line != 2 || f.Summary != "No such processor" {
		t.Errorf("err = %#v", err)
	}
	g.verdict = sdk.Diagnostics{{Severity: sdk.Warning, Summary: "Old processor", Path: []string{"attributes", "cpu"}}}
	for range 2 {
		if err := validate(); err != nil {
			t.Fatal(err)
		}
		if len(g.events) != 2 || g.events[0].Kind != event.Warning || g.events[0].Diagnostics[0].Range.Line != 2 ||
			g.events[1].Diagnostics[0].Range.Line != 9 {
			t.Errorf("events %+v", g.events)
		}
	}
	// Errors are asked for again, anything else is remembered.
	want := []string{"validate [a64] 1.35.0", "validate [a64] 1.35.0", "validate export for [a64]", "validate export for [a64]"}
	if diff := cmp.Diff(want, g.did()); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	g.verdict = errors.New("it crashed")
	g.job.Config.Name = "other"
	if err := validate(); err == nil || errors.As(err, &f) && f.Usage {
		t.Errorf("err = %v", err)
	}
}

var _ build.Plugins = (*gifted)(nil)
