package config

import (
	"bytes"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// The parser of hcl takes no templates in labels, and entries of a root file
// system are named by theirs: directory "/lib/${arch}". So what it reads has
// other characters in their places, as many as there were, and the templates
// are parsed by themselves. All positions stay what they are.

// templates are the templates in the labels of a file, by where they begin in
// bytes.
type templates map[int]hclsyntax.Expression

// hideTemplates returns the text without templates in labels, and these.
func hideTemplates(src []byte, tokens hclsyntax.Tokens, name string) ([]byte, templates) {
	found := templates{}
	plain := src
	for i := 1; i < len(tokens); i++ {
		// Nowhere else does text follow a name or text.
		before := tokens[i-1].Type
		if tokens[i].Type != hclsyntax.TokenOQuote || before != hclsyntax.TokenIdent && before != hclsyntax.TokenCQuote {
			continue
		}
		end, template := labelEnd(tokens, i)
		if !template {
			continue
		}
		from, to := tokens[i].Range.Start, tokens[end].Range.End
		expr, diags := guarded(hclsyntax.ParseExpression(src[from.Byte:to.Byte], name, from))
		if diags.HasErrors() {
			continue // the parser says what is wrong with it
		}
		if len(found) == 0 {
			plain = bytes.Clone(src)
		}
		found[from.Byte] = expr
		hideAll(plain, tokens[i+1:end])
		i = end
	}
	return plain, found
}

// labelEnd returns the index of the token that closes a label, and whether
// there are templates in it that can be hidden: with values, and in one line.
func labelEnd(tokens hclsyntax.Tokens, start int) (end int, template bool) {
	depth := 0
	for i := start; i < len(tokens); i++ {
		switch tokens[i].Type {
		case hclsyntax.TokenOQuote:
			depth++
		case hclsyntax.TokenCQuote:
			if depth--; depth == 0 {
				return i, template && tokens[start].Range.Start.Line == tokens[i].Range.End.Line
			}
		case hclsyntax.TokenTemplateInterp:
			template = true
		case hclsyntax.TokenTemplateControl, hclsyntax.TokenEOF:
			return i, false
		}
	}
	return start, false
}

// hideAll hides the interpolations among the tokens of a label.
func hideAll(plain []byte, tokens hclsyntax.Tokens) {
	depth := 0
	for _, t := range tokens {
		if t.Type == hclsyntax.TokenTemplateInterp {
			depth++
		}
		if depth > 0 {
			hide(plain[t.Range.Start.Byte:t.Range.End.Byte])
		}
		if t.Type == hclsyntax.TokenTemplateSeqEnd {
			depth--
		}
	}
}

// hide makes text of what is none. Characters of several bytes stay, as
// columns count characters.
func hide(text []byte) {
	for i, b := range text {
		letter := b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '.' || b >= 0x80
		if !letter {
			text[i] = '_'
		}
	}
}

// labelled takes the templates of entries' labels, and reports all others.
func (d *Document) labelled(body *hclsyntax.Body, found templates) hcl.Diagnostics {
	if len(found) == 0 {
		return nil
	}
	if d.labels == nil {
		d.labels = make(map[*hclsyntax.Block]hclsyntax.Expression)
	}
	return d.labelledIn(body, found, nil)
}

func (d *Document) labelledIn(body *hclsyntax.Body, found templates, above []string) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, block := range body.Blocks {
		entry := takesTemplate(block.Type, above)
		for i, at := range block.LabelRanges {
			expr := found[at.Start.Byte]
			switch {
			case expr == nil:
			case entry && i == 0:
				d.labels[block] = expr
			default:
				diags = append(diags, problem(at, "Label with a template",
					"The label of %s block stands for itself. Write it without \"${…}\"; only labels of entries in a rootfs block can have that.", article(block.Type)))
			}
		}
		diags = append(diags, d.labelledIn(block.Body, found, append(above, block.Type))...)
	}
	return diags
}

// takesTemplate says whether the label of a block may hold values: one of an
// entry or of a rule in it, by the types of the blocks around it.
func takesTemplate(block string, above []string) bool {
	switch _, entry := entryShapes[Kind(block)]; {
	case len(above) == 0 || above[0] != "rootfs":
		return false
	case entry:
		return len(above) == 1 || len(above) == 2 && above[1] == "layer"
	}
	return block == "rule" && above[len(above)-1] == string(Overlay)
}

// label returns the label of an entry, and false if it isn't known: what is
// wrong with it was reported.
func (d *decoder) label(block *hclsyntax.Block, sc *scope) (string, bool) {
	expr := d.doc.labels[block]
	if len(block.Labels) == 0 {
		return "/", true // it is about the whole system
	}
	if expr == nil {
		return block.Labels[0], true
	}
	val, diags := sc.value(expr)
	d.add(diags...)
	secret := val.ContainsMarked()
	val = unmarked(val)
	switch {
	case diags.HasErrors() || !val.IsKnown():
		return "", false
	case secret:
		d.add(problem(block.LabelRanges[0], "Sensitive label",
			"Messages and artifacts show what is where, so a label can't be made from a sensitive value. Set sensitive = false on the variable, or use another one."))
		return "", false
	case val.IsNull() || val.Type() != cty.String:
		d.add(problem(block.LabelRanges[0], "Wrong type", "A label is text, and this is %s.", kind(val.Type())))
		return "", false
	}
	return val.AsString(), true
}
