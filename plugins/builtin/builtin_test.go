package builtin

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestPluginsDescribeThemselves(t *testing.T) {
	for _, p := range Plugins("1.2.3") {
		m, err := p.Manifest(t.Context())
		if err != nil {
			t.Error(err)
		}
		if m.Version != "1.2.3" {
			t.Errorf("%s has the version %q, not mkmini's", m.Name, m.Version)
		}
		if m.Toolchain != nil && m.Toolchain.Arch != p.Name {
			t.Errorf("toolchain %s is for %s", p.Name, m.Toolchain.Arch)
		}
	}
	names := Names()
	slices.Sort(names)
	if len(slices.Compact(names)) != len(Plugins("")) {
		t.Errorf("a name is there twice: %v", Names())
	}
}

// TestReference holds the table of architectures against their data.
func TestReference(t *testing.T) {
	const name = "../../docs/reference/architectures.md"
	page, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for _, p := range Plugins("1.2.3") {
		if p.Toolchain == nil {
			continue
		}
		info, err := p.Toolchain.Describe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		rows++
		packages := "none"
		if len(info.Packages) > 0 {
			packages = strings.Join(info.Packages, ", ")
		}
		row := fmt.Sprintf("| `%s` | %s | `%s` | %s | %s | %s | %s | `%s` |\n", p.Name, info.Description, info.Triplets[0], info.Platform,
			machine(info.ELF.Machines[0]), packages, strings.TrimSuffix(info.Emulators[0], "-static"),
			strings.Join(append([]string{info.Boot.System}, info.Boot.Args...), " "))
		if !strings.Contains(string(page), row) {
			t.Errorf("%s lacks the row\n%s", name, row)
		}
	}
	if got := strings.Count(string(page), "\n| `"); got != rows {
		t.Errorf("%s has %d rows for %d architectures", name, got, rows)
	}
}

func machine(number uint16) string {
	if number > 999 {
		return fmt.Sprintf("0x%x", number)
	}
	return fmt.Sprint(number)
}

// TestArchitecturesDiffer refuses two toolchains that take one and the same
// executable or image for theirs.
func TestArchitecturesDiffer(t *testing.T) {
	executables, platforms := map[string]string{}, map[string]string{}
	for _, p := range Plugins("1.2.3") {
		if p.Toolchain == nil {
			continue
		}
		info, err := p.Toolchain.Describe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if info.Platform.OS != "linux" || info.KernelArch == "" || len(info.Emulators) == 0 || len(info.HostMachines) == 0 {
			t.Errorf("%s lacks something: %+v", p.Name, info)
		}
		if (info.DebianArch == "") != (len(info.Packages) == 0) {
			t.Errorf("%s has packages %q of Debian's architecture %q", p.Name, info.Packages, info.DebianArch)
		}
		for _, m := range info.ELF.Machines {
			id := fmt.Sprint(info.ELF.Bits, info.ELF.BigEndian, m, info.ELF.Flags)
			if other := executables[id]; other != "" {
				t.Errorf("%s and %s make the same executables", other, p.Name)
			}
			executables[id] = p.Name
		}
		if other := platforms[info.Platform.String()]; other != "" {
			t.Errorf("%s and %s make images for the same platform", other, p.Name)
		}
		platforms[info.Platform.String()] = p.Name
	}
}

func TestServe(t *testing.T) {
	for _, args := range [][]string{nil, {"build"}, {"-c", Command}} {
		if _, served := Serve("1.2.3", args); served {
			t.Errorf("%q is for the command line", args)
		}
	}
	for _, args := range [][]string{nil, {"nobody"}, {"nobody", "describe"}} {
		var stderr strings.Builder
		if code := serve("1.2.3", args, &stderr); code != 2 || !strings.Contains(stderr.String(), "sw64") {
			t.Errorf("%q: code %d, %q", args, code, stderr.String())
		}
	}
}
