package config

import (
	"encoding/json"
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/mkmini/mkmini/core/fault"
)

// problem returns an error about the value, which leaves its detail out if
// the value is sensitive. The summary must not show the value.
func (v value) problem(summary, format string, args ...any) *hcl.Diagnostic {
	if v.secret {
		return problem(v.at, summary, "The value is sensitive, so the message that would show it is left out. "+
			"Set sensitive = false on the variable for a moment to see it.")
	}
	return problem(v.at, summary, format, args...)
}

// text returns a string attribute, or "" if it isn't given.
func (v value) text() string {
	if v.state != given || v.val.Type() != cty.String {
		return ""
	}
	return v.val.AsString()
}

// texts returns a list of strings; nil if it isn't given.
func (v value) texts() []string {
	if v.state != given || !v.val.CanIterateElements() {
		return nil
	}
	var texts []string
	for it := v.val.ElementIterator(); it.Next(); {
		_, element := it.Element()
		texts = append(texts, element.AsString())
	}
	return texts
}

// element returns the i-th element of a list attribute that is given, at its
// own place if the list was written out.
func (v value) element(i int) value {
	v.val = v.val.Index(cty.NumberIntVal(int64(i)))
	if list, ok := v.expr.(*hclsyntax.TupleConsExpr); ok && i < len(list.Exprs) {
		v.at = list.Exprs[i].Range()
	}
	return v
}

// keyRange returns where a key of an object attribute stands, if the object
// was written out, else where the attribute does.
func (v value) keyRange(key string) hcl.Range {
	object, ok := v.expr.(*hclsyntax.ObjectConsExpr)
	if !ok {
		return v.at
	}
	for _, item := range object.Items {
		name, diags := item.KeyExpr.Value(nil)
		if diags.HasErrors() || name.Type() != cty.String || !name.IsKnown() || name.IsNull() || name.IsMarked() {
			continue
		}
		if name.AsString() == key {
			return hcl.RangeBetween(item.KeyExpr.Range(), item.ValueExpr.Range())
		}
	}
	return v.at
}

// integer returns a whole number from least to most, and false if the value
// is not given or, with a diagnostic, not one.
func (v value) integer(name string, least, most int64) (int64, bool, *hcl.Diagnostic) {
	if v.state != given {
		return 0, false, nil
	}
	n, accuracy := v.val.AsBigFloat().Int64()
	if accuracy != 0 || n < least || n > most {
		return 0, false, v.problem("Number out of range",
			"%q must be a whole number from %d to %d.", name, least, most)
	}
	return n, true, nil
}

// object returns attributes of a plugin as a JSON object with sorted keys,
// complete with defaults, and where those that were written stand. It is nil
// if one of them is bad.
func (vs values) object(attrs []attribute) (json.RawMessage, map[string]fault.Range, error) {
	members := make(map[string]json.RawMessage)
	ranges := make(map[string]fault.Range)
	for _, a := range attrs {
		v := vs[a.name]
		if v.expr != nil {
			ranges[a.name] = Range(v.at)
		}
		val := v.val
		switch {
		case v.state == bad:
			return nil, ranges, nil
		case v.state == absent && a.def == cty.NilVal:
			continue
		case v.state == absent:
			val = a.def
		}
		text, err := ctyjson.Marshal(val, val.Type())
		if err != nil {
			return nil, ranges, fmt.Errorf("encode attribute %q: %w", a.name, err)
		}
		members[a.name] = text
	}
	text, err := json.Marshal(members)
	return text, ranges, err
}
