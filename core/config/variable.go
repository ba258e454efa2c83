package config

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// variable is a `variable` block.
type variable struct {
	name     string
	typ      cty.Type
	defaults *typeexpr.Defaults
	// text says that values from the command line are text, not expressions.
	text bool
	// def is cty.NilVal if there is none.
	def         cty.Value
	nullable    bool
	sensitive   bool
	validations []*hclsyntax.Block
	at          hcl.Range
	// broken says that an error in the block was reported.
	broken bool
}

// variableShape is what a `variable` block may hold.
var variableShape = shape{
	what: "a variable block",
	attrs: []attribute{
		{name: "type", typ: cty.DynamicPseudoType}, {name: "default", typ: cty.DynamicPseudoType},
		{name: "description", typ: cty.String}, {name: "nullable", typ: cty.Bool}, {name: "sensitive", typ: cty.Bool},
	},
	blocks: []nested{{"validation", ""}},
}

var validationShape = shape{
	what: "a validation block",
	attrs: []attribute{
		{name: "condition", typ: cty.Bool, required: true},
		{name: "error_message", typ: cty.String, required: true},
	},
}

// variables decodes the `variable` blocks, in the order written.
func (d *Document) variables() ([]*variable, hcl.Diagnostics) {
	var (
		all   []*variable
		diags hcl.Diagnostics
	)
	for _, block := range d.blocks["variable"] {
		v, more := decodeVariable(block)
		diags = append(diags, more...)
		i := slices.IndexFunc(all, func(o *variable) bool { return o.name == v.name })
		if i >= 0 {
			diags = append(diags, clash(v.at, all[i].at, fmt.Sprintf("Duplicate variable %q", v.name),
				"The variable is declared twice. Remove or rename one of the two."))
			continue
		}
		all = append(all, v)
	}
	return all, diags
}

func decodeVariable(block *hclsyntax.Block) (*variable, hcl.Diagnostics) {
	v := &variable{name: block.Labels[0], typ: cty.DynamicPseudoType, text: true, nullable: true, at: block.DefRange()}
	c, diags := variableShape.check(block.Body)
	if !hclsyntax.ValidIdentifier(v.name) {
		diags = append(diags, problem(block.LabelRanges[0], "Invalid name of a variable",
			"%q can't be written after \"var.\". Use letters, digits, _ and -, and begin with a letter.", v.name))
	}
	v.validations = c.blocks
	// The default is converted by the type and hidden by sensitive, so these
	// come first.
	byName := make(map[string]*hclsyntax.Attribute)
	for _, attr := range c.attrs {
		byName[attr.Name] = attr
	}
	if attr := byName["type"]; attr != nil {
		diags = append(diags, v.setType(attr.Expr)...)
	}
	for name, target := range map[string]*bool{"nullable": &v.nullable, "sensitive": &v.sensitive} {
		if attr := byName[name]; attr != nil {
			diags = append(diags, constantBool(attr, target)...)
		}
	}
	if attr := byName["description"]; attr != nil {
		_, more := constant(attr, cty.String)
		diags = append(diags, more...)
	}
	if attr := byName["default"]; attr != nil {
		diags = append(diags, v.setDefault(attr)...)
	}
	v.broken = diags.HasErrors()
	return v, diags
}

func (v *variable) setType(expr hcl.Expression) hcl.Diagnostics {
	typ, defaults, diags := typeexpr.TypeConstraintWithDefaults(expr)
	if diags.HasErrors() {
		return hcl.Diagnostics{problem(subject(diags[0]), "Invalid type", "%s %s", diags[0].Detail,
			"A type is string, number, bool, any, list(…), set(…), map(…), tuple([…]) or object({ … }), without quotes.")}
	}
	v.typ, v.defaults = typ, defaults
	v.text = typ == cty.String || typ == cty.Number || typ == cty.Bool
	return nil
}

func (v *variable) setDefault(attr *hclsyntax.Attribute) hcl.Diagnostics {
	val, diags := attr.Expr.Value(nil)
	if diags.HasErrors() {
		return hcl.Diagnostics{problem(v.shown(attr.Expr.Range()), "Default is not constant",
			"The default of a variable can't refer to anything or call a function. Write the value itself, or compute it in a locals block.")}
	}
	val, reason := v.convert(val)
	if reason != "" {
		return hcl.Diagnostics{problem(v.shown(attr.Expr.Range()), "Wrong type of the default", "%s", reason)}
	}
	v.def = val
	return nil
}

// convert returns a value in the variable's type, or the reason why not in
// sentences that don't show the value.
func (v *variable) convert(val cty.Value) (cty.Value, string) {
	if v.defaults != nil && !val.IsNull() {
		val = v.defaults.Apply(val)
	}
	converted, err := convert.Convert(val, v.typ)
	if err != nil {
		return cty.NilVal, wrongType(fmt.Sprintf("The variable %q", v.name), v.typ, val.Type(), err)
	}
	if isHuge(converted) {
		return cty.NilVal, "A number has more than a thousand digits, or is as close to zero. Write another one."
	}
	if converted.IsNull() && !v.nullable {
		if v.def == cty.NilVal || v.def.IsNull() {
			return cty.NilVal, fmt.Sprintf("The variable %q has nullable = false, and this is null. Give a value.", v.name)
		}
		return v.def, ""
	}
	return converted, ""
}

// shown returns where to point to: not at a value that is sensitive.
func (v *variable) shown(at hcl.Range) hcl.Range {
	if v.sensitive {
		return v.at
	}
	return at
}

// constant evaluates an attribute that can refer to nothing.
func constant(attr *hclsyntax.Attribute, typ cty.Type) (cty.Value, hcl.Diagnostics) {
	val, diags := attr.Expr.Value(nil)
	if diags.HasErrors() {
		return cty.NilVal, hcl.Diagnostics{problem(attr.Expr.Range(), "Value is not constant",
			"%q can't refer to anything or call a function. Write the value itself: %s.", attr.Name, example(typ))}
	}
	converted, err := convert.Convert(val, typ)
	if err != nil {
		return cty.NilVal, hcl.Diagnostics{problem(attr.Expr.Range(), "Wrong type", "%s",
			wrongType(fmt.Sprintf("%q", attr.Name), typ, val.Type(), err))}
	}
	if isHuge(converted) {
		return cty.NilVal, hcl.Diagnostics{problem(attr.Expr.Range(), "Number out of range",
			"A number in %q has more than a thousand digits, or is as close to zero. Write another one.", attr.Name)}
	}
	return converted, nil
}

func constantBool(attr *hclsyntax.Attribute, target *bool) hcl.Diagnostics {
	val, diags := constant(attr, cty.Bool)
	if !diags.HasErrors() && val.IsKnown() && !val.IsNull() {
		*target = val.True()
	}
	return diags
}
