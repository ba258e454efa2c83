// Package page writes the reference page of a plugin from what it says
// of itself.
package page

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// Write writes the page of a plugin in Markdown.
func Write(w io.Writer, m sdk.Manifest) error {
	p := &writer{}
	p.line("# Plugin `%s`", m.Name)
	p.line("")
	p.line("Version %s.", m.Version)
	if t := m.Toolchain; t != nil {
		p.toolchain(m, t)
	}
	if e := m.Exporter; e != nil {
		p.exporter(m, e)
	}
	_, err := w.Write(p.Bytes())
	return err
}

// writer holds a page in the making.
type writer struct{ bytes.Buffer }

func (p *writer) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// heading begins the part about one kind of block.
func (p *writer) heading(block, name, description string) {
	p.line("")
	p.line("## `%s %q`", block, name)
	if description != "" {
		p.line("")
		p.line("%s", sentence(description))
	}
}

func (p *writer) toolchain(m sdk.Manifest, t *sdk.ToolchainInfo) {
	p.heading("toolchain", m.Name, t.Description)
	p.attributes(t.Attributes)
	p.line("")
	p.line("The attribute `libc` and the `from` blocks are those of every toolchain.")
	p.line("")
	p.line("| architecture | |")
	p.line("|---|---|")
	p.row("name", t.Arch)
	p.row("compilers", t.Triplets...)
	p.row("machines whose own compiler serves", t.HostMachines...)
	p.row("executables", header(t.ELF))
	p.row("platform of images", t.Platform.String())
	p.row("packages of Debian", t.Packages...)
	p.row("folders of vendors", t.Places...)
	p.row("emulators", t.Emulators...)
	p.row("compiler options", t.CFlags...)
	p.row("linker options", t.LDFlags...)
	p.row("busybox", settings(t.Settings)...)
	p.row("C libraries", libraries(t)...)
	if b := t.Boot; b != nil {
		p.row("boots in", strings.Join(append([]string{b.System}, b.Args...), " "))
	}
	for _, ability := range m.Abilities {
		if text, ok := abilities[ability]; ok {
			p.line("")
			p.line("%s", text)
		}
	}
}

// abilities says what a toolchain does beside.
var abilities = map[string]string{
	sdk.AbilityBoot:     "How QEMU starts a system depends on the attributes.",
	sdk.AbilityEmulator: "It finds an emulator of its own.",
	sdk.AbilityPatches:  "It patches the sources that it builds.",
	sdk.AbilityValidate: "It checks its attributes before a build.",
}

func (p *writer) exporter(m sdk.Manifest, e *sdk.ExporterInfo) {
	p.heading("export", m.Name, e.Description)
	p.line("")
	if e.MultiArch {
		p.line("It is called once for all architectures: `arch` is not in scope.")
	} else {
		p.line("It is called once for each architecture: `arch` is in scope.")
	}
	p.attributes(e.Attributes)
	for _, t := range e.Tools {
		p.line("")
		p.line("%s", tool(t))
	}
}

// tool says which programs an exporter runs, and when.
func tool(t sdk.Tool) string {
	var programs []string
	for _, program := range t.Programs {
		text := "`" + cell(program.Name) + "`"
		if program.Package != "" {
			text += " (Debian package `" + cell(program.Package) + "`)"
		}
		programs = append(programs, text)
	}
	text := "It runs " + strings.Join(programs, " or ")
	if t.Attribute != "" {
		text += " if `" + cell(t.Attribute) + "` is `" + cell(strings.Join(t.Values, "`, `")) + "`"
	}
	return text + "."
}

// row adds a row about an architecture, unless there is nothing to say.
func (p *writer) row(name string, values ...string) {
	values = slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == "" })
	if len(values) == 0 {
		return
	}
	for i, v := range values {
		values[i] = "`" + cell(v) + "`"
	}
	p.line("| %s | %s |", name, strings.Join(values, ", "))
}

func (p *writer) attributes(list []sdk.Attribute) {
	p.line("")
	if len(list) == 0 {
		p.line("It has no attributes.")
		return
	}
	p.line("| attribute | type | default | meaning |")
	p.line("|---|---|---|---|")
	for _, a := range list {
		p.line("| `%s` | %s | %s | %s |", a.Name, Type(a.Type), cell(Default(a)), cell(meaning(a)))
	}
}

// Type returns an attribute's type in words: "list of strings".
func Type(typ string) string {
	if outer, inner, ok := strings.Cut(strings.TrimSuffix(typ, ")"), "("); ok {
		return outer + " of " + plural(Type(inner))
	}
	return typ
}

func plural(words string) string {
	first, rest, ok := strings.Cut(words, " ")
	if first != "any" {
		first += "s"
	}
	if !ok {
		return first
	}
	return first + " " + rest
}

// Default returns what an attribute is if it isn't written, in Markdown.
func Default(a sdk.Attribute) string {
	switch {
	case a.Required:
		return "must be written"
	case a.Default == nil:
		return "none"
	}
	var compact bytes.Buffer
	if json.Compact(&compact, a.Default) != nil {
		return "none"
	}
	return "`" + compact.String() + "`"
}

// meaning returns what an attribute is for, with the values it may have.
func meaning(a sdk.Attribute) string {
	text := sentence(a.Doc)
	if len(a.OneOf) == 0 {
		return text
	}
	return strings.TrimSpace(text + " One of `" + strings.Join(a.OneOf, "`, `") + "`.")
}

// sentence makes a text of a plugin one sentence.
func sentence(text string) string {
	text = strings.TrimSpace(text)
	if text == "" {
		return ""
	}
	text = strings.ToUpper(text[:1]) + text[1:]
	if !strings.ContainsAny(text[len(text)-1:], ".!?") {
		text += "."
	}
	return text
}

// cell makes a text fit into a table.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ").Replace(text)
}

func header(elf sdk.ELF) string {
	order := "little-endian"
	if elf.BigEndian {
		order = "big-endian"
	}
	machines := make([]string, len(elf.Machines))
	for i, machine := range elf.Machines {
		machines[i] = fmt.Sprintf("0x%x", machine)
	}
	return fmt.Sprintf("%d bits, %s, e_machine %s", elf.Bits, order, strings.Join(machines, " or "))
}

func settings(set map[string]string) []string {
	var list []string
	for name, value := range set {
		list = append(list, "CONFIG_"+name+"="+value)
	}
	slices.Sort(list)
	return list
}

func libraries(t *sdk.ToolchainInfo) []string {
	list := []string{"the compiler's own"}
	if t.Musl != "" {
		list = append(list, "musl")
	}
	return list
}
