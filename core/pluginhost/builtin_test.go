package pluginhost_test

import (
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/mkmini/mkmini/core/pluginhost"
	"github.com/mkmini/mkmini/plugins/builtin"
)

// All built-in plugins describe themselves truly, start side by side, and
// say the same over gRPC as without.
func TestBuiltins(t *testing.T) {
	self := filepath.Join(t.TempDir(), "mkmini")
	build := exec.CommandContext(t.Context(), "go", "build", "-ldflags", "-X main.version=9.8.7", "-o", self, "github.com/mkmini/mkmini")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build mkmini: %v\n%s", err, out)
	}
	host := newHost(t, pluginhost.Options{Builtins: builtin.Names(), Self: self})
	var group sync.WaitGroup
	for _, name := range builtin.Names() {
		group.Go(func() { checkBuiltin(t, host, name) })
	}
	group.Wait()
}

func checkBuiltin(t *testing.T, host *pluginhost.Host, name string) {
	found, err := host.Find(t.Context(), name)
	if err != nil {
		t.Error(describeError(err))
		return
	}
	if !found.Builtin || found.Manifest.Toolchain == nil && found.Manifest.Exporter == nil {
		t.Errorf("found %+v", found)
	}
	if found.Manifest.Version != "9.8.7" {
		t.Errorf("%s has the version %s, and mkmini 9.8.7", name, found.Manifest.Version)
	}
	same := cmpopts.EquateEmpty()
	if want := found.Manifest.Toolchain; want != nil {
		toolchain, err := host.Toolchain(t.Context(), name)
		if err != nil {
			t.Error(describeError(err))
			return
		}
		if got, err := toolchain.Describe(t.Context()); err != nil || !cmp.Equal(*want, got, same) {
			t.Errorf("%s over gRPC: %v (-want +got):\n%s", name, err, cmp.Diff(*want, got, same))
		}
	}
	if want := found.Manifest.Exporter; want != nil {
		exporter, err := host.Exporter(t.Context(), name)
		if err != nil {
			t.Error(describeError(err))
			return
		}
		if got, err := exporter.Describe(t.Context()); err != nil || !cmp.Equal(*want, got, same) {
			t.Errorf("%s over gRPC: %v (-want +got):\n%s", name, err, cmp.Diff(*want, got, same))
		}
	}
}
