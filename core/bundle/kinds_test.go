package bundle_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/toolchain"
)

// TestKinds carries compilers from all places that are the same for everybody:
// what the other machine's configuration means is what was packed, also where
// files have other paths there.
func TestKinds(t *testing.T) {
	sum := strings.Repeat("ab", 32)
	tests := []struct {
		name        string
		here, there config.From
	}{
		{"deb", config.From{Kind: "deb", Deb: &config.Deb{Suite: "x"}}, config.From{Kind: "deb", Deb: &config.Deb{Suite: "x"}}},
		{"oci", config.From{Kind: "oci", OCI: &config.OCI{Image: "r.example/c:1", Bin: "b"}}, config.From{Kind: "oci", OCI: &config.OCI{Image: "r.example/c:1", Bin: "b"}}},
		{
			"archive", config.From{Kind: "archive", Archive: &config.Archive{File: "/here/c.tar", SHA256: sum}},
			config.From{Kind: "archive", Archive: &config.Archive{URLs: []string{"https://there.example/c.tar"}, SHA256: sum}},
		},
		{
			"source", config.From{Kind: "source", Build: &config.Build{Target: "t", GCC: config.Part{File: "/here/gcc.tar", SHA256: sum, Options: []string{"-x"}}}},
			config.From{Kind: "source", Build: &config.Build{Target: "t", GCC: config.Part{URLs: []string{"u"}, SHA256: strings.ToUpper(sum), Options: []string{"-x"}}}},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			from, to := newMachine(t), newMachine(t)
			c := from.contents(t)
			p := c.Compilers["aarch64"]
			p.Block = test.here
			p.Block.Range = fault.Range{File: "/here/x.hcl"}
			c.Compilers["aarch64"] = p
			c.Choices = map[string]config.From{"aarch64": p.Block}
			file, packed := from.pack(t, c)
			var kept []toolchain.Kept
			i := to.installer()
			i.Keep = func(_ context.Context, k toolchain.Kept) error {
				kept = append(kept, k)
				return nil
			}
			done, err := i.Install(t.Context(), file)
			if err != nil || len(kept) != 1 {
				t.Fatalf("installed %v, %v", kept, err)
			}
			want, _ := toolchain.Portable(test.there)
			if got, ok := toolchain.Portable(kept[0].Block); !ok || !cmp.Equal(want, got) {
				t.Errorf("portable %v (-want +got):\n%s", ok, cmp.Diff(want, got))
			}
			if diff := cmp.Diff(packed.Manifest.Choices, done.Manifest.Choices); diff != "" || len(done.Manifest.Choices) != 1 {
				t.Errorf("choices (-packed +installed):\n%s", diff)
			}
			choice := done.Manifest.Choices[0]
			if chosen, _ := toolchain.Portable(choice.Block); !cmp.Equal(want, chosen) || choice.Toolchain != "aarch64" {
				t.Errorf("the choice for %s (-want +got):\n%s", choice.Toolchain, cmp.Diff(want, chosen))
			}
			if a := choice.Block.Archive; a != nil && a.File != "c.tar" {
				t.Errorf("the chosen archive is %q", a.File)
			}
		})
	}
}
