package hostsystem

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/config"
)

// TestData holds the table to the names that a configuration may have.
func TestData(t *testing.T) {
	var names []string
	for _, d := range table {
		names = append(names, d.name)
		if d.doc == "" || len(d.paths) == 0 {
			t.Errorf("%s says too little", d.name)
		}
	}
	slices.Sort(names)
	if diff := cmp.Diff(config.HostData(), names); diff != "" {
		t.Errorf("names (-config +table):\n%s", diff)
	}
}

// FuzzControl reads databases that something happened to.
func FuzzControl(f *testing.F) {
	f.Add("Package: a\nStatus: install ok installed\nDepends: b (>= 1) | c:any,\n d\n\nPackage: e\n")
	f.Add(": \n \n\t\nDepends:,|,(:\n")
	f.Fuzz(func(t *testing.T, text string) {
		err := parseControl(strings.NewReader(text), func(fields map[string]string) {
			if len(fields) == 0 {
				t.Error("an empty paragraph")
			}
			for _, alternatives := range relations(fields["Depends"]) {
				if len(alternatives) == 0 || slices.Contains(alternatives, "") {
					t.Errorf("a relation without a name in %q", fields["Depends"])
				}
			}
		})
		if err != nil && len(text) < maxLine {
			t.Error(err)
		}
	})
}

// FuzzRPM reads what rpm may print.
func FuzzRPM(f *testing.F) {
	f.Add("N a\nA noarch\nP a\nR b\nR (b or c)\nF /usr/bin/a\nN b\nA x86_64\nP c\nF /b c\n")
	f.Add("R x\nN \nN a\nR a\nR (a if b)\nR ((\n")
	f.Fuzz(func(t *testing.T, text string) {
		db, err := parseRPM(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, name := range db.names() {
			id := db.find(name)
			if db.packages[id] == nil {
				t.Fatalf("%q is found as %q, which isn't there", name, id)
			}
			for _, other := range db.depends(id) {
				if db.packages[other] == nil {
					t.Errorf("%q depends on %q, which isn't there", id, other)
				}
			}
		}
	})
}

// TestDataIsDocumented holds the table to that of the documentation.
func TestDataIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/host.md")
	if err != nil {
		t.Fatal(err)
	}
	code := func(names []string) string {
		return "`" + strings.Join(names, "` `") + "`"
	}
	var rows []string
	for _, d := range table {
		with := "nothing by itself"
		switch {
		case len(d.files) > 0:
			with = code(d.files)
		case len(d.imports) > 0:
			with = "programs that call " + code(d.imports)
		}
		rows = append(rows, "| `"+d.name+"` | "+d.doc+" | "+with+" | "+code(d.paths)+" |\n")
	}
	if want := strings.Join(rows, ""); !strings.Contains(string(page), want) {
		t.Errorf("docs/host.md should have:\n%s", want)
	}
}
