package config

import (
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/hashicorp/go-version"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/mkmini/mkmini/core/fault"
)

// RequiredPlugin is an entry of the `required_plugins` block: a plugin that
// `mkmini init` installs.
type RequiredPlugin struct {
	Name string
	// Source is where its releases are: an https URL that ends in a slash, an
	// "oci://" reference, or the absolute path of a folder or an archive.
	Source string
	// Written is the source as it stands in the configuration, but for the
	// slash at the end of a URL: a path may be relative.
	Written string
	// Version is a constraint such as "~> 1.2"; empty for any version.
	Version string
	// Range is where the entry stands, SourceRange and VersionRange where its
	// values do.
	Range, SourceRange, VersionRange fault.Range
}

// OCIScheme begins sources that are in a registry.
const OCIScheme = "oci://"

// requiredShape is what an entry may hold.
var requiredShape = shape{
	what: "a plugin of required_plugins",
	attrs: []attribute{
		{name: "source", typ: cty.String, required: true, doc: "It is where the plugin's releases are."},
		{name: "version", typ: cty.String, quoted: true},
	},
}

// validPlugin is what a plugin may be called.
var validPlugin = regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]{0,63}$`)

// Required returns the plugins that the configuration requires, sorted by
// name. They are known once it is loaded.
func (d *Document) Required() []RequiredPlugin { return slices.Clone(d.required) }

// evaluateRequired reads the `required_plugins` blocks, which add to each
// other.
func (d *Document) evaluateRequired() hcl.Diagnostics {
	const reason = "Plugins are installed before any architecture is known: write the value without it."
	sc := d.scope.without("arch", reason).without("platform", reason)
	var diags hcl.Diagnostics
	first := map[string]hcl.Range{}
	for _, block := range d.blocks["required_plugins"] {
		for _, b := range block.Body.Blocks {
			diags = append(diags, problem(b.TypeRange, fmt.Sprintf("Unknown block %q", b.Type),
				"A required_plugins block holds NAME = { … } lines only. Write %s = { source = \"…\" } with an equals sign.", b.Type))
		}
		for _, attr := range sortedAttrs(block.Body) {
			if at, ok := first[attr.Name]; ok {
				diags = append(diags, clash(attr.NameRange, at, fmt.Sprintf("Duplicate plugin %q", attr.Name),
					"A plugin is required once. Remove one of the two."))
				continue
			}
			first[attr.Name] = attr.NameRange
			p, more := d.requiredPlugin(attr, sc)
			diags = append(diags, more...)
			if !more.HasErrors() {
				d.required = append(d.required, p)
			}
		}
	}
	slices.SortFunc(d.required, func(a, b RequiredPlugin) int { return strings.Compare(a.Name, b.Name) })
	return diags
}

// requiredPlugin decodes an entry: an object that is written out, whose
// members are decoded as the attributes of a block are.
func (d *Document) requiredPlugin(attr *hclsyntax.Attribute, sc *scope) (RequiredPlugin, hcl.Diagnostics) {
	p := RequiredPlugin{Name: attr.Name, Range: Range(attr.SrcRange)}
	if !validPlugin.MatchString(attr.Name) {
		return p, hcl.Diagnostics{problem(attr.NameRange, "Invalid name of a plugin",
			"%q can't be a plugin's name. Use up to 64 of a-z, 0-9, \"_\" and \"-\", and begin with a letter.", attr.Name)}
	}
	body, diags := memberBody(attr)
	if diags.HasErrors() {
		return p, diags
	}
	c, diags := requiredShape.check(body)
	vals, more := decodeAttrs(c, requiredShape, sc, attr.Expr.Range())
	diags = append(diags, more...)
	src, constraint := vals["source"], vals["version"]
	p.SourceRange, p.VersionRange = Range(src.at), Range(constraint.at)
	if src.state == given {
		text, diag := d.pluginSource(src)
		if diag != nil {
			diags = append(diags, diag)
		}
		p.Source, p.Written = text, text
		if filepath.IsAbs(text) {
			p.Written = src.text()
		}
	}
	if constraint.state == given {
		p.Version = strings.TrimSpace(constraint.text())
		if !ValidConstraint(p.Version) {
			diags = append(diags, constraint.problem("Invalid version constraint",
				"%q names no versions. Write one such as \"1.2.0\", \">= 1.2, < 2\" or \"~> 1.2\", which is 1.2 or newer and older than 2.", constraint.text()))
		}
	}
	return p, diags
}

// ValidConstraint says whether a text names versions: "1.2.0", "~> 1.2".
func ValidConstraint(text string) bool {
	_, err := version.NewConstraint(text)
	return err == nil
}

// memberBody returns the members of an object as attributes.
func memberBody(attr *hclsyntax.Attribute) (*hclsyntax.Body, hcl.Diagnostics) {
	at := attr.Expr.Range()
	object, ok := attr.Expr.(*hclsyntax.ObjectConsExpr)
	if !ok {
		return nil, hcl.Diagnostics{problem(at, "Plugin is not described",
			"%q needs a source in braces: write %s = { source = \"https://…/\", version = \"~> 1.0\" }.", attr.Name, attr.Name)}
	}
	body := &hclsyntax.Body{Attributes: hclsyntax.Attributes{}, SrcRange: at, EndRange: at}
	for _, item := range object.Items {
		key, diags := item.KeyExpr.Value(nil)
		if diags.HasErrors() || key.Type() != cty.String || key.IsNull() {
			return nil, hcl.Diagnostics{problem(item.KeyExpr.Range(), "Name is not constant",
				"The names within %q are %s. Write them out.", attr.Name, list(requiredShape.attrNames()))}
		}
		name := key.AsString()
		if first := body.Attributes[name]; first != nil {
			return nil, hcl.Diagnostics{clash(item.KeyExpr.Range(), first.NameRange, fmt.Sprintf("Duplicate attribute %q", name),
				"It is written twice. Remove one of the two.")}
		}
		body.Attributes[name] = &hclsyntax.Attribute{
			Name: name, Expr: item.ValueExpr, NameRange: item.KeyExpr.Range(),
			SrcRange: hcl.RangeBetween(item.KeyExpr.Range(), item.ValueExpr.Range()),
		}
	}
	return body, nil
}

// pluginSource checks a source and returns it in one form.
func (d *Document) pluginSource(v value) (string, *hcl.Diagnostic) {
	text := v.text()
	if slices.ContainsFunc([]string{"/", "./", "../", "~/"}, func(start string) bool { return strings.HasPrefix(text, start) }) || text == "." || text == ".." {
		path, err := d.resolve(text)
		if err != nil {
			return "", v.problem("Invalid path", "%q is no path: %s. Write one that is absolute or relative to the configuration.", "source", err)
		}
		return path, nil
	}
	source, err := PluginSource(text)
	if err != nil {
		return "", v.problem("Invalid source of a plugin", "%q is no place of releases: %s.", text, err)
	}
	return source, nil
}

// PluginSource returns the source of a plugin's releases in one form: a URL
// that ends in a slash, a reference to a registry, or an absolute path. A
// relative path begins with a dot, and at the working folder. The error is a
// clause that says what to write.
func PluginSource(text string) (string, error) {
	const forms = `write the URL of a folder, "https://plugins.example/board/", a repository, "oci://registry.example/board", or a path that begins with ./ or /`
	if ref, ok := strings.CutPrefix(text, OCIScheme); ok {
		if _, err := name.ParseReference(ref); err != nil {
			return "", fmt.Errorf(`what follows oci:// is no name of a repository; write one such as "oci://registry.example/board"`)
		}
		return text, nil
	}
	if strings.HasPrefix(text, "/") || strings.HasPrefix(text, "./") || strings.HasPrefix(text, "../") || text == "." || text == ".." {
		return filepath.Abs(text)
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return "", fmt.Errorf("%s", forms)
	}
	switch {
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return "", fmt.Errorf("whoever is on the way could change what comes by plain http; write https://")
	case u.Scheme != "https" && u.Scheme != "http":
		return "", fmt.Errorf("%s", forms)
	case u.RawQuery != "" || u.Fragment != "":
		return "", fmt.Errorf("names of files are put behind it; leave out what follows the path")
	}
	return strings.TrimSuffix(text, "/") + "/", nil
}

// isLoopback says whether a host is this machine.
func isLoopback(host string) bool {
	return host == "localhost" || host == "::1" || strings.HasPrefix(host, "127.")
}
