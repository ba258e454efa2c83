package config

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/release"
)

// sourceKind is a compiler that is built from source.
var sourceKind = fromKind{
	name:  "source",
	attrs: []attribute{{name: "target", typ: cty.String}},
	blocks: []nested{
		{name: "binutils"}, {name: "gcc"}, {name: "linux"}, {name: "musl"}, {name: "glibc"},
	},
	decode: (*decoder).fromSource,
	nested: (*decoder).parts,
}

// placeAttrs are those of every part of a compiler, and optionAttr is one of
// those that have a configure script.
var (
	placeAttrs = []attribute{
		{name: "sha256", typ: cty.String, quoted: true},
		{name: "file", typ: cty.String},
		{name: "url", typ: cty.String},
		{name: "urls", typ: cty.List(cty.String)},
		{name: "patches", typ: cty.List(cty.String)},
	}
	debianAttrs = []attribute{
		{name: "deb", typ: cty.String},
		{name: "source", typ: cty.String},
	}
	optionAttr  = attribute{name: "options", typ: cty.List(cty.String)}
	versionAttr = attribute{name: "version", typ: cty.String, quoted: true}
)

// partAttrs are the attributes of the blocks of parts, by name.
var partAttrs = map[string][]attribute{
	"binutils": slices.Concat(placeAttrs, debianAttrs, []attribute{optionAttr}),
	"gcc":      slices.Concat(placeAttrs, debianAttrs, []attribute{optionAttr}),
	"linux":    slices.Concat(placeAttrs, debianAttrs),
	"musl":     slices.Concat(placeAttrs, []attribute{versionAttr, optionAttr}),
	"glibc":    slices.Concat(placeAttrs, debianAttrs, []attribute{optionAttr}),
}

// validTriplet is a triplet for each C library. Source: gcc's config.sub,
// without the aliases: CPU-[VENDOR-]linux-LIBC.
var validTriplet = map[string]*regexp.Regexp{
	musl:  regexp.MustCompile(`^[A-Za-z0-9_]+(-[A-Za-z0-9_.]+)?-linux-musl[a-z0-9_]*$`),
	glibc: regexp.MustCompile(`^[A-Za-z0-9_]+(-[A-Za-z0-9_.]+)?-linux-gnu[a-z0-9_]*$`),
}

// fromSource decodes the attributes of a "source" block.
func (*decoder) fromSource(vals values, from *From) {
	from.Build = &Build{Target: vals["target"].text()}
}

// parts decodes the blocks of a "source" block.
func (d *decoder) parts(vals values, blocks []*hclsyntax.Block, t target, from *From) {
	b := from.Build
	into := map[string]*Part{"binutils": &b.Binutils, "gcc": &b.GCC, "linux": &b.Linux, musl: &b.Musl, glibc: &b.Glibc}
	first := map[string]*hclsyntax.Block{}
	for _, block := range blocks {
		if again := first[block.Type]; again != nil {
			d.add(clash(block.DefRange(), again.DefRange(), fmt.Sprintf("Duplicate %s block", block.Type),
				"A compiler is built with one %s. Merge the two.", block.Type))
			continue
		}
		first[block.Type] = block
		*into[block.Type] = d.part(block, t)
	}
	if first[musl] != nil && first[glibc] != nil {
		d.add(clash(first[glibc].DefRange(), first[musl].DefRange(), "Both musl and glibc",
			"A compiler is built with one C library. Remove one of the two."))
		return
	}
	d.sourceLibc(vals["target"], first, t, from)
}

// sourceLibc settles which C library a compiler is built with, and whether its
// target is one of that.
func (d *decoder) sourceLibc(triplet value, blocks map[string]*hclsyntax.Block, t target, from *From) {
	b := from.Build
	b.Libc = musl
	switch {
	case blocks[glibc] != nil:
		b.Libc = glibc
	case t.info.Musl == "":
		d.add(problem(HCLRange(from.Range), fmt.Sprintf("No musl for %s", t.info.Arch),
			"musl does not know %s. Where glibc does, write glibc {} into the block; else use a vendor's compiler, with from \"path\" or from \"archive\".", t.info.Arch))
		return
	case blocks[musl] == nil:
		soft := release.Musl()
		version := soft.DefaultFor(t.info.Musl)
		b.Musl = Part{Version: version, Debian: soft.SourcePackage, URLs: soft.URLs(version)}
		b.Musl.SHA256, _ = soft.SHA256(version)
	}
	if triplet.state == given && !validTriplet[b.Libc].MatchString(b.Target) {
		example := map[string]string{musl: "riscv64-linux-musl", glibc: "riscv64-linux-gnu"}[b.Libc]
		detail := "%q is no triplet of a compiler with %s. Write one such as %q, or leave target out for that of the architecture."
		if b.Libc == musl && validTriplet[glibc].MatchString(b.Target) {
			detail += " For a compiler with glibc, write glibc {} into the block."
		}
		d.add(triplet.problem("Invalid target", detail, b.Target, b.Libc, example))
	}
}

// part decodes the block of one part.
func (d *decoder) part(block *hclsyntax.Block, t target) Part {
	name := block.Type
	vals, _ := d.decode(block, shape{what: fmt.Sprintf("%s block", article(name)), attrs: partAttrs[name]}, t.scope)
	p := Part{
		Deb: vals["deb"].text(), Debian: vals["source"].text(), SHA256: strings.ToLower(vals["sha256"].text()),
		File: d.existing(vals["file"], "file", false), URLs: d.urls(vals["url"], vals["urls"], map[string]fault.Range{}),
		Options: vals["options"].texts(), Patches: d.patches(vals["patches"]),
	}
	for i, option := range p.Options {
		if !strings.HasPrefix(option, "-") && !strings.Contains(option, "=") {
			d.add(vals["options"].element(i).problem("Invalid option",
				"%q is no option of a configure script. Write one such as \"--with-arch=rv64gc\".", option))
		}
	}
	if name == musl {
		d.muslPart(&p, vals, t)
		return p
	}
	d.partPlaces(name, &p, vals)
	return p
}

// muslPart completes the part whose releases are known.
func (d *decoder) muslPart(p *Part, vals values, t target) {
	soft := release.Musl()
	p.Version, p.SHA256 = d.version(soft, soft.DefaultFor(t.info.Musl), vals["version"], vals["sha256"])
	p.Debian = soft.SourcePackage
	p.URLs = append(p.URLs, soft.URLs(p.Version)...)
	if first, ok := soft.Knows(p.Version, t.info.Musl); !ok {
		d.add(vals["version"].problem(fmt.Sprintf("Musl too old for %s", t.info.Arch),
			"musl %s does not know %s. Use %s or newer.", p.Version, t.info.Arch, first))
	}
}

// partPlaces checks where a part comes from.
func (d *decoder) partPlaces(name string, p *Part, vals values) {
	deb, sum := vals["deb"], vals["sha256"]
	for _, other := range []string{"file", "url", "urls", "source", "sha256"} {
		if deb.state == given && vals[other].state == given {
			d.add(clash(vals[other].at, deb.at, fmt.Sprintf("Both deb and %s", other),
				"The tarball is in a package, whose hash apt knows, or somewhere else. Remove one of the two."))
			return
		}
	}
	for _, v := range []value{deb, vals["source"]} {
		if v.state == given && !validPackage.MatchString(v.text()) {
			d.add(v.problem("Invalid name of a package", "%q is no name of a Debian package, such as \"%s-source\".", v.text(), name))
		}
	}
	if sum.state == given && !validSHA256.MatchString(p.SHA256) {
		d.add(sum.problem("Invalid sha256",
			"A sha256 has 64 hexadecimal digits, and this has %d characters. Copy what sha256sum prints for the tarball.", len(sum.text())))
	}
	for _, other := range []string{"url", "urls", "source"} {
		if vals[other].state == given && sum.state == absent {
			d.add(problem(vals[other].at, `Attribute "sha256" is missing`,
				`What is downloaded is used only if it is what you mean: write sha256 = "…", as sha256sum prints it for the tarball.`))
			return
		}
	}
	if sum.state == given && vals["file"].expr == nil && vals["url"].expr == nil && vals["urls"].expr == nil && vals["source"].expr == nil {
		d.add(sum.problem("No place of the tarball", `The hash is of a tarball whose place is not said. Write url = "…" or file = "…" as well.`))
	}
}

// patches returns the paths of patches, each of which may be a pattern.
func (d *decoder) patches(v value) []string {
	var all []string
	for i := range v.texts() {
		one := v.element(i)
		one.val, one.state = cty.StringVal(v.texts()[i]), given
		pattern := d.path(one, "patches")
		if pattern == "" {
			continue
		}
		found := []string{pattern}
		if strings.ContainsAny(one.text(), "*?[") {
			found, _ = filepath.Glob(pattern) // a malformed one matches nothing
			if len(found) == 0 {
				d.add(one.problem("No patches found", "No file matches %q. A relative path begins at the configuration's folder.", one.text()))
			}
			slices.Sort(found)
		}
		for _, path := range found {
			if diag := checkExists(one, path, false); diag != nil {
				d.add(diag)
				continue
			}
			all = append(all, path)
		}
	}
	return all
}
