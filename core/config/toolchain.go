package config

import (
	"fmt"
	"os"
	"regexp"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// fromKind is a kind of `from` block: the label, what it may hold, and how
// that becomes a From.
type fromKind struct {
	name   string
	attrs  []attribute
	decode func(d *decoder, vals values, from *From)
	// blocks are those that it may hold, and nested decodes them.
	blocks []nested
	nested func(d *decoder, vals values, blocks []*hclsyntax.Block, t target, from *From)
}

// fromKinds are the kinds there are.
var fromKinds = []fromKind{
	{name: "host", decode: func(*decoder, values, *From) {}},
	{
		name: "path",
		attrs: []attribute{
			{name: "dir", typ: cty.String, required: true, null: true, doc: "It is the compiler's folder."},
			prefixAttr,
		},
		decode: (*decoder).fromPath,
	},
	{name: "deb", attrs: debAttrs, decode: (*decoder).fromDeb},
	archiveKind,
	ociKind,
	sourceKind,
}

// prefixAttr is an attribute of all kinds that search a folder.
var prefixAttr = attribute{name: "prefix", typ: cty.String}

var validPrefix = regexp.MustCompile(`^[A-Za-z0-9._+-]*$`)

// toolchain decodes a `toolchain` block by its plugin's description.
func (d *decoder) toolchain(t target) Toolchain {
	label := t.block.Labels[0]
	result := Toolchain{Plugin: label, Range: Range(t.block.DefRange())}
	attrs, err := pluginAttributes(t.info.Attributes)
	if err == nil {
		err = errReserved(attrs)
	}
	if err != nil {
		d.add(wrongDescription(t.block, err))
		return result
	}
	s := shape{
		what:   fmt.Sprintf("a toolchain %q block", label),
		attrs:  slices.Concat(toolchainAttrs, attrs),
		blocks: []nested{{"from", "KIND"}},
	}
	vals, blocks := d.decode(t.block, s, t.scope)
	for _, block := range blocks {
		if from, ok := d.from(block, t); ok {
			result.From = append(result.From, from)
		}
	}
	result.Attributes, result.AttributeRanges, err = vals.object(attrs)
	if err != nil {
		d.add(wrongDescription(t.block, err))
	}
	d.libc(&result, vals["libc"], t.info)
	return result
}

// wrongDescription reports a plugin whose description makes no sense.
func wrongDescription(block *hclsyntax.Block, err error) *hcl.Diagnostic {
	return problem(block.LabelRanges[0], fmt.Sprintf("Plugin %q describes itself wrongly", block.Labels[0]),
		"Its description can't be used: %s. Tell its author, or use another version of it.", err)
}

// from decodes a `from` block.
func (d *decoder) from(block *hclsyntax.Block, t target) (From, bool) {
	name := block.Labels[0]
	i := slices.IndexFunc(fromKinds, func(k fromKind) bool { return k.name == name })
	if i < 0 {
		var names []string
		for _, k := range fromKinds {
			names = append(names, k.name)
		}
		d.add(problem(block.LabelRanges[0], fmt.Sprintf("Unknown kind %q of a from block", name),
			"A compiler can't come from %q.%s", name, hint(name, "kinds", names)))
		return From{}, false
	}
	kind := fromKinds[i]
	result := From{Kind: name, Range: Range(block.DefRange())}
	s := shape{what: fmt.Sprintf("a from %q block", name), attrs: kind.attrs, blocks: kind.blocks}
	vals, blocks := d.decode(block, s, t.scope)
	kind.decode(d, vals, &result)
	if kind.nested != nil {
		kind.nested(d, vals, blocks, t, &result)
	}
	return result, true
}

// fromPath decodes what a "path" block holds.
func (d *decoder) fromPath(vals values, from *From) {
	from.Dir = d.path(vals["dir"], "dir")
	from.Prefix = d.prefix(vals["prefix"])
}

// prefix returns the start of the names of a compiler's tools.
func (d *decoder) prefix(v value) string {
	text := v.text()
	if !validPrefix.MatchString(text) {
		d.add(v.problem("Invalid prefix",
			"%q can't begin the name of a tool. Write what stands before gcc, such as \"aarch64-linux-gnu-\", and the folder in dir or bin.", text))
	}
	return text
}

// path returns a path attribute as an absolute path, or "" if it isn't given.
func (d *decoder) path(v value, name string) string {
	if v.state != given {
		return ""
	}
	path, err := d.doc.resolve(v.text())
	if err != nil {
		d.add(v.problem("Invalid path", "%q is no path: %s. Write one that is absolute or relative to the configuration, or null for none.",
			name, err))
		return ""
	}
	return path
}

// existing is path for one that must be there: a folder or a file.
func (d *decoder) existing(v value, name string, folder bool) string {
	path := d.path(v, name)
	if path == "" {
		return ""
	}
	if diag := checkExists(v, path, folder); diag != nil {
		d.add(diag)
		return ""
	}
	return path
}

func checkExists(v value, path string, folder bool) *hcl.Diagnostic {
	what := "file"
	if folder {
		what = "folder"
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return v.problem(capital(what)+" not found",
			"The %s %q can't be read: %s. A relative path begins at the configuration's folder.", what, v.text(), cause(err))
	case info.IsDir() != folder, !folder && !info.Mode().IsRegular():
		return v.problem("Not a "+what, "%q is not a %s. Give the path of a %s.", v.text(), what, what)
	}
	return nil
}
