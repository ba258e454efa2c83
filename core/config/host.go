package config

import (
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// Installed is a `host` block within `rootfs`: an installed system, and what
// is taken of it.
type Installed struct {
	// Root is the absolute path of the folder that stands for its /; "/" for
	// the running system.
	Root string
	// All takes everything.
	All bool
	// Paths and Exclude are absolute patterns within the root.
	Paths, Exclude []string
	// Commands are names to look for on its PATH, or absolute paths.
	Commands []string
	// Packages are names of installed packages, Depends says that those come
	// along that they depend on.
	Packages []string
	Depends  bool
	// Data are names of [HostData] that come whether or not they are known
	// to be needed.
	Data []string
	// Ranges are where values stand: "commands.1".
	Ranges map[string]fault.Range
	// Skip are absolute paths on this machine of folders whose contents are
	// never taken with a folder above them, and Machine is what the image is
	// for. Who builds the configuration sets them.
	Skip    []string `json:"-"`
	Machine sdk.ELF  `json:"-"`
}

// HostData are the names of data that a `host` block may ask for.
func HostData() []string {
	return []string{
		"bash", "certificates", "gconv", "git", "iptables", "kerberos", "locale", "locales", "magic", "nss", "pam", "perl",
		"python", "readline", "sasl", "ssh", "terminfo", "timezones", "unwinder", "vim",
	}
}

var hostShape = shape{what: "a host block", attrs: append([]attribute{
	{name: "root", typ: cty.String}, {name: "all", typ: cty.Bool},
	{name: "paths", typ: cty.List(cty.String)}, {name: "exclude", typ: cty.List(cty.String)},
	{name: "commands", typ: cty.List(cty.String)},
	{name: "packages", typ: cty.List(cty.String)}, {name: "depends", typ: cty.Bool},
	{name: "data", typ: cty.List(cty.String)},
}, ownerAttr...)}

// The names of packages of Debian and of rpm, perhaps with an architecture,
// and those of commands.
var (
	validInstalled = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9+._-]{0,127}(:[a-z0-9-]+)?$`)
	validCommand   = regexp.MustCompile(`^[^/\x00]{1,255}$`)
)

// host decodes what a host block holds.
func (d *decoder) host(e *Entry, block *hclsyntax.Block, vals values) {
	h := &Installed{Root: "/", Depends: true, Ranges: make(map[string]fault.Range)}
	e.Installed = h
	if vals["root"].state == given {
		h.Root = d.existing(vals["root"], "root", true)
	}
	h.All = vals["all"].state == given && vals["all"].val.True()
	if v := vals["depends"]; v.state == given {
		h.Depends = v.val.True()
	}
	h.Paths, h.Exclude = d.hostPatterns(h, vals, "paths"), d.hostPatterns(h, vals, "exclude")
	h.Commands = d.hostNames(h, vals, "commands", "Invalid command", func(name string) bool {
		return validCommand.MatchString(name) || path.IsAbs(name) && path.Clean(name) == name
	})
	h.Packages = d.hostNames(h, vals, "packages", "Invalid name of a package", validInstalled.MatchString)
	h.Data = d.hostNames(h, vals, "data", "Unknown data", func(name string) bool { return slices.Contains(HostData(), name) })
	if !h.All && !anyGiven(vals, "paths", "commands", "packages", "data") {
		d.add(problem(block.DefRange(), "Nothing to take",
			"A host block says what to take of the system: paths, commands, packages, or all = true for everything."))
	}
	if v := vals["all"]; h.All {
		for _, name := range []string{"paths", "commands", "packages"} {
			if vals[name].state == given {
				d.add(clash(vals[name].at, v.at, "Both all and "+name, "With all = true everything comes anyway. Remove one of the two."))
			}
		}
	}
}

// anyGiven says whether one of some lists holds anything, be it right or wrong.
func anyGiven(vals values, names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		return vals[name].state == bad || len(vals[name].texts()) > 0
	})
}

// hostNames decodes a list of names.
func (d *decoder) hostNames(h *Installed, vals values, attr, summary string, valid func(string) bool) []string {
	v := vals[attr]
	names := v.texts()
	if v.state == given {
		h.Ranges[attr] = Range(v.at)
	}
	for i, name := range names {
		element := v.element(i)
		h.Ranges[attr+"."+strconv.Itoa(i)] = Range(element.at)
		switch {
		case valid(name):
		case attr == "data":
			d.add(element.problem(summary, "There is no data %q. Known are %s.", name, list(HostData())))
		default:
			d.add(element.problem(summary, "%q can't be used. Write a name such as %q.", name, map[string]string{"commands": "bash", "packages": "coreutils"}[attr]))
		}
	}
	return names
}

// hostPatterns decodes a list of patterns of paths in the root.
func (d *decoder) hostPatterns(h *Installed, vals values, attr string) []string {
	v := vals[attr]
	var patterns []string
	for i, pattern := range v.texts() {
		element := v.element(i)
		h.Ranges[attr+"."+strconv.Itoa(i)] = Range(element.at)
		clean := strings.TrimSuffix(pattern, "/")
		if clean == "" && pattern != "" {
			clean = "/"
		}
		switch {
		case !path.IsAbs(clean) || path.Clean(clean) != clean || strings.ContainsRune(clean, 0) || clean == "/" && attr == "exclude":
			d.add(element.problem("Invalid path",
				"%q is no path or pattern in the system: it begins with \"/\" and has no \"..\", no \".\" and no doubled \"/\".", pattern))
		case !doublestar.ValidatePattern(clean):
			d.add(element.problem("Invalid pattern",
				"%q can't be read: \"*\" stands for anything but \"/\", \"**\" for folders as well, \"?\" for one character, [a-z] and {a,b} for one of them.", pattern))
		default:
			patterns = append(patterns, clean)
		}
	}
	return patterns
}
