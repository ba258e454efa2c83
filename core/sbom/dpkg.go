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
	Name, Version, Arch string
	// Distribution is the ID of os-release: "debian".
	Distribution string
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
	slices.SortFunc(list, func(a, b Package) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Arch, b.Arch), cmp.Compare(a.Version, b.Version))
	})
	return slices.Compact(list)
}

// purl returns the package URL.
// Source: package-url/purl-spec, types-doc/deb.
func (p Package) purl() string {
	text := "pkg:deb/" + escaped(strings.ToLower(p.Distribution)) + "/" + escaped(p.Name) + "@" + escaped(p.Version)
	if p.Arch != "" {
		text += "?arch=" + escaped(p.Arch)
	}
	return text
}

// packaged returns the distribution's packages.
func (f Facts) packaged() []element {
	var list []element
	for _, p := range f.Packages {
		name := p.Name + " " + p.Arch + " " + p.Version
		list = append(list, element{
			id: "deb-" + strings.TrimPrefix(fileID(name), "File-"), kind: application,
			Program: Program{Name: p.Name, Version: p.Version}, url: p.purl(),
			comment: "A package of " + p.Distribution + " that the image lists as installed.",
		})
	}
	return list
}
