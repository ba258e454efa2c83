package build_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/toolchain"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// bringer puts a compiler with a header into the store.
type bringer struct{ *world }

func (b bringer) Default(sdk.ToolchainInfo) (config.From, bool) { return config.From{}, false }

func (b bringer) Provide(_ context.Context, info sdk.ToolchainInfo, _ config.From, _ toolchain.Report) (string, error) {
	b.note("bring %s", info.Arch)
	b.write(headerOf(info.Arch), "right")
	cc := b.write("store/steps/compiler-"+info.Arch+"/tree/bin/"+info.Arch+"-linux-gnu-gcc", info.Arch)
	return filepath.Dir(filepath.Dir(cc)), nil
}

func headerOf(arch string) string { return "store/steps/compiler-" + arch + "/tree/include/stdio.h" }

// TestDamagedCompiler damages a file that no probe looks at, of compilers in
// the store: a build that compiles nothing goes on, any other one has it
// brought again, and so has a fetch.
func TestDamagedCompiler(t *testing.T) {
	w := newWorld(t)
	m := w.builder.Toolchains
	m.Steps = filepath.Join(w.dir, "store", "steps")
	m.Providers = map[string]toolchain.Provider{"archive": bringer{w}}
	for i := range w.job.Config.Targets {
		w.job.Config.Targets[i].Toolchain.From = []config.From{{Kind: "archive", Archive: &config.Archive{SHA256: "x"}}}
	}
	w.mustBuild()
	w.did()
	header := filepath.Join(w.dir, headerOf("a64"))
	expect := func(what string, content string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, w.did()); diff != "" {
			t.Errorf("%s did (-want +got):\n%s", what, diff)
		}
		if data, err := os.ReadFile(header); string(data) != content {
			t.Errorf("after %s the header is %q, %v", what, data, err)
		}
	}
	w.write(headerOf("a64"), "wrong")
	w.mustBuild()
	expect("a build of nothing", "wrong")
	w.job.Config.Targets[0].Busybox.Set = map[string]string{"A": "y"}
	w.mustBuild()
	expect("a build", "right", "bring a64", "build a64", "export a64", "probe a64")
	w.job.Config.Targets[1].Busybox.Set = map[string]string{"A": "y"}
	w.mustBuild()
	expect("a build with a sound one", "right", "build b64", "export b64")
	if err := os.Remove(header); err != nil {
		t.Fatal(err)
	}
	if _, err := w.builder.Fetch(t.Context(), w.job); err != nil {
		t.Fatal(err)
	}
	expect("a fetch", "right", "bring a64", "fetch busybox 1.35.0", "probe a64")
}

// TestDamagedSource damages a file of an unpacked source: a build that compiles
// nothing goes on, any other one unpacks it again, and so does a fetch.
func TestDamagedSource(t *testing.T) {
	w := newWorld(t)
	w.mustBuild()
	w.did()
	found, err := filepath.Glob(filepath.Join(w.dir, "store/steps/source-*/tree/README"))
	if err != nil || len(found) != 1 {
		t.Fatalf("the source is %q, %v", found, err)
	}
	right, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	damage := func() {
		t.Helper()
		if err := os.WriteFile(found[0], []byte("wrong"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(what, content string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, w.did()); diff != "" {
			t.Errorf("%s did (-want +got):\n%s", what, diff)
		}
		if data, err := os.ReadFile(found[0]); string(data) != content {
			t.Errorf("after %s the source is %q, %v", what, data, err)
		}
	}
	damage()
	w.mustBuild()
	expect("a build of nothing", "wrong")
	w.job.Config.Targets[0].Busybox.Set = map[string]string{"A": "y"}
	w.mustBuild()
	expect("a build", string(right), "build a64", "export a64", "fetch busybox 1.35.0")
	if err := os.Remove(found[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := w.builder.Fetch(t.Context(), w.job); err != nil {
		t.Fatal(err)
	}
	expect("a fetch", string(right), "fetch busybox 1.35.0", "fetch busybox 1.35.0")
}
