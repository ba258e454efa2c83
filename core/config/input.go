package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// envPrefix begins the environment variables that set variables.
const envPrefix = "MKMINI_VAR_"

// inputs gives the variables their values from the environment, files, the
// command line and their defaults, in this order: a later one holds.
type inputs struct {
	doc       *Document
	variables []*variable
	values    map[string]cty.Value
	diags     hcl.Diagnostics
}

// collect returns the values of all variables by name. A value that could not
// be found out is unknown, and was reported.
func (d *Document) collect(variables []*variable, opts Options) (map[string]cty.Value, hcl.Diagnostics) {
	in := &inputs{doc: d, variables: variables, values: make(map[string]cty.Value)}
	in.environment(opts.Env)
	for _, name := range opts.VarFiles {
		in.varFile(name)
	}
	for _, v := range opts.Vars {
		in.option(v)
	}
	for _, v := range variables {
		in.fallBack(v)
		if v.sensitive {
			in.values[v.name] = in.values[v.name].Mark(sensitive)
		}
	}
	return in.values, in.diags
}

func (in *inputs) find(name string) *variable {
	i := slices.IndexFunc(in.variables, func(v *variable) bool { return v.name == name })
	if i < 0 {
		return nil
	}
	return in.variables[i]
}

func (in *inputs) names() []string {
	names := make([]string, len(in.variables))
	for i, v := range in.variables {
		names[i] = v.name
	}
	return names
}

func (in *inputs) environment(env []string) {
	for _, v := range in.variables {
		if text, ok := lookupVar(env, envPrefix+v.name); ok {
			in.text(v, text, envPrefix+v.name)
		}
	}
}

// option takes one name=value of the command line.
func (in *inputs) option(option string) {
	name, text, ok := strings.Cut(option, "=")
	source := "--var " + name
	if !ok {
		in.show(source, name)
		in.diags = append(in.diags, problem(wholeOf(source, name), "Value of a variable missing",
			"--var takes a name and a value: write --var %s=VALUE.", name))
		return
	}
	v := in.find(name)
	if v == nil {
		// Only the name is shown: the value may be a secret of the variable
		// whose name was misspelt.
		in.show(source, name)
		in.diags = append(in.diags, problem(wholeOf(source, name), fmt.Sprintf("Unknown variable %q", name),
			"The configuration declares no variable %q.%s", name, hint(name, "variables", in.names())))
		return
	}
	in.text(v, text, source)
}

// text sets a variable to a value from the command line or the environment:
// text for a string, number or bool, else an expression.
func (in *inputs) text(v *variable, text, source string) {
	if v.typ == cty.Number && exponent.MatchString(text) {
		in.values[v.name] = cty.DynamicVal
		in.diags = append(in.diags, problem(in.where(v, source, text), fmt.Sprintf("Invalid value for the variable %q", v.name),
			"A number has an exponent of at most three digits. Write a smaller one."))
		return
	}
	if v.text {
		in.set(v, cty.StringVal(text), in.where(v, source, text))
		return
	}
	at := in.where(v, source, text)
	expr, diags := parseExpression([]byte(text), source)
	val := cty.DynamicVal
	if !diags.HasErrors() {
		val, diags = expr.Value(nil)
	}
	if diags.HasErrors() {
		in.values[v.name] = cty.DynamicVal
		in.diags = append(in.diags, problem(at, fmt.Sprintf("Value of the variable %q is no expression", v.name),
			"A variable whose type is %s is written as in HCL, with text in double quotes: %s.", kind(v.typ), example(v.typ)))
		return
	}
	in.set(v, val, at)
}

// where returns the place of a value from the command line, and makes its
// text known for messages unless it is sensitive.
func (in *inputs) where(v *variable, source, text string) hcl.Range {
	if v.sensitive {
		return v.at
	}
	in.show(source, text)
	return wholeOf(source, text)
}

func (in *inputs) show(source, text string) {
	in.doc.sources[source] = &hcl.File{Bytes: []byte(text)}
}

// wholeOf is the range of a text of its own.
func wholeOf(name, text string) hcl.Range {
	line, _, _ := strings.Cut(text, "\n")
	return hcl.Range{
		Filename: name,
		Start:    hcl.InitialPos,
		End:      hcl.Pos{Line: 1, Column: 1 + len([]rune(line)), Byte: len(line)},
	}
}

// varFile takes the values of a file of variables.
func (in *inputs) varFile(name string) {
	src, err := readText(name)
	if err != nil {
		in.diags = append(in.diags, problem(startOf(name), "File of variables not readable",
			"%q can't be read: %s. Give the path of a file of NAME = VALUE lines with --var-file.", name, cause(err)))
		return
	}
	file, body, diags := parseConfig(src, name)
	in.doc.sources[name] = file
	in.diags = append(in.diags, diags...)
	for _, block := range body.Blocks {
		in.diags = append(in.diags, problem(block.TypeRange, "Block in a file of variables",
			"A file of variables holds NAME = VALUE lines only. Move the %q block to the configuration.", block.Type))
	}
	for _, attr := range sortedAttrs(body) {
		in.varFileValue(attr)
	}
}

func (in *inputs) varFileValue(attr *hclsyntax.Attribute) {
	v := in.find(attr.Name)
	if v == nil {
		diag := problem(attr.NameRange, fmt.Sprintf("Unknown variable %q", attr.Name),
			"The configuration declares no variable %q, so the value is not used.%s", attr.Name, nearestOnly(attr.Name, in.names()))
		diag.Severity = hcl.DiagWarning
		in.diags = append(in.diags, diag)
		return
	}
	at := v.shown(attr.Expr.Range())
	val, diags := attr.Expr.Value(nil)
	if diags.HasErrors() {
		in.values[v.name] = cty.DynamicVal
		in.diags = append(in.diags, problem(at, "Value is not constant",
			"The value of %q in a file of variables can't refer to anything or call a function. Write the value itself: %s.",
			v.name, example(v.typ)))
		return
	}
	in.set(v, val, at)
}

func (in *inputs) set(v *variable, val cty.Value, at hcl.Range) {
	converted, reason := v.convert(val)
	if reason != "" {
		in.values[v.name] = cty.DynamicVal
		in.diags = append(in.diags, problem(at, fmt.Sprintf("Invalid value for the variable %q", v.name), "%s", reason))
		return
	}
	in.values[v.name] = converted
}

// fallBack gives the default to a variable without a value.
func (in *inputs) fallBack(v *variable) {
	if _, ok := in.values[v.name]; ok {
		return
	}
	in.values[v.name] = v.def
	if v.def == cty.NilVal {
		in.values[v.name] = cty.DynamicVal
		if !v.broken {
			in.diags = append(in.diags, problem(v.at, fmt.Sprintf("No value for the variable %q", v.name),
				"It has no default. Give it one with default = …, or a value with --var %s=VALUE or %s%s.", v.name, envPrefix, v.name))
		}
	}
}
