package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/mkmini/mkmini/core/fault"
)

// exports decodes the `export` blocks.
func (d *decoder) exports(targets []target) []Export {
	var (
		all    []Export
		blocks []*hclsyntax.Block
	)
	for _, block := range d.doc.blocks["export"] {
		info, ok := d.catalog.Exporters[block.Labels[0]]
		if !ok {
			d.add(unknownPlugin(block, "export", d.catalog.ExporterNames))
			continue
		}
		attrs, err := pluginAttributes(info.Attributes)
		if err != nil {
			d.add(wrongDescription(block, err))
			continue
		}
		e := d.export(block, attrs, scopes(block, info.MultiArch, targets, d.doc.scope))
		if i := slices.IndexFunc(all, func(o Export) bool { return sameExport(o, e) }); i >= 0 {
			d.add(clash(block.DefRange(), blocks[i].DefRange(), fmt.Sprintf("Duplicate export %q", e.Plugin),
				"Both blocks write the same files. Remove one of the two, or let their attributes differ."))
			continue
		}
		all, blocks = append(all, e), append(blocks, block)
	}
	return all
}

// scoped is the scope of one evaluation of an export block.
type scoped struct {
	arch  string
	scope *scope
}

// scopes returns what an export block is evaluated for: each architecture,
// or all of them at once.
func scopes(block *hclsyntax.Block, multi bool, targets []target, global *scope) []scoped {
	if multi {
		const reason = "The exporter %q writes all architectures into one artifact, so %s has no single value here. Use it in rootfs, or in an export that is written once for each architecture."
		label := block.Labels[0]
		return []scoped{{"", global.
			without("arch", fmt.Sprintf(reason, label, "${arch}")).
			without("platform", fmt.Sprintf(reason, label, "platform"))}}
	}
	all := make([]scoped, len(targets))
	for i, t := range targets {
		all[i] = scoped{t.info.Arch, t.scope}
	}
	return all
}

// export decodes a block once in each scope.
func (d *decoder) export(block *hclsyntax.Block, attrs []attribute, in []scoped) Export {
	e := Export{
		Plugin:          block.Labels[0],
		Attributes:      make(map[string]json.RawMessage),
		AttributeRanges: make(map[string]fault.Range),
		Range:           Range(block.DefRange()),
	}
	s := shape{what: fmt.Sprintf("an export %q block", e.Plugin), attrs: attrs}
	for _, one := range in {
		vals, _ := d.decode(block, s, one.scope)
		object, ranges, err := vals.object(attrs)
		if err != nil {
			d.add(wrongDescription(block, err))
		}
		e.Attributes[one.arch] = object
		maps.Copy(e.AttributeRanges, ranges)
	}
	return e
}

// sameExport says whether two blocks write the same. What could not be
// decoded is not like anything.
func sameExport(a, b Export) bool {
	return a.Plugin == b.Plugin && maps.EqualFunc(a.Attributes, b.Attributes, func(x, y json.RawMessage) bool {
		return x != nil && y != nil && string(x) == string(y)
	})
}
