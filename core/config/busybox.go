package config

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/release"
)

// defconfig is the configuration that busybox itself proposes.
const defconfig = "defconfig"

var busyboxShape = shape{
	what: "a busybox block",
	attrs: []attribute{
		{name: "enabled", typ: cty.Bool},
		{name: "static", typ: cty.Bool},
		{name: "version", typ: cty.String, quoted: true},
		{name: "sha256", typ: cty.String, quoted: true},
		{name: "file", typ: cty.String},
		{name: "url", typ: cty.String},
		{name: "urls", typ: cty.List(cty.String)},
		{name: "config", typ: cty.String},
		{name: "set", typ: cty.DynamicPseudoType},
	},
	blocks: []nested{{"applets", ""}},
}

var appletsShape = shape{
	what: "an applets block",
	attrs: []attribute{
		{name: "only", typ: cty.List(cty.String)},
		{name: "without", typ: cty.List(cty.String)},
	},
}

var (
	validVersion = regexp.MustCompile(`^[0-9][0-9A-Za-z._+~-]{0,63}$`)
	validSHA256  = regexp.MustCompile(`^[0-9a-f]{64}$`)
	validApplet  = regexp.MustCompile(`^[A-Za-z0-9_.+\[-]+$`)
)

// busybox decodes the `busybox` block, or gives its defaults.
func (d *decoder) busybox(sc *scope, fallback hcl.Range) Busybox {
	soft := release.Busybox()
	block := d.single("busybox")
	if block == nil {
		sum, _ := soft.SHA256(soft.Default)
		return Busybox{
			Version: soft.Default, SHA256: sum, Config: defconfig,
			Ranges: map[string]fault.Range{}, Range: Range(fallback),
		}
	}
	vals, blocks := d.decode(block, busyboxShape, sc)
	b := Busybox{Config: defconfig, Ranges: make(map[string]fault.Range), Range: Range(block.DefRange())}
	for name, v := range vals {
		if v.expr != nil {
			b.Ranges[name] = Range(v.at)
		}
	}
	b.Disabled = vals["enabled"].state == given && vals["enabled"].val.False()
	b.Dynamic = vals["static"].state == given && vals["static"].val.False()
	b.Version, b.SHA256 = d.version(soft, soft.Default, vals["version"], vals["sha256"])
	b.File = d.existing(vals["file"], "file", false)
	b.URLs = d.urls(vals["url"], vals["urls"], b.Ranges)
	if v := vals["config"]; v.state == given && v.text() != defconfig {
		b.Config = d.existing(v, "config", false)
	}
	d.set(&b, vals["set"])
	d.applets(&b, blocks, sc)
	return b
}

// single returns the only block of a type, nil if there is none, and reports
// any others.
func (d *decoder) single(name string) *hclsyntax.Block {
	blocks := d.doc.blocks[name]
	if len(blocks) == 0 {
		return nil
	}
	for _, again := range blocks[1:] {
		d.add(clash(again.DefRange(), blocks[0].DefRange(), fmt.Sprintf("Duplicate %s block", name),
			"A configuration has one %s block. Merge the two.", name))
	}
	return blocks[0]
}

// version decodes the version and hash of a program: one of the two may be
// left out, the hash if it is known.
func (d *decoder) version(soft release.Software, def string, version, sum value) (number, sha256 string) {
	number = def
	if version.state == given {
		number = version.text()
	}
	if !validVersion.MatchString(number) {
		d.add(version.problem("Invalid version", "%q is no version of %s. Write one such as %q.", number, soft.Name, def))
		return number, ""
	}
	sha256 = strings.ToLower(sum.text())
	known, ok := soft.SHA256(number)
	switch {
	case sum.state == given && !validSHA256.MatchString(sha256):
		d.add(sum.problem("Invalid sha256",
			"A sha256 has 64 hexadecimal digits, and this has %d characters. Copy what sha256sum prints for the tarball.", len(sum.text())))
	case sum.state == absent && ok:
		sha256 = known
	case sum.state == absent && version.state != bad:
		d.add(version.problem("Unknown version of "+soft.Name,
			"The hash of %s %s is not known. Give it with sha256 = \"…\", or use one of the known versions: %s.",
			soft.Name, number, list(soft.Versions())))
	}
	return number, sha256
}

// urls decodes url and urls, which add to each other, and notes where their
// elements stand.
func (d *decoder) urls(one, many value, ranges map[string]fault.Range) []string {
	var all []string
	check := func(text string, v value) {
		if diag := checkURL(text, v); diag != nil {
			d.add(diag)
			return
		}
		all = append(all, text)
	}
	if one.state == given {
		check(one.text(), one)
	}
	for i, text := range many.texts() {
		ranges[fmt.Sprintf("urls.%d", i)] = Range(many.element(i).at)
		check(text, many.element(i))
	}
	return all
}

func checkURL(text string, v value) *hcl.Diagnostic {
	u, err := url.Parse(text)
	if err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http") {
		return nil
	}
	return v.problem("Invalid URL",
		"%q is no address that can be fetched. Write one that begins with https:// or http://, or name a file with file = \"…\".", text)
}

// applets decodes the `applets` block.
func (d *decoder) applets(b *Busybox, blocks []*hclsyntax.Block, sc *scope) {
	if len(blocks) == 0 {
		return
	}
	for _, again := range blocks[1:] {
		d.add(clash(again.DefRange(), blocks[0].DefRange(), "Duplicate applets block",
			"A busybox block has one applets block. Merge the two."))
	}
	vals, _ := d.decode(blocks[0], appletsShape, sc)
	b.Ranges["applets"] = Range(blocks[0].DefRange())
	only, without := vals["only"], vals["without"]
	if only.state == given && without.state == given {
		d.add(clash(without.at, only.at, "Both only and without",
			"An applets block says either which applets to build or which to leave out. Remove one of the two."))
		return
	}
	b.Only = d.appletNames(b, "only", only)
	b.Without = d.appletNames(b, "without", without)
}

func (d *decoder) appletNames(b *Busybox, name string, v value) []string {
	if v.state != given {
		return nil
	}
	key := "applets." + name
	b.Ranges[key] = Range(v.at)
	names := v.texts()
	if len(names) == 0 && name == "only" {
		d.add(v.problem("No applets", "A busybox without any applet can't be built. Name some, or remove %q.", name))
	}
	for i, applet := range names {
		at := v.element(i)
		b.Ranges[fmt.Sprintf("%s.%d", key, i)] = Range(at.at)
		if !validApplet.MatchString(applet) {
			d.add(at.problem("Invalid name of an applet", "%q can't be an applet. Write a command's name, such as \"telnetd\".", applet))
		}
		if first := slices.Index(names, applet); first < i {
			d.add(at.problem("Duplicate applet", "%q is named twice. Remove one of the two.", applet))
		}
	}
	return names
}
