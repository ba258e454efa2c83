package config

import (
	"path"
	"regexp"
	"slices"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/zclconf/go-cty/cty"
)

var programShape = shape{what: "a program block", attrs: slices.Concat([]attribute{
	{name: "path", typ: cty.String, required: true, doc: "It is the file of the program on this machine."},
	{name: "target", typ: cty.String},
	{name: "sysroot", typ: cty.String},
	{name: "libraries", typ: cty.List(cty.String)}, modeAttr, capabilityAttr}, ownerAttr, xattrAttrs)}

// binDir is where programs go without a target.
const binDir = "/usr/bin"

// program decodes what a program block holds.
func (d *decoder) program(e *Entry, vals values) {
	e.Path = path.Join(binDir, e.Path)
	if target := d.inside(vals["target"]); target != "" {
		e.Path = target
	}
	e.Source = d.existing(vals["path"], "path", false)
	e.Sysroot = d.existing(vals["sysroot"], "sysroot", true)
	for i := range vals["libraries"].texts() {
		e.Libraries = append(e.Libraries, d.existing(vals["libraries"].element(i), "libraries", true))
	}
}

// inside decodes a path in the system.
func (d *decoder) inside(v value) string {
	if v.state != given {
		return ""
	}
	if reason := badPath(v.text(), File); reason != "" {
		d.add(v.problem("Invalid path", "The path %q can't be used, as %s.", v.text(), reason))
		return ""
	}
	return v.text()
}

// The names of programs and of accounts. Source: useradd(8), which allows
// less in older releases.
var (
	validProgram = regexp.MustCompile(`^[A-Za-z0-9_.+\[-][A-Za-z0-9_.+@:\[-]{0,254}$`)
	validAccount = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,30}$`)
)

// validName checks the label of a program or an account.
func (d *decoder) validName(one instance) bool {
	block := one.block
	name, valid, remedy := one.label, validAccount, "Write up to 31 of a-z, 0-9, \"_\" and \"-\", a letter or \"_\" first."
	if Kind(block.Type) == Program {
		valid, remedy = validProgram, "Write a file name without a folder; target says where it goes."
	}
	if !valid.MatchString(name) || name == "." || name == ".." {
		d.add(problem(block.LabelRanges[0], "Invalid name", "%q can't be the name of a %s. %s", name, block.Type, remedy))
		return false
	}
	return true
}

// validPattern checks the label of a remove block.
func (d *decoder) validPattern(one instance) bool {
	block, name := one.block, one.label
	switch {
	case !path.IsAbs(name) || path.Clean(name) != name || name == "/":
		d.add(problem(block.LabelRanges[0], "Invalid pattern",
			"%q is no pattern of paths in the system: it begins with \"/\" and is in its shortest form.", name))
	case !doublestar.ValidatePattern(name):
		d.add(problem(block.LabelRanges[0], "Invalid pattern",
			"%q can't be read: \"*\" stands for anything but \"/\", \"**\" for folders as well, \"?\" for one character, [a-z] and {a,b} for one of them.", name))
	default:
		return true
	}
	return false
}
