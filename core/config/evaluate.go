package config

import (
	"fmt"
	"regexp"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// DefaultName is the name of a system that has none.
const DefaultName = "mini"

var validName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// evaluate finds out the variables, the locals and the name, which are the
// same for all architectures.
func (d *Document) evaluate(opts Options) hcl.Diagnostics {
	variables, diags := d.variables()
	vals, more := d.collect(variables, opts)
	diags = append(diags, more...)
	d.scope = &scope{ctx: &hcl.EvalContext{
		Variables: map[string]cty.Value{"var": cty.ObjectVal(vals)},
		Functions: d.functions(),
	}}
	for _, v := range variables {
		d.scope.variables = append(d.scope.variables, v.name)
	}
	diags = append(diags, d.validate(variables)...)
	diags = append(diags, d.evaluateLocals()...)
	diags = append(diags, d.evaluateRequired()...)
	return diags
}

// validate checks the `validation` blocks of all variables.
func (d *Document) validate(variables []*variable) hcl.Diagnostics {
	const reason = "The condition of a variable can refer to variables only, as it is checked before all else."
	sc := d.scope.without("local", reason).without("arch", reason).without("platform", reason).without("name", reason)
	var diags hcl.Diagnostics
	for _, v := range variables {
		for _, block := range v.validations {
			diags = append(diags, v.validate(block, sc)...)
		}
	}
	return diags
}

func (v *variable) validate(block *hclsyntax.Block, sc *scope) hcl.Diagnostics {
	c, diags := validationShape.check(block.Body)
	vals, more := decodeAttrs(c, validationShape, sc, block.DefRange())
	diags = append(diags, more...)
	condition, message := vals["condition"], vals["error_message"]
	if condition.state != given || condition.val.True() {
		return diags
	}
	text := message.text()
	if message.secret {
		text = "The error message uses a sensitive value and is left out."
	}
	if text == "" {
		text = "The condition of its validation block is false."
	}
	diag := problem(v.at, fmt.Sprintf("Invalid value for the variable %q", v.name), "%s", text)
	diag.Extra = related{condition.at}
	return append(diags, diag)
}

// decodeName evaluates and checks the name of the system.
func (d *Document) decodeName(sc *scope) (cty.Value, hcl.Diagnostics) {
	if d.title == nil {
		return cty.StringVal(DefaultName), nil
	}
	at := d.title.Expr.Range()
	val, diags := sc.value(d.title.Expr)
	if diags.HasErrors() {
		return cty.UnknownVal(cty.String), diags
	}
	converted, err := convert.Convert(val, cty.String)
	if err != nil {
		return cty.UnknownVal(cty.String), append(diags, problem(at, "Wrong type", "%s", wrongType(`"name"`, cty.String, val.Type(), err)))
	}
	v := value{val: unmarked(converted), at: at, secret: converted.ContainsMarked()}
	switch {
	case !v.val.IsKnown():
		return cty.UnknownVal(cty.String), diags
	case v.val.IsNull():
		return cty.StringVal(DefaultName), diags
	case !validName.MatchString(v.val.AsString()):
		return cty.UnknownVal(cty.String), append(diags, v.problem("Invalid name",
			"The name %q becomes a part of file names. Use up to 64 of a-z, 0-9, \".\", \"_\" and \"-\", and begin with a letter or digit.",
			v.val.AsString()))
	}
	return converted, diags
}
