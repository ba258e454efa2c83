package toolchain_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/toolchain"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// finder names an emulator, and passes compilers as prober does.
type finder struct {
	prober
	named sdk.EmulatorResult
	// asked are the compilers, and got the commands that probes were given.
	asked []string
	got   [][]string
}

func (f *finder) Emulator(_ context.Context, req sdk.EmulatorRequest) (sdk.EmulatorResult, error) {
	f.asked = append(f.asked, req.CC)
	return f.named, nil
}

func (f *finder) Probe(ctx context.Context, req sdk.ProbeRequest) (sdk.Compiler, error) {
	f.got = append(f.got, req.Emulator)
	return f.prober.Probe(ctx, req)
}

// TestEmulatorOfPlugin has a plugin name the emulator, and changes what its
// choice depends on.
func TestEmulatorOfPlugin(t *testing.T) {
	dir := t.TempDir()
	cc := driver(t, filepath.Join(dir, "sw_64-sunway-linux-gnu-gcc"), "good")
	emulator := driver(t, filepath.Join(dir, "vendor-emulator"), "#!/bin/sh\n")
	later := filepath.Join(dir, "licence")
	m := manager(t, "x86_64", dir)
	plugin := &finder{named: sdk.EmulatorResult{Command: []string{emulator, "-cpu", "core3"}, Files: []string{later}}}
	p, _, err := m.Obtain(t.Context(), request(), plugin, t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{cc}, plugin.asked); diff != "" {
		t.Errorf("asked for (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([][]string{{emulator, "-cpu", "core3"}}, plugin.got); diff != "" {
		t.Errorf("the probe got (-want +got):\n%s", diff)
	}
	// The probe of this plugin runs nothing itself: mkmini may.
	if diff := cmp.Diff([]string{emulator, "-cpu", "core3"}, p.Compiler.Emulator); diff != "" || !p.Compiler.CanRun {
		t.Errorf("the compiler can run: %v, with (-want +got):\n%s", p.Compiler.CanRun, diff)
	}
	if _, ok := m.Known(request()); !ok {
		t.Error("it is forgotten although nothing changed")
	}
	driver(t, later, "bought")
	if _, ok := m.Known(request()); ok {
		t.Error("it is remembered although the emulator's choice may be another")
	}
	if _, _, err := m.Obtain(t.Context(), request(), plugin, t.TempDir(), nil); err != nil {
		t.Fatal(err)
	}
	driver(t, emulator, "#!/bin/sh\n# newer\n")
	if _, ok := m.Known(request()); ok {
		t.Error("it is remembered although the emulator changed")
	}
}

func TestNoEmulatorNamed(t *testing.T) {
	dir := t.TempDir()
	cc := driver(t, filepath.Join(dir, "sw_64-sunway-linux-gnu-gcc"), "good")
	plugin := &finder{}
	c, files, err := toolchain.Probe(t.Context(), plugin, sdk.ProbeRequest{CC: cc, WorkDir: t.TempDir()})
	if err != nil || c.CanRun || len(files) > 0 {
		t.Errorf("compiler %+v, files %q, %v", c, files, err)
	}
}
