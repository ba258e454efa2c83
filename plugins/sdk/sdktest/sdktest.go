// Package sdktest holds a plugin to its contract in the plugin's own tests:
//
//	func TestContract(t *testing.T) { sdktest.Toolchain(t, plugin()) }
//
// It calls the plugin in the test's process. What only shows in a process of
// its own, such as what is left behind when it is cancelled, is examined by
// `mkmini plugin check`.
package sdktest

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/plugins/sdk"
)

var (
	nameSyntax      = regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]{0,63}$`)
	versionSyntax   = regexp.MustCompile(`^\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?$`)
	attributeSyntax = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	typeSyntax      = regexp.MustCompile(`^((list|set|map)\()*(string|bool|number|any)\)*$`)
)

// Manifest checks what a plugin says of itself, and returns it: names and
// versions are well formed, attributes can be decoded, it is the same each
// time, and it survives being printed.
func Manifest(t testing.TB, p sdk.Plugin) sdk.Manifest {
	t.Helper()
	m, err := p.Manifest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	again, err := p.Manifest(t.Context())
	if diff := cmp.Diff(m, again); diff != "" || err != nil {
		t.Errorf("the plugin describes itself otherwise the second time, %v (-first +second):\n%s", err, diff)
	}
	printed, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var read sdk.Manifest
	if err := json.Unmarshal(printed, &read); err != nil {
		t.Fatal(err)
	}
	if !nameSyntax.MatchString(m.Name) {
		t.Errorf("the name %q has other characters than a-z, 0-9, dots, dashes and underscores", m.Name)
	}
	if !versionSyntax.MatchString(m.Version) {
		t.Errorf("the version %q is no semantic version such as 1.2.3", m.Version)
	}
	if m.Toolchain != nil {
		description(t, *m.Toolchain)
	}
	if m.Exporter != nil {
		attributes(t, m.Exporter.Attributes)
	}
	return m
}

// description checks the data of an architecture.
func description(t testing.TB, info sdk.ToolchainInfo) {
	t.Helper()
	if !nameSyntax.MatchString(info.Arch) {
		t.Errorf("Arch %q is no name of an architecture", info.Arch)
	}
	if len(info.Triplets) == 0 {
		t.Error("Triplets is empty: no compiler can be found")
	}
	if info.ELF.Bits != 32 && info.ELF.Bits != 64 || len(info.ELF.Machines) == 0 {
		t.Errorf("ELF %+v needs 32 or 64 bits and a machine", info.ELF)
	}
	if info.Platform.OS == "" || info.Platform.Architecture == "" {
		t.Errorf("Platform %q needs an operating system and an architecture", info.Platform)
	}
	if info.KernelArch == "" {
		t.Error("KernelArch is empty: busybox's makefiles would guess it")
	}
	for _, place := range info.Places {
		if !strings.HasPrefix(place, "/") {
			t.Errorf("the place %q is no absolute path", place)
		}
	}
	for symbol := range info.Settings {
		if strings.HasPrefix(symbol, "CONFIG_") {
			t.Errorf("the setting %s has to be without CONFIG_", symbol)
		}
	}
	if info.Boot != nil && (info.Boot.System == "" || info.Boot.Console == "") {
		t.Errorf("Boot %+v needs a system and a console", *info.Boot)
	}
	attributes(t, info.Attributes)
	if slices.ContainsFunc(info.Attributes, func(a sdk.Attribute) bool { return a.Name == "from" || a.Name == "libc" }) {
		t.Error("the attributes from and libc are mkmini's own")
	}
}

// attributes checks the descriptions of a block's attributes.
func attributes(t testing.TB, list []sdk.Attribute) {
	t.Helper()
	seen := map[string]bool{}
	for _, a := range list {
		if !attributeSyntax.MatchString(a.Name) || seen[a.Name] {
			t.Errorf("the attribute %q has a bad name, or is there twice", a.Name)
		}
		seen[a.Name] = true
		if !typeSyntax.MatchString(a.Type) || strings.Count(a.Type, "(") != strings.Count(a.Type, ")") {
			t.Errorf("the attribute %q has the type %q, which is none", a.Name, a.Type)
		}
		if a.Doc == "" {
			t.Errorf("the attribute %q has no Doc", a.Name)
		}
		if a.Default != nil && !json.Valid(a.Default) {
			t.Errorf("the default of the attribute %q is no JSON", a.Name)
		}
		if a.Required && a.Default != nil {
			t.Errorf("the attribute %q is required and has a default", a.Name)
		}
		if len(a.OneOf) > 0 && a.Type != "string" {
			t.Errorf("the attribute %q has OneOf and is no string", a.Name)
		}
	}
}

// Defaults returns the attributes of an empty block as plugins get them: the
// defaults, as a JSON object.
func Defaults(t testing.TB, list []sdk.Attribute) json.RawMessage {
	t.Helper()
	object := map[string]json.RawMessage{}
	for _, a := range list {
		if a.Default != nil {
			object[a.Name] = a.Default
		}
	}
	text, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
