package lockfile

import (
	"errors"
	"io/fs"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/fault"
)

// Load reads a lock. Without a file it returns an empty one, whose Source is
// nil. The file is never nil, and has its text as far as it could be read.
func Load(path string) (*File, hcl.Diagnostics) {
	body, source, diags, err := config.PlainFile(path, schema())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &File{Path: path}, nil
	case err != nil:
		at := fault.Range{File: path, Start: fault.Position{Line: 1, Column: 1}, End: fault.Position{Line: 1, Column: 1}}
		return &File{Path: path}, hcl.Diagnostics{config.Problem(at, "Lock not readable", "%v. Make it readable, or remove it.", err)}
	}
	return finish(path, body, source, diags)
}

// Parse is Load for text; the name is for messages.
func Parse(src []byte, name string) (*File, hcl.Diagnostics) {
	body, source, diags := config.Plain(src, name, schema())
	return finish(name, body, source, diags)
}

func finish(path string, body config.Body, source *hcl.File, diags hcl.Diagnostics) (*File, hcl.Diagnostics) {
	f := &File{Path: path, Source: source}
	if diag := newer(source); diag != nil {
		// Whatever else is odd about it may be right in a newer mkmini.
		return f, hcl.Diagnostics{diag}
	}
	if !diags.HasErrors() {
		if _, diag := body.Integer("version", 1, Version); diag != nil {
			diags = append(diags, diag)
		}
	}
	if diags.HasErrors() {
		for _, d := range diags {
			d.Detail += " This file is written by mkmini: take it from where it was right, or remove it and run `mkmini lock`."
		}
		return f, diags
	}
	f.Entries = entries("", body)
	for _, host := range body.Blocks["host"] {
		f.Entries = append(f.Entries, entries(host.Label, host)...)
	}
	slices.SortFunc(f.Entries, order)
	return f, diags
}

// newer reports a file of a later version.
func newer(source *hcl.File) *hcl.Diagnostic {
	body, ok := source.Body.(*hclsyntax.Body)
	if !ok || body.Attributes["version"] == nil {
		return nil
	}
	expr := body.Attributes["version"].Expr
	val, diags := expr.Value(nil)
	if diags.HasErrors() || val.Type() != cty.Number || val.IsNull() || !val.IsKnown() || val.LessThanOrEqualTo(cty.NumberIntVal(Version)).True() {
		return nil
	}
	return config.Problem(config.Range(expr.Range()), "Lock from a newer mkmini",
		"It has the format %s, and this mkmini knows formats up to %d. Use a newer mkmini, or remove the lock and run `mkmini lock` to write it anew.",
		val.AsBigFloat().Text('g', 10), Version)
}

func entries(host string, body config.Body) []Entry {
	var all []Entry
	for _, k := range kinds {
		if k.hosted != (host != "") {
			continue
		}
		for _, block := range body.Blocks[k.name] {
			e := Entry{
				Kind: k.name, Host: host, Name: block.Label, Range: block.Range,
				Values: map[string]string{}, Ranges: map[string]fault.Range{},
			}
			for _, f := range k.fields {
				e.Values[f], e.Ranges[f] = block.Text(f), block.At(f)
			}
			for _, f := range k.optional {
				if v := block.Text(f); v != "" {
					e.Values[f], e.Ranges[f] = v, block.At(f)
				}
			}
			for _, m := range k.maps {
				for key, v := range block.Map(m) {
					e.Values[m+"."+key], e.Ranges[m+"."+key] = v, block.KeyAt(m, key)
				}
			}
			all = append(all, e)
		}
	}
	return all
}
