package config

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// shape is what a body may hold.
type shape struct {
	// what names it in messages: "a busybox block".
	what   string
	attrs  []attribute
	blocks []nested
}

// nested is a kind of block within a body.
type nested struct {
	name string
	// label says what its one label is, for messages; empty if it has none.
	label string
}

func (s shape) attrNames() []string {
	names := make([]string, len(s.attrs))
	for i, a := range s.attrs {
		names[i] = a.name
	}
	return names
}

func (s shape) blockNames() []string {
	names := make([]string, len(s.blocks))
	for i, b := range s.blocks {
		names[i] = b.name
	}
	return names
}

// sortedAttrs returns the attributes of a body in the order written.
func sortedAttrs(body *hclsyntax.Body) []*hclsyntax.Attribute {
	attrs := make([]*hclsyntax.Attribute, 0, len(body.Attributes))
	for _, attr := range body.Attributes {
		attrs = append(attrs, attr)
	}
	slices.SortFunc(attrs, func(a, b *hclsyntax.Attribute) int { return before(a.NameRange, b.NameRange) })
	return attrs
}

// content is what a body holds that its shape has, in the order written.
type content struct {
	attrs  []*hclsyntax.Attribute
	blocks []*hclsyntax.Block
	// meant are attributes that unknown ones resemble. They were reported,
	// so that they don't count as missing.
	meant []string
}

// check returns the content of a body, and reports what its shape lacks.
func (s shape) check(body *hclsyntax.Body) (content, hcl.Diagnostics) {
	var (
		c     content
		diags hcl.Diagnostics
	)
	for _, attr := range sortedAttrs(body) {
		if slices.Contains(s.attrNames(), attr.Name) {
			c.attrs = append(c.attrs, attr)
		} else {
			c.meant = append(c.meant, nearest(attr.Name, s.attrNames()))
			diags = append(diags, s.unknownAttr(attr))
		}
	}
	for _, block := range body.Blocks {
		i := slices.IndexFunc(s.blocks, func(n nested) bool { return n.name == block.Type })
		if i < 0 {
			diags = append(diags, s.unknownBlock(block))
		} else if diag := s.blocks[i].checkLabels(block); diag != nil {
			diags = append(diags, diag)
		} else {
			c.blocks = append(c.blocks, block)
		}
	}
	return c, diags
}

func (s shape) unknownAttr(attr *hclsyntax.Attribute) *hcl.Diagnostic {
	summary := fmt.Sprintf("Unknown attribute %q", attr.Name)
	if i := slices.IndexFunc(s.blocks, func(n nested) bool { return n.name == attr.Name }); i >= 0 {
		return problem(attr.NameRange, summary,
			"%q is a block here: write %s without the equals sign.", attr.Name, s.blocks[i].example())
	}
	return problem(attr.NameRange, summary, "%s has no attribute %q.%s",
		capital(s.what), attr.Name, hint(attr.Name, "attributes", s.attrNames()))
}

func (s shape) unknownBlock(block *hclsyntax.Block) *hcl.Diagnostic {
	summary := fmt.Sprintf("Unknown block %q", block.Type)
	if slices.Contains(s.attrNames(), block.Type) {
		return problem(block.TypeRange, summary,
			"%q is an attribute here: write %s = … with an equals sign.", block.Type, block.Type)
	}
	return problem(block.TypeRange, summary, "%s has no block %q.%s",
		capital(s.what), block.Type, hint(block.Type, "blocks", s.blockNames()))
}

// example returns the block as one writes it.
func (n nested) example() string {
	if n.label == "" {
		return n.name + " { … }"
	}
	return fmt.Sprintf("%s %q { … }", n.name, n.label)
}

func (n nested) checkLabels(block *hclsyntax.Block) *hcl.Diagnostic {
	switch {
	case n.label == "" && len(block.Labels) > 0:
		return problem(block.LabelRanges[0], "Label not expected",
			"%s block has no label: write %s.", capital(article(n.name)), n.example())
	case n.label != "" && len(block.Labels) == 0:
		return problem(block.DefRange(), "Label missing",
			"%s block has a label: write %s.", capital(article(n.name)), n.example())
	case n.label != "" && len(block.Labels) > 1:
		return problem(block.LabelRanges[1], "Label not expected",
			"%s block has just one label: write %s.", capital(article(n.name)), n.example())
	}
	return nil
}
