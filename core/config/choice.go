package config

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

// choices is what a file of choices may hold, and chosen what a block of it.
var (
	choices = shape{what: "a file of chosen compilers", blocks: []nested{{"toolchain", "ARCH"}}}
	chosen  = shape{what: "a toolchain block here", blocks: []nested{{"from", "KIND"}}}
)

// Choices reads a file that says where compilers come from if a configuration
// doesn't: `toolchain` blocks that hold nothing but `from` blocks. home stands
// for "~"; relative paths begin at the file's folder. The result is by the
// blocks' labels; the file is never nil.
func Choices(src []byte, name, home string) (map[string][]From, *hcl.File, hcl.Diagnostics) {
	d := &decoder{doc: &Document{dir: filepath.Dir(name), home: home}}
	file, body, diags := parseConfig(src, name)
	if diags.HasErrors() {
		return nil, file, diags
	}
	c, diags := choices.check(body)
	d.add(diags...)
	sc := &scope{ctx: &hcl.EvalContext{}}
	all := map[string][]From{}
	seen := map[string]hcl.Range{}
	for _, block := range c.blocks {
		label := block.Labels[0]
		if first, ok := seen[label]; ok {
			d.add(clash(block.DefRange(), first, fmt.Sprintf("Duplicate toolchain %q", label), "There is one already. Remove one of the two."))
			continue
		}
		seen[label] = block.DefRange()
		_, blocks := d.decode(block, chosen, sc)
		for _, b := range blocks {
			if from, ok := d.from(b, target{block: block, scope: sc}); ok {
				all[label] = append(all[label], from)
			}
		}
	}
	return all, file, tidy(d.diags, []string{name})
}

// Choose returns the text of a file of choices in which the compiler for a
// label comes from one place; nil takes the choice back. What else is in the
// file stays as it is. ok is false if the place can't be written down.
func Choose(src []byte, label string, from *From) (text []byte, ok bool) {
	file, diags := hclwrite.ParseConfig(src, "", hcl.InitialPos)
	if diags.HasErrors() {
		file = hclwrite.NewEmptyFile()
	}
	body := file.Body()
	for _, block := range body.Blocks() {
		if block.Type() == "toolchain" && slices.Equal(block.Labels(), []string{label}) {
			body.RemoveBlock(block)
		}
	}
	text = bytes.TrimRight(file.Bytes(), "\n")
	if len(text) > 0 {
		text = append(text, '\n')
	}
	if from != nil {
		added := hclwrite.NewEmptyFile()
		block := added.Body().AppendNewBlock("toolchain", []string{label}).Body()
		if !writeFrom(block.AppendNewBlock("from", []string{from.Kind}).Body(), *from) {
			return nil, false
		}
		if len(text) > 0 {
			text = append(text, '\n')
		}
		text = append(text, added.Bytes()...)
	}
	return hclwrite.Format(text), true
}

// writeFrom writes what a `from` block holds, and says whether it can.
func writeFrom(body *hclwrite.Body, f From) bool {
	text := func(name, value string) {
		if value != "" {
			body.SetAttributeValue(name, cty.StringVal(value))
		}
	}
	list := func(name string, values []string) {
		if len(values) > 0 {
			body.SetAttributeValue(name, textList(values))
		}
	}
	switch {
	case f.Kind == "host":
	case f.Kind == "path":
		text("dir", f.Dir)
	case f.Kind == "deb" && f.Deb != nil:
		list("packages", f.Deb.Packages)
		text("suite", f.Deb.Suite)
	case f.Kind == "archive" && f.Archive != nil:
		list("urls", f.Archive.URLs)
		text("file", f.Archive.File)
		text("sha256", f.Archive.SHA256)
		if f.Archive.Strip != 0 {
			body.SetAttributeValue("strip", cty.NumberIntVal(int64(f.Archive.Strip)))
		}
		text("bin", f.Archive.Bin)
	case f.Kind == "oci" && f.OCI != nil:
		text("image", f.OCI.Image)
		text("bin", f.OCI.Bin)
	default:
		return false
	}
	text("prefix", f.Prefix)
	return true
}

func textList(values []string) cty.Value {
	var all []cty.Value
	for _, v := range values {
		all = append(all, cty.StringVal(v))
	}
	return cty.ListVal(all)
}
