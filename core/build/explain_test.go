package build_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

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
