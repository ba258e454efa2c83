package config

import (
	"fmt"
	"slices"

	"github.com/zclconf/go-cty/cty"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/release"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// The C libraries that `libc` names: what a compiler comes with, and one that
// is built for it.
const (
	glibc = "glibc"
	musl  = "musl"
)

// toolchainAttrs are the attributes that a toolchain block has whatever its
// plugin describes.
var toolchainAttrs = []attribute{
	{name: "libc", typ: cty.String, oneOf: []string{glibc, musl}, doc: "It is the C library."},
}

// errReserved is what is wrong with a plugin that describes one of them.
func errReserved(attrs []attribute) error {
	for _, own := range toolchainAttrs {
		if slices.ContainsFunc(attrs, func(a attribute) bool { return a.name == own.name }) {
			return fmt.Errorf("it describes an attribute %q, which is mkmini's own", own.name)
		}
	}
	return nil
}

// libc notes which C library a toolchain block asks for.
func (d *decoder) libc(result *Toolchain, v value, info sdk.ToolchainInfo) {
	if v.state != given || v.text() != musl {
		return
	}
	if info.Musl == "" {
		d.add(v.problem(fmt.Sprintf("No musl for %s", info.Arch),
			"musl does not know %s, or the plugin does not build it. Remove libc, and what is built has the compiler's own C library.", info.Arch))
		return
	}
	result.Libc = musl
	if result.AttributeRanges == nil {
		result.AttributeRanges = map[string]fault.Range{}
	}
	result.AttributeRanges["libc"] = Range(v.at)
}

var muslShape = shape{
	what: "a musl block",
	attrs: []attribute{
		{name: "version", typ: cty.String, quoted: true},
		{name: "sha256", typ: cty.String, quoted: true},
		{name: "file", typ: cty.String},
		{name: "url", typ: cty.String},
		{name: "urls", typ: cty.List(cty.String)},
	},
}

// musl decodes the `musl` block for an architecture, or gives its defaults.
// It is nil if the toolchain doesn't ask for musl; the block may be there for
// others.
func (d *decoder) musl(t target, tc Toolchain) *Source {
	soft := release.Musl()
	def := soft.DefaultFor(t.info.Musl)
	s := &Source{Version: def}
	s.SHA256, _ = soft.SHA256(def)
	if block := d.single("musl"); block != nil {
		vals, _ := d.decode(block, muslShape, t.scope)
		s.Version, s.SHA256 = d.version(soft, def, vals["version"], vals["sha256"])
		s.File = d.existing(vals["file"], "file", false)
		s.URLs = d.urls(vals["url"], vals["urls"], map[string]fault.Range{})
		if first, ok := soft.Knows(s.Version, t.info.Musl); !ok && tc.Libc == musl {
			d.add(vals["version"].problem(fmt.Sprintf("Musl too old for %s", t.info.Arch),
				"musl %s does not know %s. Use %s or newer.", s.Version, t.info.Arch, first))
		}
	}
	if tc.Libc != musl {
		return nil
	}
	return s
}
