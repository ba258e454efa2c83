package config

import (
	"regexp"
	"strings"

	"github.com/zclconf/go-cty/cty"
)

// debAttrs are what a "deb" block may hold.
var debAttrs = []attribute{
	{name: "packages", typ: cty.List(cty.String)},
	{name: "suite", typ: cty.String},
}

var (
	// Source: Debian Policy, 5.6.7. apt takes a minus sign at the end for
	// an order to remove.
	validPackage = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]*[a-z0-9+.]$`)
	validSuite   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9._-]+)*$`)
)

// fromDeb decodes what a "deb" block holds.
func (d *decoder) fromDeb(vals values, from *From) {
	from.Deb = &Deb{Packages: vals["packages"].texts(), Suite: vals["suite"].text()}
	packages := vals["packages"]
	if packages.state == given && len(from.Deb.Packages) == 0 {
		d.add(packages.problem("No packages",
			"The list is empty. Name packages, such as \"gcc-aarch64-linux-gnu\", or leave packages out for those of the architecture."))
	}
	for i, name := range from.Deb.Packages {
		if !validPackage.MatchString(name) {
			d.add(packages.element(i).problem("Invalid name of a package",
				"%q is no name of a Debian package: those are of a-z, 0-9, \"+\", \"-\" and \".\", begin with a letter or a digit "+
					"and don't end in \"-\". Leave versions and architectures out.", name))
		}
	}
	suite := vals["suite"]
	if suite.state != given {
		return
	}
	if !validSuite.MatchString(from.Deb.Suite) || strings.Contains(from.Deb.Suite, "..") {
		d.add(suite.problem("Invalid name of a suite",
			"%q is no name of a release. Write one such as \"bookworm\" or \"noble\", or leave suite out for the machine's own.", from.Deb.Suite))
	}
}
