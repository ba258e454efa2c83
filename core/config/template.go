package config

import (
	"os"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// contentAttrs are what a file's content may come from.
var contentAttrs = []attribute{
	{name: "content", typ: cty.String}, {name: "source", typ: cty.String},
	{name: "template", typ: cty.String}, {name: "vars", typ: cty.DynamicPseudoType},
}

// content decodes what a file holds: exactly one of content, source and
// template.
func (d *decoder) content(e *Entry, block *hclsyntax.Block, vals values, sc *scope) {
	var first value
	found := ""
	for _, name := range []string{"content", "source", "template"} {
		v := vals[name]
		switch {
		case v.state == absent:
		case found != "":
			d.add(clash(v.at, first.at, "Both "+found+" and "+name,
				"A file has one of content, which is text, source, which names a file to copy, and template, which names a file with ${…} in it. Remove the others."))
			return
		default:
			first, found = v, name
		}
	}
	if found == "" {
		d.add(problem(block.DefRange(), "File without content",
			"A file block needs content = \"…\", which may be empty, source = \"…\", which names a file to copy, or template = \"…\", which names a file with ${…} in it."))
	}
	if v := vals["vars"]; v.state != absent && vals["template"].state == absent {
		d.add(v.problem("Variables without a template", "\"vars\" are for a template. Write template = \"…\", or remove them."))
	}
	e.Content = vals["content"].text()
	e.Source = d.existing(vals["source"], "source", false)
	d.template(e, vals["template"], vals["vars"], sc)
}

// template evaluates a template as the function templatefile does. What is
// there for each architecture is there in it too.
func (d *decoder) template(e *Entry, v, vars value, sc *scope) {
	if v.state != given || vars.state == bad {
		return
	}
	all := map[string]cty.Value{}
	for _, name := range []string{"arch", "platform"} {
		all[name] = sc.variable(name)
	}
	if vars.state == given {
		if t := vars.val.Type(); !t.IsObjectType() && !t.IsMapType() {
			d.add(vars.problem("Wrong type", "\"vars\" must be an object, and this is %s. Write it like { NAME = \"…\" }.", kind(t)))
			return
		}
		for name, val := range vars.val.AsValueMap() {
			if !hclsyntax.ValidIdentifier(name) {
				at := vars
				at.at = vars.keyRange(name)
				d.add(at.problem("Invalid name", "%q can't be the name of a variable. Use letters, digits, \"_\" and \"-\", a letter first.", name))
				return
			}
			all[name] = val
		}
	}
	path := d.existing(v, "template", false)
	if path == "" {
		return
	}
	text, err := sc.functions()["templatefile"].Call([]cty.Value{v.val, cty.ObjectVal(all)})
	if err != nil {
		v.secret = v.secret || vars.secret
		d.add(v.problem("Template not usable", "The template can't be evaluated: %s.", err))
		return
	}
	if !text.IsKnown() || text.IsNull() {
		return
	}
	e.Content = text.AsString()
	if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 && e.Mode == nil {
		mode := uint32(0o755)
		e.Mode = &mode
	}
}
