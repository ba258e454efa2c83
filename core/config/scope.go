package config

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// mark is the type of the marks that values carry through expressions.
type mark string

// sensitive marks a value that no message may show.
const sensitive mark = "sensitive"

// scope is what expressions of one place may refer to.
type scope struct {
	ctx *hcl.EvalContext
	// declared are the names below var and local; ctx may hold fewer.
	variables, locals []string
	// absent says in a sentence why a name that exists elsewhere doesn't
	// exist here.
	absent map[string]string
}

// with returns the scope with more names in it.
func (s *scope) with(names map[string]cty.Value) *scope {
	wider := *s
	wider.ctx = s.ctx.NewChild()
	wider.ctx.Variables = names
	return &wider
}

// without returns the scope with a reason for a name that it lacks.
func (s *scope) without(name, reason string) *scope {
	narrower := *s
	narrower.absent = map[string]string{name: reason}
	for k, v := range s.absent {
		if k != name {
			narrower.absent[k] = v
		}
	}
	return &narrower
}

// names returns all names that expressions may begin with, sorted.
func (s *scope) names() []string {
	var names []string
	for ctx := s.ctx; ctx != nil; ctx = ctx.Parent() {
		for name := range ctx.Variables {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// check reports the references of an expression that lead nowhere. It looks
// into try and can as well: a misspelt name is never what was meant.
func (s *scope) check(expr hclsyntax.Expression) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, t := range hclsyntax.Variables(expr) {
		if diag := s.checkOne(t); diag != nil {
			diags = append(diags, diag)
		}
	}
	return append(diags, s.checkCalls(expr)...)
}

// checkCalls reports calls of functions that don't exist.
func (s *scope) checkCalls(expr hclsyntax.Expression) hcl.Diagnostics {
	var diags hcl.Diagnostics
	functions := s.functions()
	// The visitor reports nothing itself.
	_ = hclsyntax.VisitAll(expr, func(node hclsyntax.Node) hcl.Diagnostics {
		call, ok := node.(*hclsyntax.FunctionCallExpr)
		if !ok {
			return nil
		}
		if _, known := functions[call.Name]; !known {
			names := slices.Sorted(maps.Keys(functions))
			diags = append(diags, problem(call.NameRange, fmt.Sprintf("Unknown function %q", call.Name),
				"There is no function %q. All are listed in docs/reference/configuration.md.%s",
				call.Name, nearestOnly(call.Name, names)))
		}
		return nil
	})
	return diags
}

// functions returns the functions that expressions may call.
func (s *scope) functions() map[string]function.Function {
	for ctx := s.ctx; ctx != nil; ctx = ctx.Parent() {
		if ctx.Functions != nil {
			return ctx.Functions
		}
	}
	return nil
}

// variable returns the value of a name.
func (s *scope) variable(name string) cty.Value {
	for ctx := s.ctx; ctx != nil; ctx = ctx.Parent() {
		if val, ok := ctx.Variables[name]; ok {
			return val
		}
	}
	return cty.DynamicVal
}

func (s *scope) checkOne(t hcl.Traversal) *hcl.Diagnostic {
	if t.IsRelative() {
		return nil
	}
	root, names := t.RootName(), s.names()
	if !slices.Contains(names, root) {
		if reason, ok := s.absent[root]; ok {
			return problem(t.SourceRange(), fmt.Sprintf("%q is not available here", root), "%s", reason)
		}
		return problem(t.SourceRange(), fmt.Sprintf("Unknown name %q", root),
			"Nothing here is called %q. Text must stand in double quotes, a variable is written var.NAME.%s",
			root, hint(root, "names", names))
	}
	member, ok := memberOf(t)
	if !ok {
		return nil
	}
	switch {
	case root == "var" && !slices.Contains(s.variables, member):
		return problem(t.SourceRange(), fmt.Sprintf("Unknown variable %q", member),
			"No variable %q is declared. Declare it with variable %q {}.%s", member, member, nearestOnly(member, s.variables))
	case root == "local" && !slices.Contains(s.locals, member):
		return problem(t.SourceRange(), fmt.Sprintf("Unknown local %q", member),
			"No local %q is declared. Declare it in a locals block.%s", member, nearestOnly(member, s.locals))
	case root == "var" || root == "local":
		return nil
	}
	if typ := s.variable(root).Type(); typ.IsObjectType() && !typ.HasAttribute(member) {
		return problem(t.SourceRange(), fmt.Sprintf("Unknown attribute %q", member), "%q has no attribute %q.%s",
			root, member, hint(member, "attributes", slices.Sorted(maps.Keys(typ.AttributeTypes()))))
	}
	return nil
}

// nearestOnly is hint without the list of all.
func nearestOnly(given string, options []string) string {
	if best := nearest(given, options); best != "" {
		return fmt.Sprintf(" Did you mean %q?", best)
	}
	return ""
}

// memberOf returns x of var.x or var["x"].
func memberOf(t hcl.Traversal) (string, bool) {
	if len(t) < 2 {
		return "", false
	}
	switch step := t[1].(type) {
	case hcl.TraverseAttr:
		return step.Name, true
	case hcl.TraverseIndex:
		if step.Key.Type() == cty.String && step.Key.IsKnown() && !step.Key.IsNull() {
			return step.Key.AsString(), true
		}
	}
	return "", false
}

// value evaluates an expression. After an error the value is unknown, and
// stays so in whatever is made from it, so that one mistake is told once.
func (s *scope) value(expr hclsyntax.Expression) (cty.Value, hcl.Diagnostics) {
	if diags := s.check(expr); diags.HasErrors() {
		return cty.DynamicVal, diags
	}
	val, diags := expr.Value(s.ctx)
	if diags.HasErrors() {
		return cty.DynamicVal, redact(diags)
	}
	return val, redact(diags)
}

// redact takes the details out of diagnostics about expressions that use
// sensitive values: functions quote their arguments in their errors. It adds
// the nearest name to those about one that doesn't exist.
func redact(diags hcl.Diagnostics) hcl.Diagnostics {
	for i, diag := range diags {
		if diag.Expression == nil || diag.EvalContext == nil {
			continue
		}
		if !usesSensitive(diag.Expression, diag.EvalContext) {
			diags[i] = suggestMember(diag)
			continue
		}
		diags[i] = &hcl.Diagnostic{
			Severity: diag.Severity, Summary: diag.Summary, Subject: diag.Subject, Context: diag.Context,
			Detail: "The expression uses a sensitive value, so the message that would show it is left out. " +
				"Set sensitive = false on the variable for a moment to see it.",
		}
	}
	return diags
}

// suggestMember helps with a name in an object or a key in a map that isn't
// there: each.value.prot where there is a port.
func suggestMember(diag *hcl.Diagnostic) *hcl.Diagnostic {
	path, ok := diag.Expression.(*hclsyntax.ScopeTraversalExpr)
	if !ok || path.Traversal.IsRelative() {
		return diag
	}
	for n := 1; n < len(path.Traversal); n++ {
		if _, diags := path.Traversal[:n+1].TraverseAbs(diag.EvalContext); !diags.HasErrors() {
			continue
		}
		val, diags := path.Traversal[:n].TraverseAbs(diag.EvalContext)
		name, ok := memberOf(path.Traversal[n-1:])
		if diags.HasErrors() || !ok || !val.IsKnown() || val.IsNull() || !val.Type().IsObjectType() && !val.Type().IsMapType() {
			return diag
		}
		better := *diag
		better.Detail += hint(name, "names", slices.Sorted(maps.Keys(val.AsValueMap())))
		return &better
	}
	return diag
}

func usesSensitive(expr hcl.Expression, ctx *hcl.EvalContext) bool {
	for _, t := range expr.Variables() {
		if val, diags := t.TraverseAbs(ctx); !diags.HasErrors() && val.ContainsMarked() {
			return true
		}
	}
	return false
}
