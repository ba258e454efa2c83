// Package plan turns a configuration and what the plugins describe into
// ordered steps, each with a key made from all that has a say in its result.
// It reads and runs nothing.
package plan

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/fault"
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
	// Origins say where a probed compiler came from, by architecture.
	Origins map[string]string
	// Runners say what runs the executables of an architecture, if anything.
	Runners map[string]string
	// Configs holds the digests of busybox configuration files, by path.
	Configs map[string]string
	// Entries holds the digests of the rootfs entries, by architecture.
	Entries map[string][]Part
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

// source adds the source of a program, for the first target that wants it:
// the others share it.
func (m *maker) source(i int, t Tarball) {
	m.add(Step{
		ID: t.id(), Kind: Source, Source: &t, Target: i, Export: -1,
		Parts: []Part{{"sha256", t.SHA256}, {"unpacked by", sourceFormat}},
	})
}

// patch adds the patched copy of a source, for a toolchain that has patches.
func (m *maker) patch(i int, t config.Target, source Tarball) {
	plugin := m.in.Plugins[t.Toolchain.Plugin]
	if !plugin.Can(sdk.AbilityPatches) {
		return
	}
	m.add(Step{
		ID: patchID(t, source), Kind: Patch, Arch: t.Arch, Source: &source, Target: i, Export: -1,
		Needs: []string{source.id()},
		Parts: []Part{
			{"the plugin " + t.Toolchain.Plugin, plugin.Digest},
			{"the source", source.SHA256},
			{"the program", source.Name},
			{"version", source.Version},
			{"the toolchain's attributes", string(t.Toolchain.Attributes)},
			{"mkmini", m.in.Mkmini},
		},
	})
}

func patchID(t config.Target, source Tarball) string {
	return fmt.Sprintf("%s/%s/%s", Patch, source.Name, t.Arch)
}

// sourceOf returns the step with the source that a target builds: patched, if
// its toolchain has patches. A part of the key says which patches.
func (m *maker) sourceOf(t config.Target, source Tarball) (id string, parts []Part) {
	id = patchID(t, source)
	if key, ok := m.keys[id]; ok {
		return id, []Part{{"the patched source", key}}
	}
	return source.id(), nil
}

// libc adds the C library that a toolchain asks for. It has no time in it,
// and nothing of busybox: systems that differ in these share it.
func (m *maker) libc(i int, t config.Target) {
	source, patches := m.sourceOf(t, tarball(release.Musl(), *t.Musl))
	m.add(Step{
		ID: targetID(Libc, t), Kind: Libc, Arch: t.Arch, Target: i, Export: -1,
		Needs: []string{source, targetID(Toolchain, t)},
		Parts: append([]Part{
			{"the plugin " + t.Toolchain.Plugin, m.in.Plugins[t.Toolchain.Plugin].Digest},
			{"the compiler", m.in.Compilers[t.Arch]},
			{"the source", t.Musl.SHA256},
			{"version", t.Musl.Version},
			{"the toolchain's attributes", string(t.Toolchain.Attributes)},
		}, patches...),
	})
}

// toolchain adds the probe of a compiler: what decides which one is found, and
// who probes it.
func (m *maker) toolchain(i int, t config.Target) {
	m.add(Step{
		ID: targetID(Toolchain, t), Kind: Toolchain, Arch: t.Arch, Target: i, Export: -1,
		Parts: []Part{
			{"the compiler", m.in.Compilers[t.Arch]},
			{"the plugin " + t.Toolchain.Plugin, m.in.Plugins[t.Toolchain.Plugin].Digest},
			{"the toolchain's attributes", string(t.Toolchain.Attributes)},
			{"where the compiler comes from", places(t.Toolchain.From)},
		},
	})
}

// places describes `from` blocks, wherever they stand.
func places(from []config.From) string {
	from = slices.Clone(from)
	for i := range from {
		from[i].Range = fault.Range{}
	}
	text, err := json.Marshal(from)
	if err != nil {
		return err.Error() // plain data has none
	}
	return string(text)
}

func (m *maker) busybox(i int, t config.Target) {
	b := t.Busybox
	parts := []Part{
		{"the plugin " + t.Toolchain.Plugin, m.in.Plugins[t.Toolchain.Plugin].Digest},
		{"the compiler", m.in.Compilers[t.Arch]},
		{"the source", b.SHA256},
		{"version", b.Version},
		{"config", b.Config},
		{"SOURCE_DATE_EPOCH", epoch(m.in.Epoch)},
		{"the toolchain's attributes", string(t.Toolchain.Attributes)},
	}
	if digest, ok := m.in.Configs[b.Config]; ok {
		// Where the folder is has no say.
		name, err := filepath.Rel(m.in.Config.Dir, b.Config)
		if err != nil {
			name = b.Config
		}
		parts[4] = Part{"the file " + name, digest}
	}
	if b.Dynamic {
		parts = append(parts, Part{"linking", "dynamic"})
	}
	source, patches := m.sourceOf(t, busyboxTarball(b))
	parts = append(parts, patches...)
	needs := []string{source, targetID(Toolchain, t)}
	if t.Musl != nil {
		// Its key stands for the compiler together with it: a second
		// fingerprint would say no more.
		libc := targetID(Libc, t)
		needs = append(needs, libc)
		parts = append(parts, Part{"the C library", m.keys[libc]})
	}
	parts = append(parts, mapParts("set ", b.Set)...)
	parts = append(parts, listParts("applets only ", b.Only)...)
	parts = append(parts, listParts("applets without ", b.Without)...)
	m.add(Step{
		ID: targetID(Busybox, t), Kind: Busybox, Arch: t.Arch, Target: i, Export: -1,
		Needs: needs,
		Parts: parts,
	})
}

func (m *maker) rootfs(i int, t config.Target) {
	need := targetID(Busybox, t)
	parts := []Part{
		{"busybox", m.keys[need]},
		{"mkmini", m.in.Mkmini},
		{"SOURCE_DATE_EPOCH", epoch(m.in.Epoch)},
	}
	needs := []string{need}
	if t.Busybox.Disabled {
		needs, parts[0].Value = nil, "none"
	}
	m.add(Step{
		ID: targetID(Rootfs, t), Kind: Rootfs, Arch: t.Arch, Target: i, Export: -1,
		Needs: needs, Parts: append(parts, m.in.Entries[t.Arch]...),
	})
}

func (m *maker) check(i int, t config.Target) {
	need := targetID(Rootfs, t)
	needs := []string{need, targetID(Toolchain, t)}
	if t.Busybox.Disabled {
		needs = needs[:1]
	}
	m.add(Step{
		ID: targetID(Check, t), Kind: Check, Arch: t.Arch, Target: i, Export: -1,
		Needs: needs,
		Parts: []Part{
			{"the root file system", m.keys[need]}, {"mkmini", m.in.Mkmini}, {"what runs it", m.in.Runners[t.Arch]},
		},
	})
}

// sbom adds the documents about what is in an image.
func (m *maker) sbom(i int, t config.Target) {
	asked := m.in.Config.SBOM
	if asked == nil {
		return
	}
	source, patches := m.sourceOf(t, busyboxTarball(t.Busybox))
	s := Step{
		ID: targetID(SBOM, t), Kind: SBOM, Arch: t.Arch, Target: i, Export: -1,
		Needs: []string{targetID(Rootfs, t), targetID(Busybox, t), targetID(Toolchain, t), source},
		Parts: []Part{
			{"the root file system", m.keys[targetID(Rootfs, t)]},
			{"the compiler", m.in.Compilers[t.Arch]},
			{"busybox", m.keys[targetID(Busybox, t)]},
			{"where the compiler comes from", m.in.Origins[t.Arch]},
			{"where busybox comes from", strings.Join(busyboxTarball(t.Busybox).URLs, " ")},
			{"name", m.in.Config.Name},
			{"its attributes", fmt.Sprintf("%q %q %q", asked.Formats, asked.Supplier, asked.Namespace)},
			{"mkmini", m.in.Mkmini},
			{"SOURCE_DATE_EPOCH", epoch(m.in.Epoch)},
		},
	}
	if t.Busybox.Disabled {
		s.Needs, s.Parts = s.Needs[:1], slices.Delete(s.Parts, 1, 5) // neither busybox nor a compiler
	}
	s.Parts = append(s.Parts, patches...)
	if t.Musl != nil {
		source, patches := m.sourceOf(t, tarball(release.Musl(), *t.Musl))
		s.Needs = append(s.Needs, targetID(Libc, t), source)
		s.Parts = append(s.Parts, Part{"where musl comes from", strings.Join(tarball(release.Musl(), *t.Musl).URLs, " ")})
		for _, p := range patches {
			s.Parts = append(s.Parts, Part{"musl: " + p.Name, p.Value})
		}
	}
	m.add(s)
}

// export adds one step for a multi-architecture exporter, else one for each
// architecture.
func (m *maker) export(i int, e config.Export) {
	plugin := m.in.Plugins[e.Plugin]
	common := []Part{
		{"the plugin " + e.Plugin, plugin.Digest},
		{"name", m.in.Config.Name},
		{"SOURCE_DATE_EPOCH", epoch(m.in.Epoch)},
	}
	step := func(arch string, target int, targets []config.Target) {
		s := Step{
			ID: fmt.Sprintf("%s/%d-%s", Export, i+1, e.Plugin), Kind: Export, Arch: arch, Target: target, Export: i,
			Parts: append(common[:len(common):len(common)], Part{"its attributes", string(e.Attributes[arch])}),
		}
		if arch != "" {
			s.ID += "/" + arch
		}
		if i < len(m.in.Tools) {
			s.Parts = append(s.Parts, m.in.Tools[i][arch]...)
		}
		for _, t := range targets {
			need := targetID(Rootfs, t)
			s.Needs = append(s.Needs, need)
			s.Parts = append(s.Parts, Part{"the root file system for " + t.Arch, m.keys[need]})
			if asked := m.in.Config.SBOM; asked != nil && asked.Attach && plugin.Exporter != nil && plugin.Exporter.Attachments {
				need := targetID(SBOM, t)
				s.Needs = append(s.Needs, need)
				s.Parts = append(s.Parts, Part{"the SBOM for " + t.Arch, m.keys[need]})
			}
		}
		m.add(s)
	}
	if plugin.Exporter != nil && plugin.Exporter.MultiArch {
		step("", -1, m.in.Config.Targets)
		return
	}
	for j, t := range m.in.Config.Targets {
		step(t.Arch, j, []config.Target{t})
	}
}
