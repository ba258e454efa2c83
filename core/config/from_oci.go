package config

import (
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/zclconf/go-cty/cty"
)

// ociKind is a compiler in a container image.
var ociKind = fromKind{
	name: "oci",
	attrs: []attribute{
		{name: "image", typ: cty.String, required: true, null: true, doc: "It is the image with the compiler."},
		binAttr,
		prefixAttr,
	},
	decode: (*decoder).fromOCI,
}

// fileEndings are of files that people mean when they forget the "./".
var fileEndings = []string{".tar", ".tar.gz", ".tgz", ".oci"}

// fromOCI decodes what an "oci" block holds. With image null the block is
// passed over.
func (d *decoder) fromOCI(vals values, from *From) {
	image := vals["image"]
	o := &OCI{Image: image.text(), Bin: d.bin(vals["bin"], "image")}
	from.OCI, from.Prefix = o, d.prefix(vals["prefix"])
	if image.state != given {
		return
	}
	starts := func(prefix string) bool { return strings.HasPrefix(o.Image, prefix) }
	if slices.ContainsFunc([]string{"/", "./", "../", "~/"}, starts) {
		o.Path, o.Image = true, d.path(image, "image")
		return
	}
	ends := func(suffix string) bool { return strings.HasSuffix(o.Image, suffix) }
	if slices.ContainsFunc(fileEndings, ends) {
		d.add(image.problem("Image looks like a file", "%q would be looked for in a registry. Write \"./%s\" for a file of that name.", o.Image, o.Image))
		return
	}
	if _, err := name.ParseReference(o.Image); err != nil {
		d.add(image.problem("Invalid image",
			"%q is no name of an image. Write one such as \"registry.example/tools/gcc:12\", or the path of an OCI layout or of an archive that docker save wrote, beginning with ./ or /.",
			o.Image))
	}
}
