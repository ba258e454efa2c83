package settings

import (
	"maps"
	"slices"

	"aead.dev/minisign"
	"github.com/hashicorp/hcl/v2"

	"github.com/mkmini/mkmini/core/config"
)

// The values of `signature`.
const (
	optional = "optional"
	required = "required"
)

// plugins decodes a plugins block.
func plugins(body config.Body, at place) (Plugins, hcl.Diagnostics) {
	p := Plugins{Keys: body.Map("keys"), FromPath: body.Bool("from_path")}
	var diags hcl.Diagnostics
	p.Limits, diags = limits(body)
	add := func(d *hcl.Diagnostic) {
		if d != nil {
			diags = append(diags, d)
		}
	}
	if body.Given("mirror") {
		var diag *hcl.Diagnostic
		p.Mirror, diag = at.path("mirror", body.Text("mirror"), body.At("mirror"))
		add(diag)
	}
	switch text := body.Text("signature"); {
	case !body.Given("signature") || text == optional:
	case text == required:
		p.SignatureRequired = true
	default:
		add(config.Problem(body.At("signature"), "Value not allowed", "%q can't be %q. The values are %s and %s.", "signature", text, optional, required))
	}
	for _, name := range slices.Sorted(maps.Keys(p.Keys)) {
		var key minisign.PublicKey
		if err := key.UnmarshalText([]byte(p.Keys[name])); err != nil {
			add(config.Problem(body.KeyAt("keys", name), "Invalid key",
				"The key %q is no public key of minisign. Copy the second line of its .pub file, which begins with RW.", name))
		}
	}
	if p.SignatureRequired && len(p.Keys) == 0 && !body.Given("keys") {
		add(config.Problem(body.At("signature"), "No trusted keys",
			"Signatures are required and no key is trusted, so no plugin could be installed. Write keys = { NAME = \"RW…\" }."))
	}
	overrides := body.Map("overrides")
	for _, name := range slices.Sorted(maps.Keys(overrides)) {
		if p.Overrides == nil {
			p.Overrides = map[string]string{}
		}
		path, diag := at.path("overrides", overrides[name], body.KeyAt("overrides", name))
		p.Overrides[name] = path
		add(diag)
	}
	return p, diags
}
