package config

import (
	"net/url"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
)

// sbomFormats are the formats of SBOMs.
var sbomFormats = []string{"spdx", "cyclonedx"}

var sbomShape = shape{
	what: "an sbom block",
	attrs: []attribute{
		{name: "formats", typ: cty.List(cty.String)},
		{name: "attach", typ: cty.Bool},
		{name: "supplier", typ: cty.String},
		{name: "namespace", typ: cty.String},
	},
}

// sbom decodes the `sbom` block; nil if there is none.
func (d *decoder) sbom() *SBOM {
	block := d.single("sbom")
	if block == nil {
		return nil
	}
	const reason = "SBOMs are asked for once for all architectures, so %s has no single value here."
	vals, _ := d.decode(block, sbomShape, d.doc.scope.without("arch", strings.ReplaceAll(reason, "%s", "${arch}")).
		without("platform", strings.ReplaceAll(reason, "%s", "platform")))
	s := &SBOM{Formats: sbomFormats, Attach: true, Range: Range(block.DefRange())}
	if v := vals["formats"]; v.state == given {
		s.Formats = d.sbomFormats(v)
	}
	if v := vals["attach"]; v.state == given {
		s.Attach = v.val.True()
	}
	if v := vals["supplier"]; v.state == given {
		s.Supplier = v.text()
		if strings.TrimSpace(s.Supplier) == "" || strings.ContainsAny(s.Supplier, "\"\n") {
			d.add(v.problem("Invalid supplier", "The name of an organization is one line with no quotes in it."))
		}
	}
	if v := vals["namespace"]; v.state == given {
		s.Namespace = v.text()
		if u, err := url.Parse(s.Namespace); err != nil || !u.IsAbs() || u.Host == "" || strings.Contains(s.Namespace, "#") {
			d.add(v.problem("Invalid namespace",
				"%q is no absolute URI without a fragment. Write one such as \"https://example.com/sbom\"; nothing has to be there.", s.Namespace))
		}
	}
	return s
}

// sbomFormats returns the formats of a list, which has to name at least one.
func (d *decoder) sbomFormats(v value) []string {
	list := v.texts()
	for i, name := range list {
		if !slices.Contains(sbomFormats, name) {
			d.add(v.element(i).problem("Unknown format of SBOMs", "There is no format %q.%s", name, hint(name, "formats", sbomFormats)))
		} else if slices.Contains(list[:i], name) {
			d.add(v.element(i).problem("Duplicate format", "%q is there twice. Remove one.", name))
		}
	}
	if len(list) == 0 {
		d.add(v.problem("No format", "The list is empty. Name a format, one of %s, or remove the block.", strings.Join(sbomFormats, ", ")))
	}
	return list
}
