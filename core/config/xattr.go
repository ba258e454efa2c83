package config

import (
	"encoding/base64"
	"errors"
	"maps"
	"slices"

	"github.com/zclconf/go-cty/cty"

	"github.com/mkmini/mkmini/core/capability"
	"github.com/mkmini/mkmini/core/xattr"
)

var (
	// xattrAttrs are what files and folders have.
	xattrAttrs = []attribute{{name: "xattrs", typ: cty.Map(cty.String)}, {name: "xattrs_base64", typ: cty.Map(cty.String)}}
	// capabilityAttr is what files have that may be executed.
	capabilityAttr = attribute{name: "capabilities", typ: cty.String}
)

// xattrs decodes extended attributes, and file capabilities, which are one.
func (d *decoder) xattrs(vals values) map[string]string {
	found := make(map[string]string)
	for _, attr := range []string{"xattrs", "xattrs_base64"} {
		v := vals[attr]
		if v.state != given {
			continue
		}
		texts := v.val.AsValueMap()
		for _, name := range slices.Sorted(maps.Keys(texts)) {
			at := v
			at.at = v.keyRange(name)
			d.xattr(found, at, name, texts[name].AsString(), attr == "xattrs_base64")
		}
	}
	d.capabilities(found, vals["capabilities"])
	if len(found) == 0 {
		return nil
	}
	return found
}

// xattr adds one attribute.
func (d *decoder) xattr(found map[string]string, at value, name, text string, encoded bool) {
	if encoded {
		decoded, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			d.add(at.problem("Invalid base64", "The value of %q is not base64 text; in xattrs stands text as it is.", name))
			return
		}
		text = string(decoded)
	}
	if err := xattr.Check(name, text); err != nil {
		d.add(at.problem("Invalid extended attribute", "%s.", capital(err.Error())))
		return
	}
	if _, twice := found[name]; twice {
		d.add(at.problem("Duplicate extended attribute", "%q is in xattrs and in xattrs_base64. Remove one of the two.", name))
		return
	}
	found[name] = text
}

// capabilities adds file capabilities.
func (d *decoder) capabilities(found map[string]string, v value) {
	if v.state != given {
		return
	}
	if _, twice := found[capability.Attribute]; twice {
		d.add(v.problem("Duplicate extended attribute", "capabilities is the extended attribute %q, which is written as well. Remove one of the two.", capability.Attribute))
		return
	}
	set, err := capability.Parse(v.text())
	if err != nil {
		hints := ""
		if unknown, ok := errors.AsType[*capability.UnknownError](err); ok {
			hints = nearestOnly(unknown.Name, capability.Names())
		}
		d.add(v.problem("Invalid capabilities", "%q can't be used: %s.%s", v.text(), err, hints))
		return
	}
	found[capability.Attribute] = string(set.Encode())
}
