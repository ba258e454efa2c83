package config

import (
	"fmt"
	"regexp"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// BaseLayer is the name of the layer with all that is in no layer block.
const BaseLayer = "base"

var layerShape = shape{what: "a layer block", blocks: entryBlocks}

// validLayer is what a layer may be called.
var validLayer = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)

// layering is what is known of layers while blocks are taken out of them.
type layering struct {
	// names are the layer blocks by name.
	names map[string]*hclsyntax.Block
	// of are the names of the layers that blocks are in.
	of map[*hclsyntax.Block]string
}

// layered returns blocks of entries in the order written, with those in layer
// blocks in the place of these.
func (d *decoder) layered(blocks []*hclsyntax.Block, sc *scope, l layering) []*hclsyntax.Block {
	var entries []*hclsyntax.Block
	for _, block := range blocks {
		if block.Type != "layer" {
			entries = append(entries, block)
			continue
		}
		name := block.Labels[0]
		_, inner := d.decode(block, layerShape, sc)
		for _, entry := range inner {
			l.of[entry] = name
		}
		entries = append(entries, inner...)
		switch first := l.names[name]; {
		case first != nil:
			d.add(clash(block.DefRange(), first.DefRange(), fmt.Sprintf("Duplicate layer %q", name),
				"Each layer has one block. Merge the two, or give this one another name."))
		case name == BaseLayer:
			d.add(problem(block.LabelRanges[0], "Reserved name",
				"The layer %q is that of all entries outside of layer blocks. Write them there, or choose another name.", name))
		case !validLayer.MatchString(name):
			d.add(problem(block.LabelRanges[0], "Invalid name",
				"%q can't be the name of a layer. Write up to 64 letters, digits, \"_\", \".\" and \"-\", a letter or digit first.", name))
		}
		l.names[name] = block
	}
	return entries
}
