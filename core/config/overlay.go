package config

import (
	"os"
	"slices"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

var (
	// manyModes are the modes of what is several things.
	manyModes = []attribute{{name: "file_mode", typ: cty.String, quoted: true}, {name: "directory_mode", typ: cty.String, quoted: true}}

	overlayShape = shape{
		what: "an overlay block",
		attrs: slices.Concat([]attribute{
			{name: "source", typ: cty.String, required: true, doc: "It is the folder or the archive whose contents go there."},
			{name: "keep_owner", typ: cty.Bool}}, manyModes, ownerAttr),
		blocks: []nested{{"rule", "/PATTERN"}},
	}
	ruleShape = shape{what: "a rule block", attrs: slices.Concat(manyModes, []attribute{modeAttr}, ownerAttr, xattrAttrs, []attribute{capabilityAttr})}
)

// overlay decodes what an overlay block holds. Blocks are those within it.
func (d *decoder) overlay(e *Entry, vals values, blocks []*hclsyntax.Block, sc *scope) {
	e.Source = d.folderOrFile(vals["source"])
	if v := vals["keep_owner"]; v.state == given {
		e.KeepOwner = v.val.True()
	}
	e.FileMode, e.DirectoryMode = d.mode(vals["file_mode"]), d.mode(vals["directory_mode"])
	for _, block := range blocks {
		if rule, ok := d.rule(block, sc); ok {
			e.Rules = append(e.Rules, rule)
		}
	}
}

// folderOrFile decodes the path of what is a folder or a file, and is there.
func (d *decoder) folderOrFile(v value) string {
	path := d.path(v, "source")
	if path == "" {
		return ""
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		d.add(v.problem("Folder or archive not found",
			"Neither a folder nor an archive is at %q: %s. A relative path begins at the configuration's folder.", v.text(), cause(err)))
	case !info.IsDir() && !info.Mode().IsRegular():
		d.add(v.problem("Not a folder or archive", "%q is neither a folder nor a file. Give the path of a folder or an archive.", v.text()))
	default:
		return path
	}
	return ""
}

// rule decodes a rule block.
func (d *decoder) rule(block *hclsyntax.Block, sc *scope) (Rule, bool) {
	vals, _ := d.decode(block, ruleShape, sc)
	label, ok := d.label(block, sc)
	if !ok || !d.validPattern(instance{block: block, label: label}) {
		return Rule{}, false
	}
	r := Rule{Pattern: label, Range: Range(block.DefRange())}
	r.FileMode, r.DirectoryMode = d.mode(vals["file_mode"]), d.mode(vals["directory_mode"])
	if mode := d.mode(vals["mode"]); mode != nil {
		if r.FileMode != nil || r.DirectoryMode != nil {
			d.add(vals["mode"].problem("Two modes", "\"mode\" is for files and folders, and \"file_mode\" or \"directory_mode\" says it of some. Remove one of the two."))
		}
		r.FileMode, r.DirectoryMode = mode, mode
	}
	r.UID, r.GID = d.id(vals["uid"], "uid"), d.id(vals["gid"], "gid")
	capabilities := vals["capabilities"]
	delete(vals, "capabilities")
	r.Xattrs = d.xattrs(vals)
	r.Capabilities = d.xattrs(values{"capabilities": capabilities})
	return r, true
}
