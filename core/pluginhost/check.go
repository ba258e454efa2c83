package pluginhost

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/plugins/sdk"
)

var (
	attributeSyntax = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	symbolSyntax    = regexp.MustCompile(`^[A-Za-z0-9_]+$`)
	tripletSyntax   = regexp.MustCompile(`^[A-Za-z0-9_.*?\[\]-]+$`)
	wordSyntax      = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)
)

// complaints collects what is wrong with a description.
type complaints []string

func (c *complaints) add(format string, args ...any) {
	*c = append(*c, fmt.Sprintf(format, args...))
}

// lie reports a description that can't be true.
func (f *Found) lie(problems []string) error {
	remedy := "Report this to whoever makes the plugin, or remove " + f.Path + "."
	if f.Builtin {
		remedy = "Report this to the makers of mkmini."
	}
	detail := fmt.Sprintf("What %s says about itself is wrong: %s.", f.where(), problems[0])
	if more := len(problems) - 1; more > 0 {
		detail = fmt.Sprintf("What %s says about itself is wrong in %d places, the first: %s.", f.where(), more+1, problems[0])
	}
	return f.fail("describes itself wrongly", detail, remedy, nil, problems...)
}

// checkManifest refuses a description that the rest of mkmini could not work
// with.
func (f *Found) checkManifest() error {
	var c complaints
	m := f.Manifest
	if m.Name != f.Name {
		c.add("its name is %q", m.Name)
	}
	if m.Version == "" {
		c.add("it has no version")
	}
	if m.Toolchain == nil && m.Exporter == nil {
		c.add("it is neither a toolchain nor an exporter")
	}
	if m.Toolchain != nil {
		c.toolchain(m.Toolchain)
	}
	if m.Exporter != nil {
		c.attributes(m.Exporter.Attributes)
	}
	if len(c) > 0 {
		return f.lie(c)
	}
	return nil
}

func (c *complaints) toolchain(t *sdk.ToolchainInfo) {
	if !nameSyntax.MatchString(t.Arch) {
		c.add("arch %q is no architecture's name", t.Arch)
	}
	if !wordSyntax.MatchString(t.KernelArch) {
		c.add("kernel_arch %q is no ARCH for kbuild", t.KernelArch)
	}
	if t.ELF.Bits != 32 && t.ELF.Bits != 64 {
		c.add("elf.bits is %d, not 32 or 64", t.ELF.Bits)
	}
	if len(t.ELF.Machines) == 0 {
		c.add("elf.machines is empty")
	}
	if !wordSyntax.MatchString(t.Platform.OS) || !wordSyntax.MatchString(t.Platform.Architecture) {
		c.add("platform %q is no OCI platform", t.Platform)
	}
	for _, triplet := range t.Triplets {
		if !tripletSyntax.MatchString(triplet) {
			c.add("triplet %q has other characters than a triplet", triplet)
		}
	}
	for _, place := range t.Places {
		if !filepath.IsAbs(place) {
			c.add("place %q is no absolute path", place)
		}
	}
	for symbol := range t.Settings {
		if !symbolSyntax.MatchString(symbol) || strings.HasPrefix(symbol, "CONFIG_") {
			c.add("setting %q is no symbol without CONFIG_", symbol)
		}
	}
	if t.Boot != nil && (t.Boot.System == "" || t.Boot.Console == "") {
		c.add("boot has no system or no console")
	}
	c.attributes(t.Attributes)
	if slices.ContainsFunc(t.Attributes, func(a sdk.Attribute) bool { return a.Name == "from" }) {
		c.add("attribute %q is mkmini's own", "from")
	}
	slices.Sort(*c)
}

func (c *complaints) attributes(list []sdk.Attribute) {
	seen := map[string]bool{}
	for _, a := range list {
		if !attributeSyntax.MatchString(a.Name) {
			c.add("attribute %q has other characters than a-z, 0-9 and _", a.Name)
		}
		if seen[a.Name] {
			c.add("attribute %q is there twice", a.Name)
		}
		seen[a.Name] = true
		if !isType(a.Type) {
			c.add("attribute %q has the type %q, which is none", a.Name, a.Type)
		}
		if a.Default != nil && !json.Valid(a.Default) {
			c.add("attribute %q has a default that is no JSON", a.Name)
		}
		if a.Required && a.Default != nil {
			c.add("attribute %q is required and has a default", a.Name)
		}
		if len(a.OneOf) > 0 {
			c.oneOf(a)
		}
	}
}

func (c *complaints) oneOf(a sdk.Attribute) {
	if a.Type != "string" {
		c.add("attribute %q has one_of and is no string", a.Name)
		return
	}
	var value string
	if a.Default != nil && json.Unmarshal(a.Default, &value) == nil && !slices.Contains(a.OneOf, value) {
		c.add("attribute %q has the default %q, which is not in one_of", a.Name, value)
	}
}

// isType says whether a text is a type as attributes have it: a primitive, or
// a collection of one type. The configuration gives it its meaning.
func isType(s string) bool {
	switch s {
	case "string", "bool", "number", "any":
		return true
	}
	for _, kind := range []string{"list(", "set(", "map("} {
		if inner, ok := strings.CutPrefix(s, kind); ok && strings.HasSuffix(inner, ")") {
			return isType(strings.TrimSuffix(inner, ")"))
		}
	}
	return false
}
