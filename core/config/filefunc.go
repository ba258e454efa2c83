package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// resolve returns an absolute, clean path: "~" is the home folder, and what
// is relative is so to the configuration's folder.
func (d *Document) resolve(path string) (string, error) {
	switch {
	case path == "":
		return "", errors.New("the path is empty")
	case strings.ContainsRune(path, 0):
		return "", errors.New("the path holds a NUL character")
	}
	path, err := d.expand(path)
	if err != nil {
		return "", err
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(d.dir, path)
	}
	return filepath.Clean(path), nil
}

// expand replaces "~" at the start of a path.
func (d *Document) expand(path string) (string, error) {
	if path != "~" && !strings.HasPrefix(path, "~/") {
		return path, nil
	}
	if d.home == "" {
		return "", errors.New(`"~" can't be replaced, as HOME is not set`)
	}
	return filepath.Join(d.home, path[1:]), nil
}

// fileFunctions returns the functions about paths and files.
func (d *Document) fileFunctions() map[string]function.Function {
	all := map[string]function.Function{
		"abspath":    textFunc("path", d.resolve),
		"basename":   textFunc("path", func(path string) (string, error) { return filepath.Base(path), nil }),
		"dirname":    textFunc("path", func(path string) (string, error) { return filepath.Dir(path), nil }),
		"pathexpand": textFunc("path", d.expand),
		"file":       textFunc("path", d.text),
		"fileexists": fileExists(d),
	}
	// A template can't use templatefile itself, so that none includes itself.
	inner := pureFunctions()
	for name, fn := range all {
		inner[name] = fn
	}
	all["templatefile"] = d.templateFile(inner)
	return all
}

// text returns the content of a file.
func (d *Document) text(path string) (string, error) {
	name, err := d.resolve(path)
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		// A pipe or a terminal might never end, and says something else
		// each time.
		return "", fmt.Errorf("%q is not a file", path)
	}
	content, err := readText(name)
	if err != nil {
		return "", fmt.Errorf("%q can't be read: %s", path, cause(err))
	}
	if !utf8.Valid(content) {
		return "", fmt.Errorf("%q is not text in UTF-8; a file block takes such a file with source", path)
	}
	return string(content), nil
}

func fileExists(d *Document) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "path", Type: cty.String}},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			name, err := d.resolve(args[0].AsString())
			if err != nil {
				return cty.UnknownVal(cty.Bool), function.NewArgError(0, err)
			}
			info, err := os.Stat(name)
			return cty.BoolVal(err == nil && info.Mode().IsRegular()), nil
		},
	})
}

// templateFile makes the function that evaluates a file as a template.
func (d *Document) templateFile(inner map[string]function.Function) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{
			{Name: "path", Type: cty.String},
			{Name: "vars", Type: cty.DynamicPseudoType},
		},
		Type: function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			text, err := d.text(args[0].AsString())
			if err != nil {
				return cty.UnknownVal(cty.String), function.NewArgError(0, err)
			}
			if t := args[1].Type(); !t.IsObjectType() && !t.IsMapType() {
				return cty.UnknownVal(cty.String), function.NewArgErrorf(1, "an object is needed: { NAME = value }")
			}
			return render(text, args[0].AsString(), args[1].AsValueMap(), inner)
		},
	})
}

// render evaluates a template. Errors name the template's line.
func render(text, name string, vars map[string]cty.Value, functions map[string]function.Function) (cty.Value, error) {
	unknown := cty.UnknownVal(cty.String)
	expr, diags := parseTemplate([]byte(text), name)
	if diags.HasErrors() {
		return unknown, firstError(diags)
	}
	for variable := range vars {
		if !hclsyntax.ValidIdentifier(variable) {
			return unknown, function.NewArgErrorf(1, "%q can't be the name of a variable", variable)
		}
	}
	sc := &scope{ctx: &hcl.EvalContext{Variables: vars, Functions: functions}}
	val, diags := sc.value(expr)
	if diags.HasErrors() {
		return unknown, firstError(diags)
	}
	if !val.Type().Equals(cty.String) {
		return unknown, fmt.Errorf("%s does not give text but %s", name, kind(val.Type()))
	}
	return val, nil
}

func firstError(diags hcl.Diagnostics) error {
	i := slices.IndexFunc(diags, func(d *hcl.Diagnostic) bool { return d.Severity == hcl.DiagError })
	if i < 0 {
		return errors.New("unknown error")
	}
	return fmt.Errorf("%s: %s: %s", place(subject(diags[i])), diags[i].Summary, strings.TrimSuffix(diags[i].Detail, "."))
}
