package build_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mkmini/mkmini/core/event"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// TestFailureWithoutError lets a plugin fail with warnings alone, or with
// nothing: that must not pass for a result.
func TestFailureWithoutError(t *testing.T) {
	warning := sdk.Diagnostic{Severity: sdk.Warning, Summary: "Odd", Detail: "This is odd."}
	for name, ds := range map[string]sdk.Diagnostics{"warnings": {warning, warning}, "nothing": {}} {
		for _, step := range []string{"busybox", "export copy"} {
			t.Run(name+" in "+step, func(t *testing.T) {
				w := newWorld(t)
				if step == "busybox" {
					w.broken["a64"] = ds
				} else {
					w.exporting = func(sdk.ExportRequest) error { return ds }
				}
				_, err := w.build()
				var f *fault.Error
				if !errors.As(err, &f) || f.Summary != "The plugin failed without saying why" || f.Step != step+" for a64" && f.Step != step+" for b64" {
					t.Fatalf("err = %v", err)
				}
				if got := slices.Equal(f.Excerpt, []string{"Odd: This is odd.", "Odd: This is odd."}); got != (name == "warnings") {
					t.Errorf("excerpt = %q", f.Excerpt)
				}
				kept, _ := filepath.Glob(filepath.Join(w.dir, "store", "steps", strings.Fields(step)[0]+"-*"))
				for _, dir := range kept {
					if _, err := os.Stat(filepath.Join(dir, "out", "tree")); step == "busybox" && err == nil {
						continue // the other architecture's
					}
					t.Errorf("%s was kept as a result", dir)
				}
			})
		}
	}
}

// logged writes a log into a folder, and returns a diagnostic that names it.
func logged(t *testing.T, dir string) sdk.Diagnostic {
	t.Helper()
	log := filepath.Join(dir, "a.log")
	if err := os.WriteFile(log, []byte("the whole story\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return sdk.Diagnostic{Summary: "It broke", Detail: "It broke here.", Path: []string{"attributes", "x"}, Log: log}
}

// TestLogsAreKept has each kind of a plugin's work fail with a log in a folder
// that is removed.
func TestLogsAreKept(t *testing.T) {
	for name, fail := range map[string]func(w *world){
		"probe": func(w *world) {
			w.probing = func(req sdk.ProbeRequest) error { return sdk.Diagnostics{logged(t, req.WorkDir)} }
		},
		"build": func(w *world) {
			w.building = func(req sdk.BuildRequest) error { return sdk.Diagnostics{logged(t, req.WorkDir)} }
		},
		"export": func(w *world) {
			w.exporting = func(req sdk.ExportRequest) error { return sdk.Diagnostics{logged(t, req.WorkDir)} }
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			fail(w)
			_, err := w.build()
			var f *fault.Error
			if !errors.As(err, &f) || f.Summary != "It broke" {
				t.Fatalf("err = %v", err)
			}
			if data, err := os.ReadFile(f.Log); string(data) != "the whole story\n" {
				t.Errorf("log %q: %q, %v", f.Log, data, err)
			}
		})
	}
}

// TestWarningsHaveTheirPlace looks at the warnings of a build and an export:
// the place in the configuration, and a log that is still there.
func TestWarningsHaveTheirPlace(t *testing.T) {
	w := newWorld(t)
	w.job.Config.Targets[0].Toolchain.AttributeRanges = map[string]fault.Range{"x": {File: "x.hcl", Start: fault.Position{Line: 3, Column: 2}}}
	w.job.Config.Exports[0].AttributeRanges = map[string]fault.Range{"x": {File: "x.hcl", Start: fault.Position{Line: 10, Column: 2}}}
	w.remarks = func(dir string) sdk.Diagnostics { return sdk.Diagnostics{logged(t, dir)} }
	w.mustBuild()
	for step, line := range map[string]int{"busybox": 3, "export copy": 10} {
		var got []event.Diagnostic
		for _, e := range w.events {
			if e.Kind == event.Warning && e.Step == step && e.Arch == "a64" {
				got = append(got, e.Diagnostics...)
			}
		}
		if len(got) != 1 || got[0].Range == nil || got[0].Range.Line != line || got[0].Severity != sdk.Warning {
			t.Fatalf("%s: warnings = %+v", step, got)
		}
		if data, err := os.ReadFile(got[0].Log); string(data) != "the whole story\n" {
			t.Errorf("%s: log %q: %q, %v", step, got[0].Log, data, err)
		}
	}
}
