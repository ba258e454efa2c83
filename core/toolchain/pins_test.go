package toolchain_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/toolchain"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// bringer is a provider that has its compiler in a folder.
type bringer string

func (b bringer) Provide(context.Context, sdk.ToolchainInfo, config.From, toolchain.Report) (string, error) {
	return string(b), nil
}

func (b bringer) Default(sdk.ToolchainInfo) (config.From, bool) { return config.From{}, false }

// pinner is one that knows what it brought.
type pinner struct{ bringer }

func (p pinner) Pins(_ config.From, dir string) map[string]string {
	return map[string]string{"gcc": "12 in " + filepath.Base(dir)}
}

// TestPins looks for what is known of a compiler beside its fingerprint, also
// in the record.
func TestPins(t *testing.T) {
	dir := t.TempDir()
	cc := driver(t, filepath.Join(dir, "bin/sw_64-sunway-linux-gnu-gcc"), "good")
	tests := []struct {
		name     string
		from     config.From
		provider toolchain.Provider
		want     map[string]string
	}{
		{"path", config.From{Kind: "path", Dir: dir}, nil, nil},
		{"archive", config.From{Kind: "archive", Archive: &config.Archive{SHA256: "abc"}}, bringer(dir), map[string]string{"sha256": "abc"}},
		{"oci", config.From{Kind: "oci", OCI: &config.OCI{Image: "a@sha256:b"}}, bringer(dir), map[string]string{"image": "a@sha256:b"}},
		{"deb", config.From{Kind: "deb", Deb: &config.Deb{Suite: "bookworm"}}, bringer(dir), map[string]string{"suite": "bookworm"}},
		{"pinner", config.From{Kind: "deb", Deb: &config.Deb{}}, pinner{bringer(dir)}, map[string]string{"gcc": "12 in " + filepath.Base(dir)}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := manager(t, "x86_64", t.TempDir())
			m.Providers = map[string]toolchain.Provider{}
			if test.provider != nil {
				m.Providers[test.from.Kind] = test.provider
			}
			got, _, err := m.Obtain(t.Context(), request(test.from), &prober{}, t.TempDir(), nil)
			if err != nil || got.Kind != test.from.Kind || got.Compiler.CC != cc {
				t.Fatalf("%+v, %v", got, err)
			}
			if diff := cmp.Diff(test.want, got.Pins); diff != "" {
				t.Errorf("pins (-want +got):\n%s", diff)
			}
			again, ok := m.Known(request(test.from))
			if diff := cmp.Diff(got, again); !ok || diff != "" {
				t.Errorf("known %v (-probed +known):\n%s", ok, diff)
			}
		})
	}
}
