package page_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/page"
	"github.com/mkmini/mkmini/plugins/builtin"
	"github.com/mkmini/mkmini/plugins/sdk"
)

var update = flag.Bool("update", false, "write the golden files anew")

// configurations is the reference of configurations.
const configurations = "../../docs/reference/configuration.md"

// everything is a plugin with something in each place.
var everything = sdk.Manifest{
	Name: "vendor", Version: "2.1.0",
	Abilities: []string{sdk.AbilityBoot, sdk.AbilityEmulator, sdk.AbilityPatches, sdk.AbilityValidate, "newer"},
	Toolchain: &sdk.ToolchainInfo{
		Arch: "v64", Description: "the vendor's machines", Triplets: []string{"v64-linux-gnu", "v64-*"},
		ELF: sdk.ELF{Bits: 64, BigEndian: true, Machines: []uint16{0x9916, 2}}, Platform: sdk.Platform{OS: "linux", Architecture: "v64"},
		Packages: []string{"gcc-v64"}, CFlags: []string{"-mx"}, Settings: map[string]string{"TC": "n", "ASH": "y"}, Musl: "v64",
		Boot: &sdk.Boot{System: "qemu-system-v64", Args: []string{"-M", "virt"}, Console: "ttyS0"},
		Attributes: []sdk.Attribute{
			{Name: "board", Type: "string", Required: true, OneOf: []string{"one", "two"}, Doc: "the board | it runs on"},
			{Name: "limits", Type: "map(list(number))", Default: []byte(`{"a": [1]}`), Doc: "Limits!"},
		},
	},
	Exporter: &sdk.ExporterInfo{Description: "nothing.", MultiArch: true, Tools: []sdk.Tool{
		{Attribute: "format", Values: []string{"x", "y"}, Programs: []sdk.Program{{Name: "mkx", Package: "x-tools"}, {Name: "oldmkx"}}},
		{Programs: []sdk.Program{{Name: "sum"}}},
	}},
}

func TestWrite(t *testing.T) {
	var got bytes.Buffer
	if err := page.Write(&got, everything); err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "vendor.md")
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("page (-want +got):\n%s", diff)
	}
}

func TestType(t *testing.T) {
	for typ, want := range map[string]string{
		"string": "string", "bool": "bool", "list(string)": "list of strings", "map(string)": "map of strings",
		"set(number)": "set of numbers", "list(map(bool))": "list of maps of bools", "list(any)": "list of any",
	} {
		if got := page.Type(typ); got != want {
			t.Errorf("%s is %q, want %q", typ, got, want)
		}
	}
}

// rows returns the rows of the first table of attributes below a heading of
// the page, by attribute: type and default.
func rows(t *testing.T, heading string) map[string][2]string {
	t.Helper()
	text, err := os.ReadFile(configurations)
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(text), "\n"+heading+"\n")
	if !ok {
		t.Fatalf("%s has no section %s", configurations, heading)
	}
	_, table, _ := strings.Cut(section, "| attribute | type | default | meaning |\n|---|---|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	found := map[string][2]string{}
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(line, "|\n "), " | ")
		found[strings.Trim(cells[0], "` ")] = [2]string{cells[1], cells[2]}
	}
	return found
}

// TestPageOfConfigurations holds the tables for people against what the
// plugins describe: the same attributes, of the same types and defaults. A
// default that the plugin works out is described in words.
func TestPageOfConfigurations(t *testing.T) {
	described := map[string][]sdk.Attribute{}
	for _, p := range builtin.Plugins("1.0.0") {
		m, err := p.Manifest(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if m.Exporter != nil {
			described["### `export \""+m.Name+"\"`"] = m.Exporter.Attributes
		}
		if m.Toolchain != nil {
			described["## `toolchain`"] = m.Toolchain.Attributes
		}
	}
	shared := rows(t, "### `export \"docker\"`")
	for heading, attributes := range described {
		table := rows(t, heading)
		for _, a := range attributes {
			row, ok := table[a.Name]
			if !ok && strings.Contains(heading, "oci") {
				row, ok = shared[a.Name] // "those of docker, and"
			}
			switch {
			case !ok:
				t.Errorf("%s: %s doesn't explain %s", configurations, heading, a.Name)
			case row[0] != page.Type(a.Type):
				t.Errorf("%s: %s says that %s is a %s, and it is a %s", configurations, heading, a.Name, row[0], page.Type(a.Type))
			case (a.Required || a.Default != nil) && row[1] != page.Default(a):
				t.Errorf("%s: %s says that the default of %s is %s, and it is %s", configurations, heading, a.Name, row[1], page.Default(a))
			case !a.Required && row[1] == "must be written":
				t.Errorf("%s: %s says that %s must be written", configurations, heading, a.Name)
			}
			delete(table, a.Name)
		}
		for name := range table {
			t.Errorf("%s: %s explains %s, which the plugin doesn't have", configurations, heading, name)
		}
	}
	if len(described) < 4 {
		t.Fatalf("only %d plugins describe themselves", len(described))
	}
}
