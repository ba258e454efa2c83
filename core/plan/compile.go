package plan

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/release"
	"github.com/mkmini/mkmini/plugins/sdk"
)

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
// and of busybox only whether it is dynamic: systems that differ in the rest
// share it.
func (m *maker) libc(i int, t config.Target) {
	source, patches := m.sourceOf(t, tarball(release.Musl(), *t.Musl))
	if t.Busybox.Dynamic {
		// It takes as long again, and nobody else needs it.
		patches = append(patches, Part{"libraries", "static and shared"})
	}
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
		if digest := m.in.Libraries[t.Arch]; digest != "" {
			parts = append(parts, Part{"the shared libraries", digest})
		}
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
