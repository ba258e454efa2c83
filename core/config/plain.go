package config

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/mkmini/mkmini/core/fault"
)

// Schema is what a body of plain values may hold: of a lock, of settings.
// Such files have no variables and no functions.
type Schema struct {
	// What names the body in messages: "a toolchain block".
	What   string
	Fields []Field
	Blocks []Nested
}

// Field is an attribute of a Schema.
type Field struct {
	Name     string
	Type     cty.Type
	Required bool
	// Doc is a sentence for the message about a required one that is missing.
	Doc string
}

// Nested is a kind of block of a Schema.
type Nested struct {
	Name string
	// Label says what its one label is, for messages; empty if it has none.
	Label  string
	Schema Schema
}

// Body is a decoded body of plain values. Fields that weren't given, or were
// reported, are zero.
type Body struct {
	// Label is the block's, and Range where its first line stands.
	Label string
	Range fault.Range
	// Blocks are the nested ones by type, in the order written.
	Blocks map[string][]Body
	vals   values
}

// Given says whether a field has a value.
func (b Body) Given(name string) bool { return b.vals[name].state == given }

// Text returns a string field.
func (b Body) Text(name string) string { return b.vals[name].text() }

// Texts returns a field that is a list of strings.
func (b Body) Texts(name string) []string { return b.vals[name].texts() }

// Bool returns a bool field.
func (b Body) Bool(name string) bool {
	return b.Given(name) && b.vals[name].val.True()
}

// Integer returns a number field. The diagnostic is of one that is given and
// is no whole number from least to most.
func (b Body) Integer(name string, least, most int64) (int64, *hcl.Diagnostic) {
	n, _, diag := b.vals[name].integer(name, least, most)
	return n, diag
}

// Map returns a field that is a map of strings.
func (b Body) Map(name string) map[string]string {
	if !b.Given(name) {
		return nil
	}
	m := map[string]string{}
	for key, val := range b.vals[name].val.AsValueMap() {
		m[key] = val.AsString()
	}
	return m
}

// Lists returns a field that is a map of lists of strings.
func (b Body) Lists(name string) map[string][]string {
	if !b.Given(name) {
		return nil
	}
	m := map[string][]string{}
	for key, val := range b.vals[name].val.AsValueMap() {
		m[key] = value{val: val, state: given}.texts()
	}
	return m
}

// At returns where a field's value stands, or the block if it isn't given.
func (b Body) At(name string) fault.Range { return Range(b.vals[name].at) }

// KeyAt returns where a member of a map stands, or the map.
func (b Body) KeyAt(name, key string) fault.Range { return Range(b.vals[name].keyRange(key)) }

// Problem returns an error about a place.
func Problem(at fault.Range, summary, format string, args ...any) *hcl.Diagnostic {
	return problem(HCLRange(at), summary, format, args...)
}

// Plain decodes a file of plain values. It reports all that is wrong; what
// could be decoded is in the Body all the same. The file is never nil.
func Plain(src []byte, name string, s Schema) (Body, *hcl.File, hcl.Diagnostics) {
	file, body, diags := parseConfig(src, name)
	if diags.HasErrors() {
		return Body{}, file, diags
	}
	result, diags := s.decode(body, startOf(name))
	return result, file, tidy(diags, []string{name})
}

// PlainFile is Plain for a file on disk. The error is of reading it.
func PlainFile(path string, s Schema) (Body, *hcl.File, hcl.Diagnostics, error) {
	src, err := readText(path)
	if err != nil {
		return Body{}, nil, nil, err
	}
	body, file, diags := Plain(src, path, s)
	return body, file, diags, nil
}

// shape is the schema as the decoder of configurations has it.
func (s Schema) shape() shape {
	sh := shape{what: s.What}
	for _, f := range s.Fields {
		sh.attrs = append(sh.attrs, attribute{name: f.Name, typ: f.Type, required: f.Required, doc: f.Doc})
	}
	for _, n := range s.Blocks {
		sh.blocks = append(sh.blocks, nested{n.Name, n.Label})
	}
	return sh
}

func (s Schema) decode(body *hclsyntax.Body, at hcl.Range) (Body, hcl.Diagnostics) {
	sh := s.shape()
	c, diags := sh.check(body)
	diags = append(diags, constants(&c)...)
	vals, more := decodeAttrs(c, sh, &scope{ctx: &hcl.EvalContext{}}, at)
	diags = append(diags, more...)
	result := Body{Range: Range(at), vals: vals, Blocks: map[string][]Body{}}
	for _, n := range s.Blocks {
		seen := map[string]hcl.Range{}
		for _, block := range c.blocks {
			if block.Type != n.Name {
				continue
			}
			one, more := n.Schema.decode(block.Body, block.DefRange())
			diags = append(diags, more...)
			if len(block.Labels) > 0 {
				one.Label = block.Labels[0]
			}
			if first, ok := seen[one.Label]; ok {
				diags = append(diags, clash(block.DefRange(), first, fmt.Sprintf("Duplicate block %q", n.Name),
					"There is one already. Remove one of the two."))
				continue
			}
			seen[one.Label] = block.DefRange()
			result.Blocks[n.Name] = append(result.Blocks[n.Name], one)
		}
	}
	return result, diags
}

// constants takes attributes out that are not constant, and reports them.
func constants(c *content) hcl.Diagnostics {
	var diags hcl.Diagnostics
	var kept []*hclsyntax.Attribute
	for _, attr := range c.attrs {
		if _, wrong := attr.Expr.Value(nil); wrong.HasErrors() {
			c.meant = append(c.meant, attr.Name)
			diags = append(diags, problem(attr.Expr.Range(), "Value is not constant",
				"The value of %q can't refer to anything or call a function here. Write the value itself, text in double quotes.", attr.Name))
			continue
		}
		kept = append(kept, attr)
	}
	c.attrs = kept
	return diags
}
