package config

import (
	"path"
	"strings"

	"github.com/zclconf/go-cty/cty"
)

// binAttr is the folder with the compiler within what is unpacked.
var binAttr = attribute{name: "bin", typ: cty.String}

// archiveKind is a compiler in an archive, such as vendors ship.
var archiveKind = fromKind{
	name: "archive",
	attrs: []attribute{
		{name: "url", typ: cty.String},
		{name: "urls", typ: cty.List(cty.String)},
		{name: "file", typ: cty.String},
		{name: "sha256", typ: cty.String, quoted: true},
		{name: "strip", typ: cty.Number},
		binAttr,
		prefixAttr,
	},
	decode: (*decoder).fromArchive,
}

// maxStrip is how many leading folders may be left out.
const maxStrip = 100

// fromArchive decodes what an "archive" block holds. With url and file null
// the block is passed over.
func (d *decoder) fromArchive(vals values, from *From) {
	a := &Archive{SHA256: strings.ToLower(vals["sha256"].text())}
	from.Archive, from.Prefix = a, d.prefix(vals["prefix"])
	a.Bin = d.bin(vals["bin"], "archive")
	a.File = d.path(vals["file"], "file")
	a.URLs = d.archiveURLs(vals["url"], vals["urls"])
	strip, _, diag := vals["strip"].integer("strip", 0, maxStrip)
	d.add(diag)
	a.Strip = int(strip)
	d.archivePlaces(vals)
	if sum := vals["sha256"]; sum.state == given && !validSHA256.MatchString(a.SHA256) {
		d.add(sum.problem("Invalid sha256",
			"A sha256 has 64 hexadecimal digits, and this has %d characters. Copy what sha256sum prints for the archive.", len(sum.text())))
	}
}

// archivePlaces checks that there is one kind of place, with a hash if it is
// not on this machine.
func (d *decoder) archivePlaces(vals values) {
	file, one, many, sum := vals["file"], vals["url"], vals["urls"], vals["sha256"]
	remote := one
	if one.state == absent {
		remote = many
	}
	switch {
	case file.state == given && remote.state == given:
		d.add(clash(remote.at, file.at, "Both a file and a URL",
			"An archive is on this machine or somewhere else. Remove one of the two, or write a second from block."))
	case file.expr == nil && one.expr == nil && many.expr == nil:
		d.add(problem(file.at, `Attribute "url" or "file" is missing`,
			`A from "archive" block needs the place of the archive: write url = "…" and its sha256 = "…", or file = "…".`))
	case remote.state == given && sum.state == absent:
		d.add(problem(remote.at, `Attribute "sha256" is missing`,
			`What is downloaded is used only if it is what you mean: write sha256 = "…", as sha256sum prints it for the archive.`))
	}
}

// archiveURLs decodes url and urls, which add to each other.
func (d *decoder) archiveURLs(one, many value) []string {
	var urls []string
	check := func(text string, v value) {
		if diag := checkURL(text, v); diag != nil {
			d.add(diag)
			return
		}
		urls = append(urls, text)
	}
	if one.state == given {
		check(one.text(), one)
	}
	for i, text := range many.texts() {
		check(text, many.element(i))
	}
	return urls
}

// bin returns a folder within an archive or image, relative and clean.
func (d *decoder) bin(v value, what string) string {
	if v.state != given {
		return ""
	}
	text := v.text()
	clean := path.Clean(strings.TrimLeft(text, "/"))
	if text == "" || strings.HasPrefix(text, "/") && what == "archive" || clean == ".." || strings.HasPrefix(clean, "../") || strings.ContainsRune(text, 0) {
		d.add(v.problem("Invalid folder", "%q is no folder within the %s. Write one such as %q, or leave bin out to look in the usual ones.",
			text, what, map[string]string{"archive": "usr/bin", "image": "/usr/bin"}[what]))
		return ""
	}
	return clean
}
