package toolchain_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/toolchain"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// cutOff is a provider without a network.
type cutOff struct{ pinner }

func (cutOff) Provide(context.Context, sdk.ToolchainInfo, config.From, toolchain.Report) (string, error) {
	return "", errors.New("the network is off")
}

// TestKept has a compiler of another machine stand in for a provider that
// can't bring it, also where no block asks for it.
func TestKept(t *testing.T) {
	steps := t.TempDir()
	cc := driver(t, filepath.Join(steps, "compiler-1", "tree", "bin", "sw_64-sunway-linux-gnu-gcc"), "good")
	m := manager(t, "x86_64", t.TempDir())
	m.Steps, m.Order = steps, []string{"deb"}
	m.Providers = map[string]toolchain.Provider{"deb": cutOff{}, "archive": cutOff{}}
	obtain := func(from ...config.From) (toolchain.Probed, error) {
		p, _, err := m.Obtain(t.Context(), request(from...), &prober{}, t.TempDir(), nil)
		return p, err
	}
	deb := config.From{Kind: "deb", Deb: &config.Deb{}}
	sum := strings.Repeat("AB", 32)
	there := config.From{Kind: "archive", Archive: &config.Archive{File: "/there/x.tar", SHA256: sum, Strip: 1}}
	here := config.From{Kind: "archive", Archive: &config.Archive{URLs: []string{"http://x.invalid/x.tar"}, SHA256: strings.ToLower(sum), Strip: 1}}
	for _, from := range []config.From{deb, here} {
		if p, err := obtain(from); err == nil {
			t.Fatalf("found %v before it was kept", p)
		}
	}
	for _, block := range []config.From{deb, there} {
		if err := m.Keep(t.Context(), toolchain.Kept{Arch: "sw64", Block: block, Dir: "compiler-1/tree"}); err != nil {
			t.Fatal(err)
		}
	}
	for name, from := range map[string][]config.From{"deb": {deb}, "archive": {here}, "no block": nil} {
		p, err := obtain(from...)
		if err != nil || p.Compiler.CC != cc {
			t.Errorf("%s: %v, %v", name, p.Compiler.CC, err)
		}
		if diff := cmp.Diff(map[string]string{"gcc": "12 in tree"}, p.Pins); diff != "" {
			t.Errorf("%s: pins (-want +got):\n%s", name, diff)
		}
		if p.Dir != filepath.Join(steps, "compiler-1", "tree") {
			t.Errorf("%s: folder %s", name, p.Dir)
		}
	}
	other := there
	other.Archive = &config.Archive{SHA256: sum, Strip: 2}
	if p, err := obtain(other); err == nil {
		t.Errorf("another block gave %s", p.Compiler.CC)
	}
	for _, dir := range []string{"../x", "/x", "", ".", "compiler-2/tree"} {
		if m.Keep(t.Context(), toolchain.Kept{Arch: "sw64", Block: deb, Dir: dir}) == nil {
			t.Errorf("%q was kept", dir)
		}
	}
	if err := os.WriteFile(filepath.Join(steps, "compiler-1", "tree", "more"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	var f *fault.Error
	if p, err := obtain(deb); !errors.As(err, &f) || !strings.Contains(f.Detail, "The network is off. The compiler that a bundle brought is damaged") {
		t.Errorf("a damaged compiler: %v, %v", p.Compiler.CC, err)
	}
}

func TestPortable(t *testing.T) {
	at := fault.Range{File: "x.hcl"}
	for _, test := range []struct {
		name       string
		from, want config.From
		ok         bool
	}{
		{"host", config.From{Kind: "host", Range: at}, config.From{Kind: "host"}, false},
		{"path", config.From{Kind: "path", Dir: "/x"}, config.From{Kind: "path", Dir: "/x"}, false},
		{"deb", config.From{Kind: "deb", Deb: &config.Deb{Suite: "s"}, Range: at}, config.From{Kind: "deb", Deb: &config.Deb{Suite: "s"}}, true},
		{"archive", config.From{Kind: "archive", Archive: &config.Archive{URLs: []string{"u"}, SHA256: "AB", Bin: "b"}},
			config.From{Kind: "archive", Archive: &config.Archive{SHA256: "ab", Bin: "b"}}, true},
		{"file", config.From{Kind: "archive", Archive: &config.Archive{File: "/x"}}, config.From{Kind: "archive", Archive: &config.Archive{File: "/x"}}, false},
		{"image", config.From{Kind: "oci", OCI: &config.OCI{Image: "a"}}, config.From{Kind: "oci", OCI: &config.OCI{Image: "a"}}, true},
		{"image in a file", config.From{Kind: "oci", OCI: &config.OCI{Image: "/a", Path: true}}, config.From{Kind: "oci", OCI: &config.OCI{Image: "/a", Path: true}}, false},
		{"source", config.From{Kind: "source", Build: &config.Build{GCC: config.Part{Deb: "gcc-12-source"}, Musl: config.Part{File: "/x", Debian: "musl", SHA256: "AB"}}},
			config.From{Kind: "source", Build: &config.Build{GCC: config.Part{Deb: "gcc-12-source"}, Musl: config.Part{SHA256: "ab"}}}, true},
		{"source in a file", config.From{Kind: "source", Build: &config.Build{GCC: config.Part{File: "/x"}}}, config.From{Kind: "source", Build: &config.Build{GCC: config.Part{File: "/x"}}}, false},
		{"patched source", config.From{Kind: "source", Build: &config.Build{GCC: config.Part{SHA256: "ab", Patches: []string{"/p"}}}},
			config.From{Kind: "source", Build: &config.Build{GCC: config.Part{SHA256: "ab", Patches: []string{"/p"}}}}, false},
	} {
		got, ok := toolchain.Portable(test.from)
		if diff := cmp.Diff(test.want, got); diff != "" || ok != test.ok {
			t.Errorf("%s: %v (-want +got):\n%s", test.name, ok, diff)
		}
	}
}

// TestSound damages what no probe looks at.
func TestSound(t *testing.T) {
	steps := t.TempDir()
	tree := filepath.Join(steps, "compiler-1", "tree")
	driver(t, filepath.Join(tree, "bin", "sw_64-sunway-linux-gnu-gcc"), "good")
	header := filepath.Join(tree, "include", "stdio.h")
	write := func(text string) {
		t.Helper()
		if err := errors.Join(os.MkdirAll(filepath.Dir(header), 0o755), os.WriteFile(header, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	write("right")
	m := manager(t, "x86_64", t.TempDir())
	m.Steps = steps
	m.Providers = map[string]toolchain.Provider{"deb": pinner{bringer(tree)}}
	req := request(config.From{Kind: "deb", Deb: &config.Deb{}})
	obtain := func() {
		t.Helper()
		if _, _, err := m.Obtain(t.Context(), req, &prober{}, t.TempDir(), nil); err != nil {
			t.Fatal(err)
		}
	}
	obtain()
	for _, damage := range []func(){
		func() { write("wrong") },
		func() { os.Remove(header) },
		func() { os.WriteFile(filepath.Join(steps, "compiler-1", "more"), nil, 0o644) },
	} {
		if p, ok := m.Known(req); !ok || !m.Sound(p) {
			t.Fatalf("known %v, and not sound", ok)
		}
		damage()
		if p, ok := m.Known(req); !ok || m.Sound(p) {
			t.Errorf("known %v, and sound though it is damaged", ok)
		}
		obtain()
	}
	if !m.Sound(toolchain.Probed{Dir: "/usr"}) {
		t.Error("a compiler of the machine isn't sound")
	}
}
