package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// wrongType says in a sentence what is wrong with a value's type, and what
// to write instead. The error is from cty's convert.
func wrongType(what string, want, got cty.Type, err error) string {
	detail := fmt.Sprintf("%s must be %s, and this is %s.", what, kind(want), kind(got))
	if path := (cty.PathError{}); errors.As(err, &path) && len(path.Path) > 0 || alike(want, got) {
		detail = fmt.Sprintf("%s must be %s: %s.", what, kind(want), err)
	}
	return detail + fmt.Sprintf(" Write it like %s.", example(want))
}

// alike says whether two types are both lists or both objects, so that the
// difference is in an element.
func alike(a, b cty.Type) bool {
	list := func(t cty.Type) bool { return t.IsListType() || t.IsSetType() || t.IsTupleType() }
	object := func(t cty.Type) bool { return t.IsMapType() || t.IsObjectType() }
	return list(a) && list(b) || object(a) && object(b)
}

// kind names a type with its article.
func kind(t cty.Type) string {
	switch {
	case t == cty.String:
		return "a string"
	case t == cty.Number:
		return "a number"
	case t == cty.Bool:
		return "a bool"
	case t == cty.DynamicPseudoType:
		return "any value"
	case t.IsObjectType():
		return "an object"
	case t.IsTupleType():
		return "a list"
	}
	if !t.IsCollectionType() {
		return "a " + t.FriendlyNameForConstraint()
	}
	collection, _, _ := strings.Cut(t.FriendlyName(), " ")
	element := strings.TrimPrefix(strings.TrimPrefix(kind(t.ElementType()), "a "), "an ")
	if t.ElementType() == cty.DynamicPseudoType {
		return "a " + collection
	}
	return fmt.Sprintf("a %s of %ss", collection, element)
}

// example returns a value of a type as one writes it.
func example(t cty.Type) string {
	switch {
	case t == cty.Number:
		return "1"
	case t == cty.Bool:
		return "true"
	case t.IsListType(), t.IsSetType():
		return "[" + example(t.ElementType()) + "]"
	case t.IsTupleType():
		return "[…]"
	case t.IsMapType():
		return "{ NAME = " + example(t.ElementType()) + " }"
	case t.IsObjectType():
		return "{ … }"
	}
	return `"…"`
}

// pluginAttributes turns a plugin's description of its attributes into ours.
// An error is the plugin's fault.
func pluginAttributes(described []sdk.Attribute) ([]attribute, error) {
	attrs := make([]attribute, 0, len(described))
	for _, d := range described {
		a, err := pluginAttribute(d)
		if err != nil {
			return nil, fmt.Errorf("attribute %q: %w", d.Name, err)
		}
		if slices.ContainsFunc(attrs, func(b attribute) bool { return b.name == a.name }) {
			return nil, fmt.Errorf("attribute %q: described twice", d.Name)
		}
		attrs = append(attrs, a)
	}
	return attrs, nil
}

func pluginAttribute(d sdk.Attribute) (attribute, error) {
	expr, diags := parseExpression([]byte(d.Type), "type")
	if diags.HasErrors() {
		return attribute{}, fmt.Errorf("type %q: %s", d.Type, strings.TrimSuffix(diags[0].Detail, "."))
	}
	typ, defaults, diags := typeexpr.TypeConstraintWithDefaults(expr)
	if diags.HasErrors() {
		return attribute{}, fmt.Errorf("type %q: %s", d.Type, strings.TrimSuffix(diags[0].Detail, "."))
	}
	a := attribute{name: d.Name, typ: typ, defaults: defaults, required: d.Required, oneOf: d.OneOf, doc: d.Doc}
	if len(d.Default) == 0 {
		return a, nil
	}
	implied, err := ctyjson.ImpliedType(d.Default)
	if err != nil {
		return attribute{}, fmt.Errorf("default %s: %w", d.Default, err)
	}
	val, err := ctyjson.Unmarshal(d.Default, implied)
	if err != nil {
		return attribute{}, fmt.Errorf("default %s: %w", d.Default, err)
	}
	val, diag := a.accept(val, false)
	if diag != nil {
		return attribute{}, fmt.Errorf("default %s: %s", d.Default, diag.Detail)
	}
	if !val.IsNull() {
		a.def = val
	}
	return a, nil
}
