// Package plan turns a configuration and what the plugins describe into
// ordered steps, each with a key made from all that has a say in its result.
// It reads and runs nothing.
package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/release"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// Kind is the kind of a step.
type Kind string

// The kinds of steps, in the way of the data.
const (
	Source    Kind = "source"
	Patch     Kind = "patch"
	Toolchain Kind = "toolchain"
	Libc      Kind = "libc"
	Busybox   Kind = "busybox"
	Rootfs    Kind = "rootfs"
	Check     Kind = "check"
	Export    Kind = "export"
	SBOM      Kind = "sbom"
)

// Step is one piece of work whose result is kept.
type Step struct {
	// ID names the step within its plan: "busybox/aarch64".
	ID   string
	Kind Kind
	// Arch is the architecture, empty if the step serves several.
	Arch string
	// Target is an index into Config.Targets, and Export one into
	// Config.Exports; -1 where there is none.
	Target, Export int
	// Source is set for steps of that kind, and for patches of one.
	Source *Tarball
	// Needs are the IDs of the steps whose results it reads.
	Needs []string
	// Parts are what the key is made from.
	Parts []Part
	// Key names the result. It is empty as long as a part isn't known: a
	// compiler has to be probed before a key can be made from it.
	Key string
}

// Title names the step for people: "export docker", or "export rootfs (2)"
// for the second export by that plugin.
func (s Step) Title(c *config.Config) string {
	if s.Source != nil && s.Source.Name != release.Busybox().Name {
		return string(s.Kind) + " " + s.Source.Name
	}
	if s.Kind != Export {
		return string(s.Kind)
	}
	plugin, nth := c.Exports[s.Export].Plugin, 1
	for _, e := range c.Exports[:s.Export] {
		if e.Plugin == plugin {
			nth++
		}
	}
	if nth == 1 {
		return "export " + plugin
	}
	return fmt.Sprintf("export %s (%d)", plugin, nth)
}

// Hash returns the part of Key that is a hash, in hexadecimal digits.
func (s Step) Hash() string { return s.Key[strings.LastIndexByte(s.Key, '-')+1:] }

// Part is one named thing that has a say in a step's result.
type Part struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Input is all that a plan depends on.
type Input struct {
	Config *config.Config
	// Mkmini is the digest of mkmini itself, which does some steps.
	Mkmini string
	// Plugins holds what is known of each plugin, by name.
	Plugins map[string]Plugin
	// Compilers holds the fingerprints of probed compilers, by architecture.
	Compilers map[string]string
	// Libraries holds the fingerprints of what dynamic programs are linked
	// with and load, by architecture; empty where a compiler has none.
	Libraries map[string]string
	// Origins say where a probed compiler came from, by architecture.
	Origins map[string]string
	// Runners say what runs the executables of an architecture, if anything.
	Runners map[string]string
	// Configs holds the digests of busybox configuration files, by path.
	Configs map[string]string
	// Entries holds the digests of the rootfs entries, by architecture.
	Entries map[string][]Part
	// Owners holds digests of what packages the files of host blocks are of, by
	// architecture, for documents about them.
	Owners map[string]string
	// Tools are the machine's programs that exports run: by the export's
	// number, and by architecture, as its attributes are.
	Tools []map[string][]Part
	// Epoch is the time that goes into whatever carries one.
	Epoch time.Time
}

// Plugin is what a plan needs to know of a plugin.
type Plugin struct {
	// Digest is the "sha256:…" of its executable.
	Digest   string
	Exporter *sdk.ExporterInfo
	// Abilities are the names of what it can do beside.
	Abilities []string
}

// Can says whether a plugin has an ability.
func (p Plugin) Can(ability string) bool { return slices.Contains(p.Abilities, ability) }

// Plan is the steps of a configuration, each after those it needs.
type Plan struct {
	Steps []Step
}

// Step returns the step with that ID.
func (p Plan) Step(id string) (Step, bool) {
	for _, s := range p.Steps {
		if s.ID == id {
			return s, true
		}
	}
	return Step{}, false
}

// Make returns the plan for in.
func Make(in Input) Plan {
	m := maker{in: in, keys: map[string]string{}}
	for i, t := range in.Config.Targets {
		if t.Busybox.Disabled {
			m.rootfs(i, t)
			m.check(i, t)
			m.sbom(i, t)
			continue
		}
		m.source(i, busyboxTarball(t.Busybox))
		m.patch(i, t, busyboxTarball(t.Busybox))
		m.toolchain(i, t)
		if t.Musl != nil {
			m.source(i, tarball(release.Musl(), *t.Musl))
			m.patch(i, t, tarball(release.Musl(), *t.Musl))
			m.libc(i, t)
		}
		m.busybox(i, t)
		m.rootfs(i, t)
		m.check(i, t)
		m.sbom(i, t)
	}
	for i, e := range in.Config.Exports {
		m.export(i, e)
	}
	return Plan{Steps: m.steps}
}

// maker collects steps.
type maker struct {
	in    Input
	steps []Step
	keys  map[string]string // by ID
}

// add appends a step with its key, unless one with that ID is there.
func (m *maker) add(s Step) {
	if _, ok := m.keys[s.ID]; ok {
		return
	}
	s.Key = key(s)
	m.keys[s.ID] = s.Key
	m.steps = append(m.steps, s)
}

func targetID(k Kind, t config.Target) string { return string(k) + "/" + t.Arch }
