package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/release"
)

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
	if digest := m.in.Owners[t.Arch]; digest != "" {
		s.Parts = append(s.Parts, Part{"the packages of the host", digest})
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
