package scaffold

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// field is a field of the literal of an architecture, in Go.
type field struct{ Name, Value string }

// fields returns the fields of a toolchain's literal: those of the model,
// with the names of the new architecture. gcc.New adds the attributes.
func fields(o Options) []field {
	if o.Kind != sdk.KindToolchain {
		return nil
	}
	m := o.Model
	if m.Arch != o.Name {
		m.Description = o.Name + " machines"
		m.Triplets = append([]string{o.Name + "-linux-gnu"}, m.Triplets...)
		m.Arch = o.Name
	}
	all := []field{
		{"Arch", quote(m.Arch)},
		{"Description", quote(m.Description)},
		{"Triplets", texts(m.Triplets)},
		{"HostMachines", texts(m.HostMachines)},
		{"ELF", elf(m.ELF)},
		{"Platform", platform(m.Platform)},
		{"KernelArch", quote(m.KernelArch)},
		{"Packages", texts(m.Packages)},
		{"DebianArch", quote(m.DebianArch)},
		{"Places", texts(m.Places)},
		{"Emulators", texts(m.Emulators)},
		{"Lookalikes", pairs(m.Lookalikes)},
		{"CPUFlag", quote(m.CPUFlag)},
		{"CFlags", texts(m.CFlags)},
		{"LDFlags", texts(m.LDFlags)},
		{"Settings", pairs(m.Settings)},
		{"Musl", quote(m.Musl)},
		{"Boot", boot(m.Boot)},
	}
	return slices.DeleteFunc(all, func(f field) bool { return f.Value == "" })
}

// quote returns a text in Go, or nothing for an empty one.
func quote(text string) string {
	if text == "" {
		return ""
	}
	return strconv.Quote(text)
}

func texts(list []string) string {
	if len(list) == 0 {
		return ""
	}
	quoted := make([]string, len(list))
	for i, text := range list {
		quoted[i] = strconv.Quote(text)
	}
	return "[]string{" + strings.Join(quoted, ", ") + "}"
}

func pairs(m map[string]string) string {
	if len(m) == 0 {
		return ""
	}
	var list []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		list = append(list, strconv.Quote(k)+": "+strconv.Quote(m[k]))
	}
	return "map[string]string{" + strings.Join(list, ", ") + "}"
}

func elf(e sdk.ELF) string {
	parts := []string{fmt.Sprintf("Bits: %d", e.Bits)}
	if e.BigEndian {
		parts = append(parts, "BigEndian: true")
	}
	machines := make([]string, len(e.Machines))
	for i, machine := range e.Machines {
		machines[i] = strconv.Itoa(int(machine))
	}
	parts = append(parts, "Machines: []uint16{"+strings.Join(machines, ", ")+"}")
	if e.FlagsMask != 0 {
		parts = append(parts, fmt.Sprintf("FlagsMask: %#x, Flags: %#x", e.FlagsMask, e.Flags))
	}
	return "sdk.ELF{" + strings.Join(parts, ", ") + "}"
}

func platform(p sdk.Platform) string {
	variant := ""
	if p.Variant != "" {
		variant = ", Variant: " + strconv.Quote(p.Variant)
	}
	return fmt.Sprintf("sdk.Platform{OS: %q, Architecture: %q%s}", p.OS, p.Architecture, variant)
}

func boot(b *sdk.Boot) string {
	if b == nil {
		return ""
	}
	parts := []string{"System: " + strconv.Quote(b.System)}
	if len(b.Args) > 0 {
		parts = append(parts, "Args: "+texts(b.Args))
	}
	parts = append(parts, "Console: "+strconv.Quote(b.Console))
	if b.MemoryMiB != 0 {
		parts = append(parts, fmt.Sprintf("MemoryMiB: %d", b.MemoryMiB))
	}
	if b.NoInitrd {
		parts = append(parts, "NoInitrd: true")
	}
	return "&sdk.Boot{" + strings.Join(parts, ", ") + "}"
}
