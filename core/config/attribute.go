package config

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hcldec"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// attribute describes one attribute of a body, the core's own or a plugin's.
type attribute struct {
	name string
	typ  cty.Type
	// defaults are those of optional attributes within object types.
	defaults *typeexpr.Defaults
	required bool
	// null says that a required attribute may be null.
	null bool
	// quoted says that a number in place of a string is an error, because
	// its text would differ from what was written: 0755, 1.30.
	quoted bool
	oneOf  []string
	// def is the value of a plugin's attribute that isn't given, or cty.NilVal.
	def cty.Value
	doc string
}

// value is what an attribute came to.
type value struct {
	// val is unmarked and wholly known if state is given.
	val   cty.Value
	state state
	// at is the expression's range, or the block's if it was not written.
	at   hcl.Range
	expr hclsyntax.Expression
	// secret says that no message may show the value.
	secret bool
}

// state says what is known of an attribute's value.
type state int

const (
	// absent is not written, or null.
	absent state = iota
	// bad was reported already, or depends on something that was.
	bad
	given
)

// values are the attributes of a body by name: one for each of its shape.
type values map[string]value

// decodeAttrs evaluates the attributes that check returned. Those that aren't
// written count as standing at the block.
func decodeAttrs(c content, s shape, sc *scope, block hcl.Range) (values, hcl.Diagnostics) {
	var diags hcl.Diagnostics
	sound := &hclsyntax.Body{Attributes: hclsyntax.Attributes{}, SrcRange: block, EndRange: block}
	spec := hcldec.ObjectSpec{}
	result := make(values, len(s.attrs))
	for _, a := range s.attrs {
		result[a.name] = value{at: block}
	}
	for _, name := range c.meant {
		if v, ok := result[name]; ok {
			v.state = bad
			result[name] = v
		}
	}
	for _, attr := range c.attrs {
		result[attr.Name] = value{state: bad, at: attr.Expr.Range(), expr: attr.Expr}
		wrong := sc.check(attr.Expr)
		diags = append(diags, wrong...)
		if !wrong.HasErrors() {
			sound.Attributes[attr.Name] = attr
			spec[attr.Name] = s.attr(attr.Name).spec()
		}
	}
	decoded, more := hcldec.Decode(sound, spec, sc.ctx)
	diags = append(diags, redact(more)...)
	for name := range spec {
		result[name] = s.attr(name).finish(decoded.GetAttr(name), result[name])
	}
	for _, a := range s.attrs {
		if diag := a.missing(s, result[a.name]); diag != nil {
			diags = append(diags, diag)
		}
	}
	return result, diags
}

func (s shape) attr(name string) attribute {
	return s.attrs[slices.IndexFunc(s.attrs, func(a attribute) bool { return a.name == name })]
}

// spec evaluates as hcldec does, and leaves the conversion to accept, whose
// messages say what to write instead.
func (a attribute) spec() hcldec.Spec {
	return &hcldec.ValidateSpec{
		Wrapped: &hcldec.AttrSpec{Name: a.name, Type: cty.DynamicPseudoType},
		Func: func(val cty.Value) hcl.Diagnostics {
			secret := val.ContainsMarked()
			_, diag := a.accept(unmarked(val), secret)
			if diag == nil {
				return nil
			}
			return hcl.Diagnostics{diag}
		},
	}
}

// finish turns an evaluated value into what decoders use.
func (a attribute) finish(val cty.Value, v value) value {
	v.secret = val.ContainsMarked()
	val = unmarked(val)
	if !val.IsWhollyKnown() {
		return v
	}
	val, diag := a.accept(val, v.secret)
	switch {
	case diag != nil:
		return v
	case val.IsNull():
		v.state = absent
	default:
		v.state = given
	}
	v.val = val
	return v
}

// accept converts a value to the attribute's type. Its diagnostic has no
// subject.
func (a attribute) accept(val cty.Value, secret bool) (cty.Value, *hcl.Diagnostic) {
	if a.quoted && val.Type() == cty.Number {
		return val, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Text must be quoted",
			Detail: fmt.Sprintf("%q is text: write it in double quotes, for a number loses leading and trailing zeros.", a.name)}
	}
	if val.IsNull() {
		return val, nil
	}
	if isHuge(val) {
		return val, a.outOfRange()
	}
	if a.defaults != nil && val.IsKnown() {
		val = a.defaults.Apply(val)
	}
	converted, err := convert.Convert(val, a.typ)
	if err != nil {
		return val, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Wrong type",
			Detail: wrongType(fmt.Sprintf("%q", a.name), a.typ, val.Type(), err)}
	}
	if isHuge(converted) {
		return val, a.outOfRange()
	}
	if converted.IsWhollyKnown() && holdsNull(converted) {
		return val, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Element is null",
			Detail: fmt.Sprintf("An element of %q is null. Leave it out, with compact([…]) or a for expression with an if.", a.name)}
	}
	if len(a.oneOf) > 0 && converted.Type() == cty.String && converted.IsKnown() && !slices.Contains(a.oneOf, converted.AsString()) {
		return val, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Value not allowed", Detail: a.notOneOf(converted, secret)}
	}
	return converted, nil
}

func (a attribute) outOfRange() *hcl.Diagnostic {
	return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Number out of range",
		Detail: fmt.Sprintf("A number in %q has more than a thousand digits, or is as close to zero. Write another one.", a.name)}
}

func (a attribute) notOneOf(val cty.Value, secret bool) string {
	if secret {
		return fmt.Sprintf("The sensitive value of %q is not allowed. The values are %s.", a.name, list(a.oneOf))
	}
	return fmt.Sprintf("%q can't be %q.%s", a.name, val.AsString(), hint(val.AsString(), "values", a.oneOf))
}

// missing reports a required attribute that isn't there.
func (a attribute) missing(s shape, v value) *hcl.Diagnostic {
	if !a.required || v.state != absent || a.null && v.expr != nil {
		return nil
	}
	doc := a.doc
	if doc != "" {
		doc = " " + doc
	}
	return problem(v.at, fmt.Sprintf("Attribute %q is missing", a.name),
		"%s needs %q: write %s = %s.%s", capital(s.what), a.name, a.name, example(a.typ), doc)
}

// unmarked returns a value without marks at any depth.
func unmarked(val cty.Value) cty.Value {
	val, _ = val.UnmarkDeep()
	return val
}

// holdsNull says whether a list, set or map has an element that is null.
func holdsNull(val cty.Value) bool {
	if !val.CanIterateElements() {
		return false
	}
	collection := val.Type().IsCollectionType()
	for it := val.ElementIterator(); it.Next(); {
		_, element := it.Element()
		if element.IsNull() && collection || holdsNull(element) {
			return true
		}
	}
	return false
}
