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

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/event"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// BuildLibc makes a library that is one file.
func (f fakeToolchain) BuildLibc(_ context.Context, req sdk.LibcRequest, progress sdk.Progress) (sdk.LibcResult, error) {
	f.note("build %s %s for %s", req.Name, req.Version, f.arch)
	if err := f.broken["musl"]; err != nil {
		var ds sdk.Diagnostics
		if errors.As(err, &ds) {
			ds[0].Log = filepath.Join(req.WorkDir, "build.log")
			return sdk.LibcResult{}, errors.Join(err, os.WriteFile(ds[0].Log, []byte("all of it"), 0o644))
		}
		return sdk.LibcResult{}, err
	}
	if _, err := os.Stat(filepath.Join(req.SourceDir, "README")); err != nil {
		return sdk.LibcResult{}, err
	}
	progress(sdk.Report{Phase: "compile", Done: 1, Total: 1})
	lib := filepath.Join(req.OutDir, "musl", "lib")
	result := sdk.LibcResult{Dir: "musl", Facts: []sdk.Fact{{Name: "libc", Value: "musl 1.2.3", Status: sdk.OK}}}
	if req.Shared && f.broken["shared"] == nil {
		result.Loader = "lib/libc.a"
	}
	return result, errors.Join(
		os.MkdirAll(lib, 0o755), os.WriteFile(filepath.Join(lib, "libc.a"), []byte("code"), 0o644))
}

// libcNote says of a folder whether a library is there.
func libcNote(dir string) string {
	if dir == "" {
		return ""
	}
	if _, err := os.Stat(filepath.Join(dir, "lib", "libc.a")); err != nil {
		return " with " + err.Error()
	}
	return " with musl"
}

// withMusl asks for musl for one of the architectures.
func withMusl(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	target := &w.job.Config.Targets[0]
	target.Toolchain.Libc = "musl"
	target.Toolchain.AttributeRanges = map[string]fault.Range{"libc": {File: "x.hcl", Start: fault.Position{Line: 5, Column: 3}}}
	target.Musl = &config.Source{Version: "1.2.3", SHA256: strings.Repeat("b", 64)}
	return w
}

func TestLibcIsBuiltOnce(t *testing.T) {
	w := withMusl(t)
	w.mustBuild()
	want := []string{
		"build a64 with musl", "build b64", "build musl 1.2.3 for a64", "export a64", "export b64",
		"fetch busybox 1.35.0", "fetch musl 1.2.3", "probe a64", "probe a64 with musl", "probe b64",
	}
	if diff := cmp.Diff(want, w.did()); diff != "" {
		t.Errorf("done (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]event.Kind{event.Start, event.Progress, event.Done}, w.kinds("libc", "a64")); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	w.mustBuild()
	if did := w.did(); did != nil {
		t.Errorf("with nothing to do it did %q", did)
	}
	// Another system with the same compiler shares it.
	w.job.Config.Targets[0].Busybox.Set = map[string]string{"FOO": "n"}
	w.mustBuild()
	if diff := cmp.Diff([]string{"build a64 with musl", "export a64", "probe a64 with musl"}, w.did()); diff != "" {
		t.Errorf("for another busybox (-want +got):\n%s", diff)
	}
	// One without it does not.
	w.job.Config.Targets[0].Toolchain.Libc, w.job.Config.Targets[0].Musl = "", nil
	w.mustBuild()
	if diff := cmp.Diff([]string{"build a64", "export a64"}, w.did()); diff != "" {
		t.Errorf("for glibc (-want +got):\n%s", diff)
	}
}

func TestLibcFails(t *testing.T) {
	w := withMusl(t)
	w.builder.KeepGoing = true
	w.broken["musl"] = sdk.Diagnostics{{Summary: "Musl does not compile", Detail: "No.", Excerpt: []string{"a.c:1: error: no"}}}
	_, err := w.build()
	var f *fault.Error
	if !errors.As(err, &f) || f.Range == nil || f.Range.Start.Line != 5 || f.Step != "libc for a64" || len(f.Excerpt) != 1 {
		t.Fatalf("err = %#v", err)
	}
	if log, err := os.ReadFile(f.Log); err != nil || string(log) != "all of it" {
		t.Errorf("the log at %s has %q, %v", f.Log, log, err)
	}
	if kinds := w.kinds("busybox", "a64"); len(kinds) != 1 || kinds[0] != event.Skipped {
		t.Errorf("busybox: %v", kinds)
	}
}

// TestSharedLibc asks for a shared library of a plugin that makes static ones,
// as those do that were made before there were others.
func TestSharedLibc(t *testing.T) {
	w := withMusl(t)
	w.job.Config.Targets[0].Busybox.Dynamic = true
	w.broken["shared"] = errors.New("what is that")
	_, err := w.build()
	var f *fault.Error
	if !errors.As(err, &f) || f.Range == nil || f.Range.Start.Line != 5 || !strings.Contains(f.Summary, "only a static C library") {
		t.Fatalf("err = %#v", err)
	}
	if slices.Contains(w.did(), "build a64 with musl") {
		t.Error("busybox was built")
	}
	delete(w.broken, "shared")
	// The busybox of the test is no program: what is looked for is that it comes to it.
	if _, err := w.build(); err == nil || !slices.Contains(w.did(), "build a64 with musl") {
		t.Errorf("with a shared one: %v", err)
	}
}

// TestLend looks at the compilers that others get: for musl, one that needs no
// options.
func TestLend(t *testing.T) {
	w := withMusl(t)
	lent, err := w.builder.Lend(t.Context(), w.job)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"build musl 1.2.3 for a64", "fetch musl 1.2.3", "probe a64", "probe a64 with musl", "probe b64"}, w.did()); diff != "" {
		t.Errorf("done (-want +got):\n%s", diff)
	}
	if cc := lent["b64"].Compiler.CC; cc != filepath.Join(w.dir, "bin", "b64-linux-gnu-gcc") {
		t.Errorf("for glibc it is %s", cc)
	}
	script, err := os.ReadFile(lent["a64"].Compiler.CC)
	if err != nil || !strings.Contains(string(script), filepath.Join(w.dir, "bin", "a64-linux-gnu-gcc")) {
		t.Errorf("for musl it is\n%s%v", script, err)
	}
	if _, err := w.builder.Lend(t.Context(), w.job); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"probe a64 with musl"}, w.did()); diff != "" {
		t.Errorf("once more (-want +got):\n%s", diff)
	}
}
