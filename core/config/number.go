package config

import (
	"errors"
	"math/big"
	"regexp"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// cty keeps numbers of nearly any size in little room, but writes them with
// all their digits: of some that take ten characters that is a billion, and
// minutes. Such numbers come from literals, which the lexer's tokens show, and
// from text, by functions, operators and conversions. All of these are
// guarded, so that no such number is ever a part of a value.

// maxExponent is of 2, a little more than 999 is of 10.
const maxExponent = 4000

var errHuge = errors.New("a number has more than a thousand digits, or is as close to zero")

// isHuge says whether a value holds a number that is out of range.
func isHuge(val cty.Value) bool {
	return cty.Walk(val, func(_ cty.Path, v cty.Value) (bool, error) {
		v, _ = v.Unmark()
		if v.Type() == cty.Number && v.IsKnown() && !v.IsNull() && outOfRange(v.AsBigFloat()) {
			return false, errHuge
		}
		return true, nil
	}) != nil
}

func outOfRange(f *big.Float) bool {
	e := f.MantExp(nil)
	return e > maxExponent || e < -maxExponent
}

// guard makes a function refuse numbers that are out of range, and return
// none.
func guard(f function.Function) function.Function {
	return function.New(&function.Spec{
		Description: f.Description(),
		Params:      f.Params(),
		VarParam:    f.VarParam(),
		Type: func(args []cty.Value) (cty.Type, error) {
			if err := checkArguments(args); err != nil {
				return cty.NilType, err
			}
			return f.ReturnTypeForValues(args)
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			result, err := f.Call(args)
			if err != nil {
				return cty.NilVal, err
			}
			if isHuge(result) {
				return cty.NilVal, errHuge
			}
			return result, nil
		},
	})
}

func checkArguments(args []cty.Value) error {
	for i, arg := range args {
		if isHuge(arg) {
			return function.NewArgError(i, errHuge)
		}
	}
	return nil
}

// guardFormat is guard for the functions that make numbers of text where a
// verb asks for it: what is refused is text that looks like such a number,
// along with a verb for numbers.
func guardFormat(f function.Function) function.Function {
	inner := guard(f)
	return function.New(&function.Spec{
		Description: inner.Description(),
		Params:      inner.Params(),
		VarParam:    inner.VarParam(),
		Type: func(args []cty.Value) (cty.Type, error) {
			if asksForNumbers(args[0]) {
				for i, arg := range args[1:] {
					if hasHugeText(arg) {
						return cty.NilType, function.NewArgError(i+1, errHuge)
					}
				}
			}
			return inner.ReturnTypeForValues(args)
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return inner.Call(args) },
	})
}

// numberVerb is a verb of format that takes a number.
var numberVerb = regexp.MustCompile(`%[^%a-zA-Z]*[bdoxXeEfgG]`)

func asksForNumbers(format cty.Value) bool {
	format, _ = format.Unmark()
	return !format.IsKnown() || format.IsNull() || numberVerb.MatchString(format.AsString())
}

// hasHugeText says whether text in a value becomes a number out of range.
func hasHugeText(val cty.Value) bool {
	return cty.Walk(val, func(_ cty.Path, v cty.Value) (bool, error) {
		v, _ = v.Unmark()
		if v.Type() != cty.String || !v.IsKnown() || v.IsNull() {
			return true, nil
		}
		if f, _, err := big.ParseFloat(strings.TrimSpace(v.AsString()), 10, 64, big.ToNearestEven); err == nil && outOfRange(f) {
			return false, errHuge
		}
		return true, nil
	}) != nil
}

// arithmetic are guarded operations by those that the parser puts into
// expressions.
var arithmetic = map[*hclsyntax.Operation]*hclsyntax.Operation{
	hclsyntax.OpAdd:      guardOperation(hclsyntax.OpAdd),
	hclsyntax.OpSubtract: guardOperation(hclsyntax.OpSubtract),
	hclsyntax.OpMultiply: guardOperation(hclsyntax.OpMultiply),
	hclsyntax.OpDivide:   guardOperation(hclsyntax.OpDivide),
	hclsyntax.OpModulo:   guardOperation(hclsyntax.OpModulo),
	hclsyntax.OpNegate:   guardOperation(hclsyntax.OpNegate),
}

func guardOperation(op *hclsyntax.Operation) *hclsyntax.Operation {
	return &hclsyntax.Operation{Impl: guard(op.Impl), Type: op.Type, ShortCircuit: op.ShortCircuit}
}

// guardOperators puts the guarded operations into a syntax tree.
func guardOperators(node hclsyntax.Node) {
	_ = hclsyntax.VisitAll(node, func(n hclsyntax.Node) hcl.Diagnostics {
		switch e := n.(type) {
		case *hclsyntax.BinaryOpExpr:
			if op, ok := arithmetic[e.Op]; ok {
				e.Op = op
			}
		case *hclsyntax.UnaryOpExpr:
			if op, ok := arithmetic[e.Op]; ok {
				e.Op = op
			}
		}
		return nil
	})
}

// guardFunctions guards all functions but those that take expressions, whose
// parts are guarded already.
func guardFunctions(all map[string]function.Function) {
	for name, f := range all {
		switch name {
		case "can", "try":
		case "format", "formatlist":
			all[name] = guardFormat(f)
		default:
			all[name] = guard(f)
		}
	}
}
