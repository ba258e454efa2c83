package config

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// Limits of what Linux and the archive formats hold.
const (
	maxPath   = 4095
	maxName   = 255
	maxID     = 1<<31 - 1
	maxMajor  = 1<<12 - 1
	maxMinor  = 1<<20 - 1
	maxTarget = 4095
)

var (
	modeAttr  = attribute{name: "mode", typ: cty.String, quoted: true}
	ownerAttr = []attribute{{name: "uid", typ: cty.Number}, {name: "gid", typ: cty.Number}}
)

var rootfsShape = shape{
	what: "a rootfs block",
	attrs: []attribute{
		{name: "preset", typ: cty.String, oneOf: []string{"minimal", "article", "container", "boot"}},
		{name: "unchecked", typ: cty.List(cty.String)},
	},
	blocks: append(entryBlocks, nested{"layer", "NAME"}),
}

// entryBlocks are the blocks that make entries.
var entryBlocks = []nested{
	{"directory", "/PATH"}, {"file", "/PATH"}, {"symlink", "/PATH"}, {"hardlink", "/PATH"},
	{"device", "/PATH"}, {"fifo", "/PATH"}, {"overlay", "/PATH"},
	{"program", "NAME"}, {"remove", "/PATTERN"}, {"user", "NAME"}, {"group", "NAME"}, {"host", ""},
}

// entryShapes are the blocks within `rootfs`.
var entryShapes = map[Kind]shape{
	Directory: {what: "a directory block", attrs: slices.Concat([]attribute{modeAttr}, ownerAttr, xattrAttrs)},
	File:      {what: "a file block", attrs: slices.Concat(contentAttrs, []attribute{modeAttr}, ownerAttr, xattrAttrs, []attribute{capabilityAttr})},
	Symlink: {what: "a symlink block", attrs: append([]attribute{
		{name: "target", typ: cty.String, required: true, doc: "It is what the link points to."}}, ownerAttr...)},
	Device: {what: "a device block", attrs: append([]attribute{
		{name: "type", typ: cty.String, required: true, oneOf: []string{"char", "block", "c", "b"}},
		{name: "major", typ: cty.Number, required: true},
		{name: "minor", typ: cty.Number, required: true}, modeAttr}, ownerAttr...)},
	Overlay: overlayShape,
	Hardlink: {what: "a hardlink block", attrs: []attribute{
		{name: "target", typ: cty.String, required: true, doc: "It is the file that gets another name."}}},
	Fifo:    {what: "a fifo block", attrs: append([]attribute{modeAttr}, ownerAttr...)},
	Program: programShape,
	Remove:  {what: "a remove block"},
	User:    userShape,
	Group:   groupShape,
	Host:    hostShape,
}

// rootfs decodes all `rootfs` blocks for an architecture.
func (d *decoder) rootfs(sc *scope, t *Target) {
	var blocks []*hclsyntax.Block
	var preset value
	l := layering{names: map[string]*hclsyntax.Block{}, of: map[*hclsyntax.Block]string{}}
	d.layers = l.of
	for _, outer := range d.doc.blocks["rootfs"] {
		vals, inner := d.decode(outer, rootfsShape, sc)
		blocks = append(blocks, d.layered(inner, sc, l)...)
		t.Unchecked = append(t.Unchecked, d.unchecked(vals["unchecked"])...)
		if v := vals["preset"]; v.state == given {
			if preset.state == given && preset.text() != v.text() {
				d.add(clash(v.at, preset.at, "Two presets", "A root file system starts with one layout. Remove one of the two."))
			}
			preset, t.Preset = v, v.text()
		}
	}
	t.Rootfs = d.entries(blocks, sc)
}

// entries decodes the blocks within `rootfs` blocks, in the order written.
func (d *decoder) entries(blocks []*hclsyntax.Block, sc *scope) []Entry {
	var entries []Entry
	var all []instance
	explicit := make(map[string]instance)
	for _, block := range blocks {
		for _, one := range d.instances(block, sc) {
			vals, inner := d.decode(one.body, entryShape(Kind(block.Type)), one.scope)
			if !d.validLabel(one) {
				continue
			}
			entry := d.entry(one, vals)
			if entry.Kind == Overlay {
				d.overlay(&entry, vals, inner, one.scope)
			}
			if claim := claimed(entry); claim != "" {
				d.claim(explicit, claim, one)
			}
			entries = append(entries, entry)
			all = append(all, one)
		}
	}
	for _, one := range all {
		d.under(explicit, one)
	}
	return entries
}

// claimed is what no second entry may make: a path, or an account's name. It
// is empty for entries that may meet others.
func claimed(e Entry) string {
	switch {
	case e.Kind == Overlay || e.Kind == Remove || e.Kind == Host:
		return ""
	case e.Account != nil:
		return string(e.Kind) + " " + e.Account.Name
	}
	return e.Path
}

// unchecked decodes paths that are to be left unchecked.
func (d *decoder) unchecked(v value) []string {
	for i, name := range v.texts() {
		if !path.IsAbs(name) || path.Clean(name) != name {
			d.add(v.element(i).problem("Invalid path", "%q is no path in the system: it begins with \"/\" and is in its shortest form.", name))
		}
	}
	return v.texts()
}

// claim reports two entries that make one thing.
func (d *decoder) claim(explicit map[string]instance, name string, one instance) {
	first, taken := explicit[name]
	if !taken {
		explicit[name] = one
		return
	}
	summary, detail := fmt.Sprintf("Duplicate path %q", name), "Two blocks put something at "+name+". Remove one of the two."
	if !path.IsAbs(name) {
		summary, detail = "Duplicate "+name, "Two blocks make the "+name+". Remove one of the two."
	}
	d.twice(first, one, summary, detail)
}

// under reports an entry below something that is no folder. Below a symlink
// there can be entries: they land where it leads.
func (d *decoder) under(explicit map[string]instance, one instance) {
	if !path.IsAbs(one.label) {
		return // an account, or a program of a usual path
	}
	for parent := path.Dir(one.label); len(parent) > 1; parent = path.Dir(parent) {
		above, there := explicit[parent]
		if !there || Kind(above.block.Type) == Directory || Kind(above.block.Type) == Symlink {
			continue
		}
		d.add(clash(one.block.DefRange(), above.block.DefRange(), fmt.Sprintf("Path %q is below a %s", one.label, above.block.Type),
			"Another block makes %s a %s, so nothing can be below it. Use the path that is meant, or make it a directory.", parent, above.block.Type))
		return
	}
}

// validLabel checks the label of an entry: a path, a name or a pattern.
func (d *decoder) validLabel(one instance) bool {
	switch Kind(one.block.Type) {
	case Host:
		return true
	case Program, User, Group:
		return d.validName(one)
	case Remove:
		return d.validPattern(one)
	}
	reason := badPath(one.label, Kind(one.block.Type))
	if reason != "" {
		d.add(problem(one.block.LabelRanges[0], "Invalid path", "The path %q can't be used, as %s.", one.label, reason))
	}
	return reason == ""
}

// badPath says what is wrong with a path in the system; it is empty if
// nothing is.
func badPath(name string, kind Kind) (reason string) {
	switch {
	case !strings.HasPrefix(name, "/"):
		reason = fmt.Sprintf("it must begin with \"/\": write %q", path.Join("/", name))
	case strings.ContainsRune(name, 0):
		reason = "it holds a NUL character"
	case slices.Contains(strings.Split(name, "/"), ".."):
		reason = fmt.Sprintf("it holds \"..\": write %q", path.Clean(name))
	case path.Clean(name) != name:
		reason = fmt.Sprintf("it is not in its shortest form: write %q", path.Clean(name))
	case name == "/" && kind != Overlay && kind != Directory:
		reason = "\"/\" is the root folder itself: write the path of something in it"
	case len(name) > maxPath:
		reason = fmt.Sprintf("it is longer than %d bytes", maxPath)
	case slices.ContainsFunc(strings.Split(name, "/"), func(s string) bool { return len(s) > maxName }):
		reason = fmt.Sprintf("a name in it is longer than %d bytes", maxName)
	}
	return reason
}

// entry decodes the attributes of an entry.
func (d *decoder) entry(one instance, vals values) Entry {
	e := Entry{Kind: Kind(one.block.Type), Path: one.label, Layer: d.layers[one.block], Range: Range(one.block.DefRange())}
	e.Mode = d.mode(vals["mode"])
	e.UID, e.GID = d.id(vals["uid"], "uid"), d.id(vals["gid"], "gid")
	e.Xattrs = d.xattrs(vals)
	switch e.Kind {
	case File:
		d.content(&e, one.block, vals, one.scope)
	case Symlink:
		e.Target = vals["target"].text()
		if v := vals["target"]; v.state == given && !validTarget(e.Target) {
			d.add(v.problem("Invalid target", "A symlink can't point to %q. Write a path of 1 to %d bytes without a NUL character.", e.Target, maxTarget))
		}
	case Device:
		e.Char = strings.HasPrefix(vals["type"].text(), "c")
		e.Major, e.Minor = d.number(vals["major"], "major", maxMajor), d.number(vals["minor"], "minor", maxMinor)
	case Hardlink:
		e.Target = d.inside(vals["target"])
	case Program:
		d.program(&e, vals)
	case User, Group:
		d.account(&e, vals)
	case Host:
		d.host(&e, one.block, vals)
	}
	return e
}

func validTarget(target string) bool {
	return target != "" && len(target) <= maxTarget && !strings.ContainsRune(target, 0)
}

// validMode is chmod's octal notation.
var validMode = regexp.MustCompile(`^0?[0-7]{3,4}$`)

// mode decodes permission bits.
func (d *decoder) mode(v value) *uint32 {
	if v.state != given {
		return nil
	}
	bits, err := strconv.ParseUint(v.text(), 8, 32)
	if err != nil || !validMode.MatchString(v.text()) {
		d.add(v.problem("Invalid mode",
			"%q is no mode. Write 3 or 4 octal digits in quotes as for chmod, such as \"0755\", or \"1777\" for a folder like /tmp.", v.text()))
		return nil
	}
	mode := uint32(bits)
	return &mode
}

// id decodes the number of a user or group.
func (d *decoder) id(v value, name string) *int {
	n, ok, diag := v.integer(name, 0, maxID)
	d.add(diag)
	if !ok {
		return nil
	}
	id := int(n)
	return &id
}

func (d *decoder) number(v value, name string, most int64) uint32 {
	n, _, diag := v.integer(name, 0, most)
	d.add(diag)
	return uint32(n)
}
