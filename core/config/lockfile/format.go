package lockfile

import (
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"github.com/mkmini/mkmini/core/config"
)

// kind is what the file has on one kind of entries.
type kind struct {
	name, label string
	// hosted says that it stands in a host block.
	hosted bool
	// fields are attributes that an entry must have, optional those that it
	// may have, and maps those that hold any number of values.
	fields, optional, maps []string
}

// kinds are the kinds of entries in the order of the file.
var kinds = []kind{
	{name: Busybox, label: "ARCH", fields: []string{"version", "sha256"}},
	{name: Libc, label: "ARCH", fields: []string{"name", "version", "sha256"}},
	{name: Required, label: "NAME", fields: []string{"version", "source"}, optional: []string{"key"}, maps: []string{"archives", "executables"}},
	{name: Toolchain, label: "ARCH", hosted: true, fields: []string{"kind", "target", "version", "fingerprint"}, maps: []string{"pins", "facts"}},
	{name: Plugin, label: "NAME", hosted: true, fields: []string{"version", "sha256"}},
}

func kindIndex(name string) int {
	return slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })
}

// schema describes the whole file.
func schema() config.Schema {
	top := config.Schema{What: "a lock", Fields: []config.Field{{
		Name: "version", Type: cty.Number, Required: true, Doc: "It is the version of the format.",
	}}}
	host := config.Schema{What: "a host block"}
	for _, k := range kinds {
		block := config.Nested{Name: k.name, Label: k.label, Schema: config.Schema{What: "a " + k.name + " block of a lock"}}
		for _, f := range k.fields {
			block.Schema.Fields = append(block.Schema.Fields, config.Field{Name: f, Type: cty.String, Required: true})
		}
		for _, f := range k.optional {
			block.Schema.Fields = append(block.Schema.Fields, config.Field{Name: f, Type: cty.String})
		}
		for _, m := range k.maps {
			block.Schema.Fields = append(block.Schema.Fields, config.Field{Name: m, Type: cty.Map(cty.String)})
		}
		if k.hosted {
			host.Blocks = append(host.Blocks, block)
		} else {
			top.Blocks = append(top.Blocks, block)
		}
	}
	top.Blocks = append(top.Blocks, config.Nested{Name: "host", Label: "PLATFORM", Schema: host})
	return top
}

const header = `# What this configuration is built with. Written by "mkmini lock", checked by
# "mkmini build --locked". Keep it with the configuration; don't edit it.

`

// Bytes returns the file's text: the same for the same entries, whatever
// order they are in.
func (f *File) Bytes() []byte {
	out := hclwrite.NewEmptyFile()
	top := out.Body()
	top.SetAttributeValue("version", cty.NumberIntVal(Version))
	entries := slices.Clone(f.Entries)
	slices.SortStableFunc(entries, order)
	host, body := "", top
	for _, e := range entries {
		if e.Host != host {
			top.AppendNewline()
			host, body = e.Host, top.AppendNewBlock("host", []string{e.Host}).Body()
		} else {
			body.AppendNewline()
		}
		e.write(body)
	}
	text := hclwrite.Format(out.Bytes())
	return append([]byte(header), text...)
}

func (e Entry) write(body *hclwrite.Body) {
	k := kinds[kindIndex(e.Kind)]
	block := body.AppendNewBlock(e.Kind, []string{e.Name}).Body()
	for _, f := range k.fields {
		block.SetAttributeValue(f, cty.StringVal(e.Values[f]))
	}
	for _, f := range k.optional {
		if v := e.Values[f]; v != "" {
			block.SetAttributeValue(f, cty.StringVal(v))
		}
	}
	for _, m := range k.maps {
		members := map[string]cty.Value{}
		for key, v := range e.Members(m) {
			members[key] = cty.StringVal(v)
		}
		if len(members) > 0 {
			block.SetAttributeRaw(m, object(members))
		}
	}
}

// object writes all keys in quotes, so that they are aligned and no key is
// taken for a word of the language.
func object(members map[string]cty.Value) hclwrite.Tokens {
	var attrs []hclwrite.ObjectAttrTokens
	for _, key := range slices.Sorted(maps.Keys(members)) {
		attrs = append(attrs, hclwrite.ObjectAttrTokens{
			Name: hclwrite.TokensForValue(cty.StringVal(key)), Value: hclwrite.TokensForValue(members[key]),
		})
	}
	return hclwrite.TokensForObject(attrs)
}
