package config

import (
	"fmt"
	"os"
	"regexp"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// fromShapes are the kinds of `from` blocks.
var fromShapes = map[string]shape{
	"host": {what: `a from "host" block`},
	"path": {
		what: `a from "path" block`,
		attrs: []attribute{
			{name: "dir", typ: cty.String, required: true, null: true, doc: "It is the compiler's folder."},
			{name: "prefix", typ: cty.String},
		},
	},
}

// fromKinds are the labels of `from` blocks, for messages.
var fromKinds = []string{"host", "path"}

var validPrefix = regexp.MustCompile(`^[A-Za-z0-9._+-]*$`)

// toolchain decodes a `toolchain` block by its plugin's description.
func (d *decoder) toolchain(t target) Toolchain {
	label := t.block.Labels[0]
	result := Toolchain{Plugin: label, Range: Range(t.block.DefRange())}
	attrs, err := pluginAttributes(t.info.Attributes)
	if err != nil {
		d.add(wrongDescription(t.block, err))
		return result
	}
	s := shape{
		what:   fmt.Sprintf("a toolchain %q block", label),
		attrs:  attrs,
		blocks: []nested{{"from", "KIND"}},
	}
	vals, blocks := d.decode(t.block, s, t.scope)
	for _, block := range blocks {
		if from, ok := d.from(block, t.scope); ok {
			result.From = append(result.From, from)
		}
	}
	result.Attributes, result.AttributeRanges, err = vals.object(attrs)
	if err != nil {
		d.add(wrongDescription(t.block, err))
	}
	return result
}

// wrongDescription reports a plugin whose description makes no sense.
func wrongDescription(block *hclsyntax.Block, err error) *hcl.Diagnostic {
	return problem(block.LabelRanges[0], fmt.Sprintf("Plugin %q describes itself wrongly", block.Labels[0]),
		"Its description can't be used: %s. Tell its author, or use another version of it.", err)
}

// from decodes a `from` block.
func (d *decoder) from(block *hclsyntax.Block, sc *scope) (From, bool) {
	kind := block.Labels[0]
	s, ok := fromShapes[kind]
	if !ok {
		d.add(problem(block.LabelRanges[0], fmt.Sprintf("Unknown kind %q of a from block", kind),
			"A compiler can't come from %q.%s", kind, hint(kind, "kinds", fromKinds)))
		return From{}, false
	}
	result := From{Kind: kind, Range: Range(block.DefRange())}
	vals, _ := d.decode(block, s, sc)
	if kind == "path" {
		result.Dir = d.path(vals["dir"], "dir")
		result.Prefix = vals["prefix"].text()
		if !validPrefix.MatchString(result.Prefix) {
			d.add(vals["prefix"].problem("Invalid prefix",
				"%q can't begin the name of a tool. Write what stands before gcc, such as \"aarch64-linux-gnu-\", and the folder in dir.",
				result.Prefix))
		}
	}
	return result, true
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
