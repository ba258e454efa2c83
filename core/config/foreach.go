package config

import (
	"fmt"
	"maps"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// forEachAttr makes several entries of one block. It is decoded before all
// others, which may refer to what it gives them.
var forEachAttr = attribute{name: "for_each", typ: cty.DynamicPseudoType}

// entryShape returns what a block of an entry may hold.
func entryShape(kind Kind) shape {
	s := entryShapes[kind]
	s.attrs = append(s.attrs[:len(s.attrs):len(s.attrs)], forEachAttr)
	return s
}

// instance is one entry that a block makes.
type instance struct {
	// block is the one in the file, body what is left to decode of it.
	block *hclsyntax.Block
	body  *hclsyntax.Block
	scope *scope
	label string
	// repeated says that the block may make several.
	repeated bool
}

// instances returns what a block makes: one entry, or one for each element of
// its for_each. Those whose labels aren't known are left out; their attributes
// are looked at for errors.
func (d *decoder) instances(block *hclsyntax.Block, sc *scope) []instance {
	attr := block.Body.Attributes[forEachAttr.name]
	if attr == nil {
		outside := sc.without("each", "\"each\" stands for an element of for_each, and this block has none. Write for_each = { … } or for_each = toset([…]) in it.")
		return d.named(instance{block: block, body: block, scope: outside})
	}
	body := *block.Body
	body.Attributes = maps.Clone(body.Attributes)
	delete(body.Attributes, forEachAttr.name)
	rest := *block
	rest.Body = &body
	one := instance{block: block, body: &rest, repeated: true}
	inside := sc.without("each", "\"each\" is what for_each gives to the other attributes of its block.")
	val, diags := inside.value(attr.Expr)
	d.add(diags...)
	if !diags.HasErrors() {
		// Elements keep their marks: a sensitive one may be used for what isn't
		// shown.
		v := value{state: given, at: attr.Expr.Range(), expr: attr.Expr, secret: val.IsMarked()}
		v.val, _ = val.Unmark()
		if d.iterable(v) {
			return d.each(one, sc, v.val)
		}
	}
	// The rest may have errors too, whatever the elements are.
	one.scope = sc.with(map[string]cty.Value{"each": cty.DynamicVal})
	_, _ = d.decode(one.body, entryShape(Kind(block.Type)), one.scope)
	return nil
}

// iterable says whether for_each can go through a value, and reports it if
// not. What isn't known was reported, or will be.
func (d *decoder) iterable(v value) bool {
	t := v.val.Type()
	const remedy = "Write a map, { KEY = value }, or a set of strings, toset([…])."
	switch {
	case v.secret:
		d.add(problem(v.at, "Sensitive for_each", "The keys become a part of what messages show, so they can't come from a sensitive value."))
	case !v.val.IsKnown():
	case v.val.IsNull():
		d.add(problem(v.at, "Nothing to go through", "\"for_each\" is null. %s An empty one, {}, makes no entry.", remedy))
	case t.IsTupleType() || t.IsListType():
		d.add(problem(v.at, "Wrong type", "\"for_each\" must be a map or a set of strings, and this is a list. Write toset([…]) for a list of strings."))
	case t.IsSetType() && t.ElementType() != cty.String && v.val.LengthInt() > 0:
		d.add(problem(v.at, "Wrong type", "\"for_each\" must be a map or a set of strings, and this is %s. %s", kind(t), remedy))
	case !t.IsSetType() && !t.IsMapType() && !t.IsObjectType():
		d.add(problem(v.at, "Wrong type", "\"for_each\" must be a map or a set of strings, and this is %s. %s", kind(t), remedy))
	case t.IsSetType() && holdsNull(v.val):
		d.add(problem(v.at, "Element is null", "An element of \"for_each\" is null. Leave it out, with a for expression with an if."))
	default:
		return true
	}
	return false
}

// each returns an instance for each element, in the order of the keys.
func (d *decoder) each(one instance, sc *scope, elements cty.Value) []instance {
	var all []instance
	if !elements.IsWhollyKnown() && elements.Type().IsSetType() {
		return nil // it isn't known how many there are
	}
	for it := elements.ElementIterator(); it.Next(); {
		key, val := it.Element()
		if elements.Type().IsSetType() {
			key = val
		}
		one.scope = sc.with(map[string]cty.Value{"each": cty.ObjectVal(map[string]cty.Value{"key": key, "value": val})})
		all = append(all, d.named(one)...)
	}
	return all
}

// named gives an instance its label, and leaves it out if that isn't known.
func (d *decoder) named(one instance) []instance {
	label, ok := d.label(one.block, one.scope)
	if !ok {
		_, _ = d.decode(one.body, entryShape(Kind(one.block.Type)), one.scope)
		return nil
	}
	one.label = label
	return []instance{one}
}

// twice reports two instances that make one thing.
func (d *decoder) twice(first, second instance, summary, detail string) {
	if first.block != second.block {
		d.add(clash(second.block.DefRange(), first.block.DefRange(), summary, "%s", detail))
		return
	}
	d.add(problem(second.block.LabelRanges[0], summary,
		"Two elements of for_each make %s. Put ${each.key} into the label, so that each has its own.", fmt.Sprintf("%s %q", second.block.Type, second.label)))
}
