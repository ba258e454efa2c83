package build_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/build"
	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/event"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/plan"
	"github.com/mkmini/mkmini/core/source"
	"github.com/mkmini/mkmini/core/store"
	"github.com/mkmini/mkmini/core/toolchain"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// world is a machine with a compiler for two architectures, plugins within
// this process, and a diary of what was done.
type world struct {
	t       *testing.T
	dir     string
	builder *build.Builder
	job     build.Job

	mu     sync.Mutex
	diary  []string
	events []event.Event
	// broken holds what a toolchain's build fails with, by architecture.
	broken map[string]error
	// during is called while an architecture is being built.
	during func(ctx context.Context, arch string) error
	// probing is called when a compiler is probed, building before busybox is
	// built, and exporting when an exporter has read the layer.
	probing   func(req sdk.ProbeRequest) error
	building  func(req sdk.BuildRequest) error
	exporting func(req sdk.ExportRequest) error
	// licence is that of busybox's source; empty for none.
	licence string
	// remarks returns the warnings of a build or an export in a folder.
	remarks func(workDir string) sdk.Diagnostics
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), broken: map[string]error{}}
	bin := filepath.Join(w.dir, "bin")
	w.write("bin/a64-linux-gnu-gcc", "one")
	w.write("bin/b64-linux-gnu-gcc", "two")
	st, err := store.Open(filepath.Join(w.dir, "store"))
	if err != nil {
		t.Fatal(err)
	}
	w.builder = &build.Builder{
		Store: st, Plugins: w, Fetcher: w, Events: w, Mkmini: "sha256:self",
		Toolchains: &toolchain.Manager{Dir: filepath.Join(w.dir, "store", "toolchains"), Host: toolchain.Host{Path: []string{bin}, Machine: "x86_64"}},
		Jobs:       2, Epoch: time.Unix(315532800, 0), Now: time.Now,
	}
	w.job = build.Job{
		Out: filepath.Join(w.dir, "out"), Shown: "out",
		Plugins: map[string]plan.Plugin{
			"a64": {Digest: "sha256:a"}, "b64": {Digest: "sha256:b"}, "copy": {Digest: "sha256:c", Exporter: &sdk.ExporterInfo{}},
		},
		Toolchains: map[string]sdk.ToolchainInfo{"a64": w.info("a64"), "b64": w.info("b64")},
		Config: &config.Config{
			Name: "mini", Dir: w.dir,
			Targets: []config.Target{w.target("a64", 1), w.target("b64", 2)},
			Exports: []config.Export{{
				Plugin:     "copy",
				Attributes: map[string]json.RawMessage{"a64": json.RawMessage(`{}`), "b64": json.RawMessage(`{}`)},
				Range:      fault.Range{File: "x.hcl", Start: fault.Position{Line: 9, Column: 1}},
			}},
		},
	}
	return w
}

func (w *world) info(arch string) sdk.ToolchainInfo {
	return sdk.ToolchainInfo{Arch: arch, Triplets: []string{arch + "-linux-gnu"}, Platform: sdk.Platform{OS: "linux", Architecture: arch}}
}

func (w *world) target(arch string, line int) config.Target {
	return config.Target{
		Arch: arch,
		Toolchain: config.Toolchain{
			Plugin: arch, Attributes: json.RawMessage(`{}`),
			Range: fault.Range{File: "x.hcl", Start: fault.Position{Line: line, Column: 1}},
		},
		Busybox: config.Busybox{Version: "1.35.0", SHA256: strings.Repeat("a", 64), Config: "defconfig"},
		Rootfs:  []config.Entry{{Kind: config.File, Path: "/etc/motd", Content: "hello " + arch}},
	}
}

func (w *world) write(name, content string) string {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		w.t.Fatal(err)
	}
	return path
}

func (w *world) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.diary = append(w.diary, fmt.Sprintf(format, args...))
}

// did returns the diary since the last call, sorted: steps run side by side.
func (w *world) did() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	did := slices.Sorted(slices.Values(w.diary))
	w.diary = nil
	return did
}

func (w *world) Event(e event.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, e)
}

// kinds returns the kinds of the events of a step.
func (w *world) kinds(step, arch string) []event.Kind {
	w.mu.Lock()
	defer w.mu.Unlock()
	var kinds []event.Kind
	for _, e := range w.events {
		if e.Step == step && e.Arch == arch {
			kinds = append(kinds, e.Kind)
		}
	}
	return kinds
}

func (w *world) Fetch(_ context.Context, req source.Request, dir string, _ func(source.Progress)) (string, error) {
	w.note("fetch %s", req.Name)
	var buf bytes.Buffer
	gz := gzip.NewWriter(&buf)
	tw := tar.NewWriter(gz)
	body := "source"
	err := errors.Join(
		tw.WriteHeader(&tar.Header{Name: "busybox-1.35.0/README", Mode: 0o644, Size: int64(len(body))}),
		func() error { _, err := tw.Write([]byte(body)); return err }(),
		func() error {
			if w.licence == "" {
				return nil
			}
			header := &tar.Header{Name: "busybox-1.35.0/LICENSE", Mode: 0o644, Size: int64(len(w.licence))}
			_, err := strings.NewReader(w.licence).WriteTo(writerAfter(tw, header))
			return err
		}(),
		tw.Close(), gz.Close(),
	)
	path := filepath.Join(dir, strings.ReplaceAll(req.Name, " ", "-")+".tar.gz")
	return path, errors.Join(err, os.WriteFile(path, buf.Bytes(), 0o644))
}

// writerAfter begins a member of an archive.
func writerAfter(tw *tar.Writer, header *tar.Header) *tar.Writer {
	if err := tw.WriteHeader(header); err != nil {
		panic(err)
	}
	return tw
}

func (w *world) Toolchain(_ context.Context, name string) (sdk.Toolchain, error) {
	return fakeToolchain{w, name}, nil
}

func (w *world) Exporter(context.Context, string) (sdk.Exporter, error) { return fakeExporter{w}, nil }

type fakeToolchain struct {
	*world
	arch string
}

func (f fakeToolchain) Describe(context.Context) (sdk.ToolchainInfo, error) {
	return f.info(f.arch), nil
}

func (f fakeToolchain) Probe(_ context.Context, req sdk.ProbeRequest) (sdk.Compiler, error) {
	f.note("%s", strings.TrimSpace("probe "+f.arch+libcNote(req.Libc)))
	if f.probing != nil {
		if err := f.probing(req); err != nil {
			return sdk.Compiler{}, err
		}
	}
	return sdk.Compiler{Libc: req.Libc, CC: req.CC, Prefix: req.Prefix, Files: []string{req.CC}, CanRun: true, Version: "fake"}, nil
}

// Build makes a busybox that is a shell script, and says so.
func (f fakeToolchain) Build(ctx context.Context, req sdk.BuildRequest, progress sdk.Progress) (sdk.BuildResult, error) {
	f.note("%s", "build "+f.arch+libcNote(req.Compiler.Libc))
	if f.during != nil {
		if err := f.during(ctx, f.arch); err != nil {
			return sdk.BuildResult{}, err
		}
	}
	if err := f.broken[f.arch]; err != nil {
		return sdk.BuildResult{}, err
	}
	if _, err := os.Stat(filepath.Join(req.SourceDir, "README")); err != nil {
		return sdk.BuildResult{}, err
	}
	if f.building != nil {
		if err := f.building(req); err != nil {
			return sdk.BuildResult{}, err
		}
	}
	progress(sdk.Report{Phase: "compile", Done: 1, Total: 1})
	bin := filepath.Join(req.OutDir, "tree", "bin")
	result := sdk.BuildResult{Tree: "tree", Applets: req.Only}
	if f.remarks != nil {
		result.Warnings = f.remarks(req.WorkDir)
	}
	return result, errors.Join(
		os.MkdirAll(bin, 0o755),
		os.WriteFile(filepath.Join(bin, "busybox"), []byte("#!/bin/sh\necho 'BusyBox v0 "+f.arch+"'\n"), 0o755),
		os.Symlink("busybox", filepath.Join(bin, "sh")),
	)
}

// TestSingleApplet builds a busybox that is the one applet that it has: nobody
// may find out what it does by running it.
func TestSingleApplet(t *testing.T) {
	w := newWorld(t)
	w.job.Config.Targets[0].Busybox.Only = []string{"reboot"}
	w.mustBuild()
	said := map[string]string{}
	for _, e := range w.events {
		if e.Step == "check" && e.Kind == event.Done {
			said[e.Arch] = e.Message
		}
	}
	want := map[string]string{"a64": "not run: the only applet of its busybox is reboot, which it always runs", "b64": "BusyBox v0 b64"}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Errorf("the checks (-want +got):\n%s", diff)
	}
}

type fakeExporter struct{ *world }

func (f fakeExporter) Describe(context.Context) (sdk.ExporterInfo, error) {
	return sdk.ExporterInfo{}, nil
}

func (f fakeExporter) Export(_ context.Context, req sdk.ExportRequest, _ sdk.Progress) (sdk.ExportResult, error) {
	img := req.Images[0]
	f.note("export %s", img.Arch)
	data, err := os.ReadFile(img.Layer)
	if err != nil {
		return sdk.ExportResult{}, err
	}
	if f.exporting != nil {
		if err := f.exporting(req); err != nil {
			return sdk.ExportResult{}, err
		}
	}
	name := req.Name + "-" + img.Arch + ".tar"
	result := sdk.ExportResult{Artifacts: []sdk.Artifact{{Path: name, Format: "tar", Arch: img.Arch}}}
	if f.remarks != nil {
		result.Warnings = f.remarks(req.WorkDir)
	}
	return result,
		os.WriteFile(filepath.Join(req.OutDir, name), data, 0o644)
}

func (w *world) build() ([]string, error) {
	w.mu.Lock()
	w.events = nil
	w.mu.Unlock()
	artifacts, err := w.builder.Build(w.t.Context(), w.job)
	var paths []string
	for _, a := range artifacts {
		paths = append(paths, filepath.Base(a.Path))
	}
	return paths, err
}

func (w *world) mustBuild() {
	w.t.Helper()
	paths, err := w.build()
	if err != nil {
		w.t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"mini-a64.tar", "mini-b64.tar"}, paths); diff != "" {
		w.t.Fatalf("artifacts (-want +got):\n%s", diff)
	}
}

var everything = []string{"build a64", "build b64", "export a64", "export b64", "fetch busybox 1.35.0", "probe a64", "probe b64"}

// TestBadArchiveIsToldFirst has an overlay that fits in no system: that is said
// before anything is done for it.
func TestBadArchiveIsToldFirst(t *testing.T) {
	w := newWorld(t)
	var b bytes.Buffer
	archive := tar.NewWriter(&b)
	if err := errors.Join(archive.WriteHeader(&tar.Header{Name: "../out", Typeflag: tar.TypeReg}), archive.Close()); err != nil {
		t.Fatal(err)
	}
	w.write("overlay.tar", b.String())
	target := &w.job.Config.Targets[0]
	good := target.Rootfs
	target.Rootfs = append(slices.Clone(good), config.Entry{Kind: config.Overlay, Path: "/", Source: filepath.Join(w.dir, "overlay.tar")})
	told := func(err error) {
		t.Helper()
		f, ok := errors.AsType[*fault.Error](err)
		if !ok || f.Step != "rootfs" || !strings.Contains(f.Detail, `"../out"`) {
			t.Errorf("got %v", err)
		}
		if done := w.did(); len(done) > 0 {
			t.Errorf("done before: %v", done)
		}
	}
	_, err := w.build()
	told(err)
	_, err = w.builder.Preview(t.Context(), w.job)
	told(err)
	target.Rootfs = good
	w.mustBuild()
}

// TestOnlyWhatChanged builds, changes one thing after the other, and looks
// what is done again.
func TestOnlyWhatChanged(t *testing.T) {
	w := newWorld(t)
	steps := []struct {
		name   string
		change func()
		want   []string
	}{
		{"from nothing", func() {}, everything},
		{"nothing to do", func() {}, nil},
		{"a file of one architecture", func() { w.job.Config.Targets[0].Rootfs[0].Content = "bye" }, []string{"export a64"}},
		{"and back", func() { w.job.Config.Targets[0].Rootfs[0].Content = "hello a64" }, nil},
		{"a setting", func() { w.job.Config.Targets[1].Busybox.Set = map[string]string{"FOO": "n"} }, []string{"build b64", "export b64"}},
		{"a compiler", func() { w.write("bin/a64-linux-gnu-gcc", "newer") }, []string{"build a64", "export a64", "probe a64"}},
		{"a plugin", func() { w.job.Plugins["copy"] = plan.Plugin{Digest: "sha256:d", Exporter: &sdk.ExporterInfo{}} }, []string{"export a64", "export b64"}},
		{"an artifact is gone", func() { _ = os.Remove(filepath.Join(w.job.Out, "mini-a64.tar")) }, nil},
		{"an artifact was changed", func() { w.write("out/mini-b64.tar", "mine") }, nil},
		{"another folder", func() { w.job.Out = filepath.Join(w.dir, "elsewhere") }, nil},
		{"a result in the middle is gone that nobody reads", func() {
			gone, _ := filepath.Glob(filepath.Join(w.dir, "store", "steps", "busybox-*"))
			for _, dir := range gone {
				_ = os.RemoveAll(dir)
			}
		}, nil},
		{"the results at the end are gone", func() {
			gone, _ := filepath.Glob(filepath.Join(w.dir, "store", "steps", "export-*"))
			for _, dir := range gone {
				_ = os.RemoveAll(dir)
			}
		}, []string{"export a64", "export b64"}},
	}
	for _, step := range steps {
		step.change()
		w.mustBuild()
		if diff := cmp.Diff(step.want, w.did()); diff != "" {
			t.Errorf("%s: done (-want +got):\n%s", step.name, diff)
		}
		for _, name := range []string{"mini-a64.tar", "mini-b64.tar"} {
			if data, err := os.ReadFile(filepath.Join(w.job.Out, name)); err != nil || len(data) < 1024 {
				t.Errorf("%s: %s has %d bytes, %v", step.name, name, len(data), err)
			}
		}
	}
}

func TestEvents(t *testing.T) {
	w := newWorld(t)
	w.mustBuild()
	want := map[string][]event.Kind{
		"toolchain":   {event.Start, event.Done},
		"busybox":     {event.Start, event.Progress, event.Done},
		"rootfs":      {event.Start, event.Done},
		"check":       {event.Start, event.Done},
		"export copy": {event.Start, event.Done},
	}
	for step, kinds := range want {
		if diff := cmp.Diff(kinds, w.kinds(step, "a64")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step, diff)
		}
	}
	w.mustBuild()
	for step := range want {
		if diff := cmp.Diff([]event.Kind{event.Cached}, w.kinds(step, "a64")); diff != "" {
			t.Errorf("%s the second time (-want +got):\n%s", step, diff)
		}
	}
}

func TestKeepGoing(t *testing.T) {
	for _, keepGoing := range []bool{false, true} {
		w := newWorld(t)
		w.builder.KeepGoing = keepGoing
		w.broken["a64"] = sdk.Diagnostics{{Summary: "Busybox did not compile", Detail: "No.", Path: []string{"busybox", "set", "FOO"}}}
		w.job.Config.Targets[0].Busybox.Ranges = map[string]fault.Range{"set.FOO": {File: "x.hcl", Start: fault.Position{Line: 7, Column: 3}}}
		paths, err := w.build()
		var f *fault.Error
		if !errors.As(err, &f) || f.Range == nil || f.Range.Start.Line != 7 || f.Step != "busybox for a64" {
			t.Fatalf("keep going %v: err = %#v", keepGoing, err)
		}
		if keepGoing && !slices.Equal(paths, []string{"mini-b64.tar"}) {
			t.Errorf("the other architecture gave %q", paths)
		}
		if _, err := os.Stat(filepath.Join(w.job.Out, "mini-a64.tar")); err == nil {
			t.Error("a failed architecture has an artifact")
		}
		if left, _ := os.ReadDir(filepath.Join(w.dir, "store", "tmp")); len(left) > 0 {
			t.Errorf("left in tmp: %v", left)
		}
		if got := w.kinds("rootfs", "a64"); !slices.Equal(got, []event.Kind{event.Skipped}) && keepGoing {
			t.Errorf("rootfs for a64 = %v", got)
		}
	}
}

func TestNoCompiler(t *testing.T) {
	w := newWorld(t)
	w.builder.KeepGoing = true
	if err := os.Remove(filepath.Join(w.dir, "bin", "a64-linux-gnu-gcc")); err != nil {
		t.Fatal(err)
	}
	paths, err := w.build()
	var f *fault.Error
	if !errors.As(err, &f) || f.Summary != "No compiler for a64 found" {
		t.Fatalf("err = %v", err)
	}
	if !slices.Equal(paths, []string{"mini-b64.tar"}) {
		t.Errorf("the other architecture gave %q", paths)
	}
}

func TestCancel(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	w.during = func(ctx context.Context, _ string) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}
	_, err := w.builder.Build(ctx, w.job)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("err = %v", err)
	}
	for _, e := range w.events {
		if e.Kind == event.Failed {
			t.Errorf("%s failed, and should have been cancelled", e.Step)
		}
	}
	w.during = nil
	w.did()
	w.mustBuild()
	if diff := cmp.Diff([]string{"build a64", "build b64", "export a64", "export b64"}, w.did()); diff != "" {
		t.Errorf("the next build did (-want +got):\n%s", diff)
	}
}

func TestTwoExportsOneName(t *testing.T) {
	w := newWorld(t)
	second := w.job.Config.Exports[0]
	second.Range.Start.Line = 12
	w.job.Config.Exports = append(w.job.Config.Exports, second)
	w.job.Config.Exports[1].Attributes = map[string]json.RawMessage{"a64": json.RawMessage(`{"x":1}`), "b64": json.RawMessage(`{"x":1}`)}
	_, err := w.build()
	var f *fault.Error
	if !errors.As(err, &f) || f.Range.Start.Line != 12 || f.Related.Start.Line != 9 || !f.Usage {
		t.Fatalf("err = %v", err)
	}
}

func TestUnwritableOutput(t *testing.T) {
	w := newWorld(t)
	w.job.Out = w.write("file", "") + "/out"
	_, err := w.build()
	var f *fault.Error
	if !errors.As(err, &f) || f.Summary != "The output folder can't be written" {
		t.Fatalf("err = %v", err)
	}
	if did := w.did(); len(did) > 0 {
		t.Errorf("did %q before it looked at the output folder", did)
	}
}

func TestBusyboxThatDoesNotRun(t *testing.T) {
	w := newWorld(t)
	w.job.Config.Targets[0].Rootfs = []config.Entry{{Kind: config.File, Path: "/bin/busybox", Content: "#!/bin/sh\necho no\nexit 3\n", Mode: ptr(uint32(0o755))}}
	_, err := w.build()
	var f *fault.Error
	if !errors.As(err, &f) || f.Step != "check for a64" || !strings.Contains(f.Detail, "exit status 3") {
		t.Fatalf("err = %v", err)
	}
	if !slices.Equal(f.Excerpt, []string{"no"}) {
		t.Errorf("excerpt = %q", f.Excerpt)
	}
	w.job.Config.Targets[0].Rootfs[0].Content = "#!/bin/sh\nexit 3\n"
	if _, err = w.build(); !errors.As(err, &f) || len(f.Excerpt) > 0 {
		t.Errorf("of what said nothing: %v, excerpt %q", err, f.Excerpt)
	}
}

func TestFileThatChangesMeanwhile(t *testing.T) {
	w := newWorld(t)
	source := w.write("motd", "old")
	w.job.Config.Targets[0].Rootfs = []config.Entry{{Kind: config.File, Path: "/etc/motd", Source: source}}
	w.during = func(_ context.Context, arch string) error {
		if arch == "a64" {
			w.write("motd", "new")
		}
		return nil
	}
	_, err := w.build()
	var f *fault.Error
	if !errors.As(err, &f) || f.Summary != "Files changed during the build" {
		t.Fatalf("err = %v", err)
	}
	w.during = nil
	w.mustBuild()
}

func TestPreview(t *testing.T) {
	w := newWorld(t)
	states := func() string {
		p, err := w.builder.Preview(t.Context(), w.job)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		for _, s := range p.Steps {
			if s.Arch != "b64" {
				fmt.Fprintf(&b, "%s %s: %s\n", s.Step, s.State, s.Why)
			}
		}
		return b.String()
	}
	first := states()
	if did := w.did(); len(did) > 0 {
		t.Errorf("a preview did %q", did)
	}
	want := `source run: it has not been made yet
toolchain run: the compiler has not been probed yet
busybox run: it depends on the compiler
rootfs run: it depends on the compiler
check run: it depends on the compiler
export copy run: it depends on the compiler
`
	if diff := cmp.Diff(want, first); diff != "" {
		t.Errorf("before the first build (-want +got):\n%s", diff)
	}
	w.mustBuild()
	w.job.Config.Targets[0].Rootfs[0].Content = "bye"
	want = `source cached: 
toolchain cached: 
busybox cached: 
rootfs run: file "/etc/motd" changed
check run: the root file system changed
export copy run: the root file system for a64 changed
`
	if diff := cmp.Diff(want, states()); diff != "" {
		t.Errorf("after a change (-want +got):\n%s", diff)
	}
	for _, test := range []struct {
		change func()
		want   string
	}{
		{func() { w.job.Plugins["a64"] = plan.Plugin{Digest: "sha256:new"} }, "the plugin a64 changed"},
		{func() { w.job.Config.Targets[0].Toolchain.Attributes = json.RawMessage(`{"cpu":"x"}`) }, "the toolchain's attributes changed"},
		{func() {
			w.job.Config.Targets[0].Toolchain.From = []config.From{{Kind: "path", Dir: filepath.Join(w.dir, "bin")}}
		}, "where the compiler comes from changed"},
		{func() { w.write("bin/a64-linux-gnu-gcc", "newer") }, "the compiler changed, or what is found first"},
	} {
		test.change()
		if first, _, _ := strings.Cut(strings.SplitAfter(states(), "\n")[1], "\n"); first != "toolchain run: "+test.want {
			t.Errorf("%q, want %q", first, test.want)
		}
		w.mustBuild()
	}
}

func ptr[T any](v T) *T { return &v }
