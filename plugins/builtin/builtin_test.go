package builtin

import (
	"slices"
	"strings"
	"testing"
)

func TestPluginsDescribeThemselves(t *testing.T) {
	for _, p := range Plugins() {
		m, err := p.Manifest(t.Context())
		if err != nil {
			t.Error(err)
		}
		if m.Toolchain != nil && m.Toolchain.Arch != p.Name {
			t.Errorf("toolchain %s is for %s", p.Name, m.Toolchain.Arch)
		}
	}
	names := Names()
	slices.Sort(names)
	if len(slices.Compact(names)) != len(Plugins()) {
		t.Errorf("a name is there twice: %v", Names())
	}
}

func TestServe(t *testing.T) {
	for _, args := range [][]string{nil, {"build"}, {"-c", Command}} {
		if _, served := Serve(args); served {
			t.Errorf("%q is for the command line", args)
		}
	}
	for _, args := range [][]string{nil, {"nobody"}, {"nobody", "describe"}} {
		var stderr strings.Builder
		if code := serve(args, &stderr); code != 2 || !strings.Contains(stderr.String(), "sw64") {
			t.Errorf("%q: code %d, %q", args, code, stderr.String())
		}
	}
}
