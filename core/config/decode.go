package config

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// Ref is the first use of a plugin.
type Ref struct {
	// Name is the label of the block.
	Name string
	// Range is where the label stands.
	Range fault.Range
}

// Catalog is what is known of plugins.
type Catalog struct {
	// Toolchains and Exporters describe those that Plugins named, as far as
	// they were found.
	Toolchains map[string]sdk.ToolchainInfo
	Exporters  map[string]sdk.ExporterInfo
	// ToolchainNames and ExporterNames are all that there are, for messages
	// about one that there is not.
	ToolchainNames, ExporterNames []string
}

// Plugins returns the plugins that a configuration uses, each once, in the
// order written.
func (d *Document) Plugins() (toolchains, exporters []Ref) {
	return refs(d.blocks["toolchain"]), refs(d.blocks["export"])
}

func refs(blocks []*hclsyntax.Block) []Ref {
	var all []Ref
	for _, b := range blocks {
		if !slices.ContainsFunc(all, func(r Ref) bool { return r.Name == b.Labels[0] }) {
			all = append(all, Ref{b.Labels[0], Range(b.LabelRanges[0])})
		}
	}
	return all
}

// Decode turns the blocks into plain data. It reports all that is wrong with
// them at once; the Config is nil if anything is, or if Load found anything.
func (d *Document) Decode(catalog Catalog) (*Config, hcl.Diagnostics) {
	if d.unparsed || d.scope == nil {
		return nil, nil
	}
	dec := &decoder{doc: d, catalog: catalog}
	cfg := dec.config()
	diags := tidy(dec.diags, d.files)
	if diags.HasErrors() || d.broken {
		return nil, diags
	}
	return cfg, diags
}

// decoder decodes the blocks of a document.
type decoder struct {
	doc     *Document
	catalog Catalog
	diags   hcl.Diagnostics
	// layers are the names of the layer blocks around blocks of entries.
	layers map[*hclsyntax.Block]string
}

func (d *decoder) add(diags ...*hcl.Diagnostic) {
	for _, diag := range diags {
		if diag != nil {
			d.diags = append(d.diags, diag)
		}
	}
}

func (d *decoder) config() *Config {
	cfg := &Config{Dir: d.doc.dir, Required: d.doc.Required(), Provenance: d.provenance(), Sign: d.sign(), Origin: d.doc.Origin()}
	if d.doc.name.IsKnown() {
		cfg.Name = d.doc.name.AsString()
	}
	d.wanted("toolchain")
	d.wanted("export")
	targets := d.targets()
	for _, t := range targets {
		cfg.Targets = append(cfg.Targets, d.target(t))
	}
	if len(targets) == 0 {
		// Nothing can be built, but the other blocks may have errors too.
		targets = []target{{scope: d.perArch(cty.UnknownVal(cty.String), unknownPlatform)}}
		d.target(targets[0])
	}
	cfg.Exports = d.exports(targets)
	cfg.SBOM = d.sbom()
	return cfg
}

// wanted reports a configuration without any block of a type.
func (d *decoder) wanted(block string) {
	if len(d.doc.blocks[block]) > 0 || d.doc.partial {
		return
	}
	arch := "x86_64"
	if names := d.catalog.ToolchainNames; len(names) > 0 && !slices.Contains(names, arch) {
		arch = names[0]
	}
	what := map[string]string{
		"toolchain": "A toolchain block names the architecture to build for",
		"export":    "An export block names the format to write",
	}[block]
	d.add(problem(startOf(d.doc.files[0]), fmt.Sprintf("No %s block", block),
		"%s, and there is none. The smallest configuration is\n\n  name = %q\n  toolchain %q {}\n  export \"docker\" {}",
		what, DefaultName, arch))
}

// target is a toolchain block whose plugin is known, with what is in scope
// for its architecture.
type target struct {
	block *hclsyntax.Block
	info  sdk.ToolchainInfo
	scope *scope
}

// targets returns the toolchain blocks that can be decoded.
func (d *decoder) targets() []target {
	var all []target
	for _, block := range d.doc.blocks["toolchain"] {
		info, ok := d.catalog.Toolchains[block.Labels[0]]
		if !ok {
			d.add(unknownPlugin(block, "toolchain", d.catalog.ToolchainNames))
			continue
		}
		if i := slices.IndexFunc(all, func(t target) bool { return t.info.Arch == info.Arch }); i >= 0 {
			d.add(clash(block.DefRange(), all[i].block.DefRange(), fmt.Sprintf("Duplicate toolchain for %s", info.Arch),
				"Each architecture has one toolchain block, which may hold several from blocks to try in turn. Merge the two."))
			continue
		}
		platform := cty.ObjectVal(map[string]cty.Value{
			"os":           cty.StringVal(info.Platform.OS),
			"architecture": cty.StringVal(info.Platform.Architecture),
			"variant":      cty.StringVal(info.Platform.Variant),
		})
		all = append(all, target{block, info, d.perArch(cty.StringVal(info.Arch), platform)})
	}
	return all
}

var unknownPlatform = cty.UnknownVal(cty.Object(map[string]cty.Type{
	"os": cty.String, "architecture": cty.String, "variant": cty.String,
}))

// perArch returns the scope of what is evaluated for each architecture.
func (d *decoder) perArch(arch, platform cty.Value) *scope {
	return d.doc.scope.with(map[string]cty.Value{"arch": arch, "platform": platform})
}

// unknownPlugin reports a label that names no plugin.
func unknownPlugin(block *hclsyntax.Block, kind string, names []string) *hcl.Diagnostic {
	label := block.Labels[0]
	noun := map[string]string{"toolchain": "toolchains", "export": "exporters"}[kind]
	if slices.Contains(names, label) {
		return problem(block.LabelRanges[0], fmt.Sprintf("Plugin %q not usable", label),
			"The plugin is there, but it did not describe itself as one of the %s. Run it with the argument \"describe\" to see why.", noun)
	}
	return problem(block.LabelRanges[0], fmt.Sprintf("Unknown %s %q", kind, label),
		"There is no plugin of this name: neither a built-in one nor an executable mkmini-plugin-%s.%s",
		label, hint(label, noun, names))
}

// decode checks and evaluates a body.
func (d *decoder) decode(block *hclsyntax.Block, s shape, sc *scope) (values, []*hclsyntax.Block) {
	c, diags := s.check(block.Body)
	d.add(diags...)
	vals, diags := decodeAttrs(c, s, sc, block.DefRange())
	d.add(diags...)
	return vals, c.blocks
}

// target decodes all that is evaluated for one architecture. Without a block
// it looks for errors only.
func (d *decoder) target(t target) Target {
	result := Target{Arch: t.info.Arch}
	fallback := startOf("")
	if t.block != nil {
		result.Toolchain = d.toolchain(t)
		fallback = t.block.DefRange()
	}
	result.Musl = d.musl(t, result.Toolchain)
	result.Busybox = d.busybox(t.scope, fallback)
	if result.Busybox.Disabled {
		result.Musl = nil // nothing is compiled
	}
	d.rootfs(t.scope, &result)
	return result
}
