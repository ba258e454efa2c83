package sbom

import (
	"bufio"
	"cmp"
	"io"
	"path"
	"slices"
	"strings"
)

// Package is a package of a distribution that is in the image.
type Package struct {
	// Kind is the type of its package URL, "deb" or "rpm"; empty for "deb".
	Kind                string `json:",omitempty"`
	Name, Version, Arch string
	// Epoch is that of an rpm's version; empty for none.
	Epoch string `json:",omitempty"`
	// Distribution is the ID of os-release: "debian"; empty for an rpm if it
	// isn't known.
	Distribution string
	// Files are the paths of its files in the image, sorted, as far as they are
	// known: "usr/bin/bash".
	Files []string `json:",omitempty"`
}

// maxDatabase is the most bytes that are read of a database of packages, and
// maxLine the most of a line.
const (
	maxDatabase = 256 << 20
	maxLine     = 1 << 20
)

// isStatus says whether a file lists packages: dpkg's own, or those that
// images without dpkg have.
// Source: dpkg(1), FILES; distroless, PACKAGE_METADATA.md.
func isStatus(name string) bool {
	return name == "var/lib/dpkg/status" || path.Dir(name) == "var/lib/dpkg/status.d" && path.Ext(name) == ""
}

// readStatus returns the installed packages of a database. What can't be
// understood is left out, as the image may hold anything.
func readStatus(r io.Reader) []Package {
	var list []Package
	var p Package
	installed := true
	end := func() {
		if p.Name != "" && p.Version != "" && installed {
			list = append(list, p)
		}
		p, installed = Package{}, true
	}
	lines := bufio.NewScanner(io.LimitReader(r, maxDatabase))
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		name, value, ok := strings.Cut(strings.ToValidUTF8(lines.Text(), "?"), ":")
		value = strings.TrimSpace(value)
		switch {
		case strings.TrimSpace(lines.Text()) == "":
			end()
		case !ok:
		case name == "Package":
			p.Name = value
		case name == "Version":
			p.Version = value
		case name == "Architecture":
			p.Arch = value
		case name == "Status":
			installed = strings.HasSuffix(value, " installed")
		}
	}
	end()
	return list
}

// readRelease returns the ID of a distribution; empty if there is none.
// Source: os-release(5).
func readRelease(r io.Reader) string {
	lines := bufio.NewScanner(io.LimitReader(r, maxLine))
	for lines.Scan() {
		if id, ok := strings.CutPrefix(lines.Text(), "ID="); ok {
			return slug(strings.Trim(id, `"'`))
		}
	}
	return ""
}

// settle sorts packages, each once, and says of which distribution they are.
func settle(list []Package, distribution string) []Package {
	for i := range list {
		list[i].Distribution = cmp.Or(distribution, "debian")
	}
	return Together(list)
}

// Together returns packages that were found in several ways, each once, sorted,
// with all that is known of them.
func Together(lists ...[]Package) []Package {
	list := slices.Concat(lists...)
	for i := range list {
		list[i].Kind = cmp.Or(list[i].Kind, debKind)
		if list[i].Kind == debKind {
			list[i].Distribution = cmp.Or(list[i].Distribution, "debian")
		}
	}
	slices.SortStableFunc(list, comparePackages)
	var each []Package
	for _, p := range list {
		n := len(each)
		if n == 0 || comparePackages(each[n-1], p) != 0 {
			each = append(each, p)
			continue
		}
		each[n-1].Files = slices.Concat(each[n-1].Files, p.Files)
	}
	for i := range each {
		slices.Sort(each[i].Files)
		each[i].Files = slices.Compact(each[i].Files)
	}
	return each
}

// debKind is the type of Debian's packages.
const debKind = "deb"

// comparePackages compares what packages are, without the distribution: a
// folder of one may be part of an image of another.
func comparePackages(a, b Package) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Arch, b.Arch),
		cmp.Compare(a.Epoch, b.Epoch), cmp.Compare(a.Version, b.Version))
}

// purl returns the package URL.
// Source: package-url/purl-spec, types-doc/deb and rpm.
func (p Package) purl() string {
	text := "pkg:" + p.Kind + "/"
	if p.Distribution != "" {
		text += escaped(strings.ToLower(p.Distribution)) + "/"
	}
	text += escaped(p.Name) + "@" + escaped(p.Version)
	separator := "?"
	for _, qualifier := range [][2]string{{"arch", p.Arch}, {"epoch", p.Epoch}} {
		if qualifier[1] != "" {
			text += separator + qualifier[0] + "=" + escaped(qualifier[1])
			separator = "&"
		}
	}
	return text
}

// packaged returns the distribution's packages.
func (f Facts) packaged() []element {
	var list []element
	for _, p := range f.Packages {
		version := p.Version
		if p.Epoch != "" {
			version = p.Epoch + ":" + version
		}
		e := element{
			id: p.Kind + "-" + strings.TrimPrefix(fileID(p.Name+" "+p.Arch+" "+version), "File-"), kind: application,
			Program: Program{Name: p.Name, Version: version}, url: p.purl(),
			comment: "A package of " + cmp.Or(p.Distribution, "a distribution") + " that the image lists as installed.",
		}
		if len(p.Files) > 0 {
			e.comment = "A package of " + cmp.Or(p.Distribution, "a distribution") + " whose files are in the image."
		}
		for _, name := range p.Files {
			if i, ok := f.file(name); ok {
				e.files = append(e.files, i)
			}
		}
		list = append(list, e)
	}
	return list
}
