package main_test

import (
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
)

// TestHouse holds the table of packages in docs/architecture.md to the packages
// there are.
func TestHouse(t *testing.T) {
	const page = "docs/architecture.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "\n## The house\n")
	table, _, _ = strings.Cut(table, "\n## ")
	named := map[string]bool{}
	for _, row := range regexp.MustCompile(`(?m)^\| (.*?) \|`).FindAllStringSubmatch(table, -1) {
		for _, span := range regexp.MustCompile("`((?:core|plugins|toolchains)/[^`]*)`").FindAllStringSubmatch(row[1], -1) {
			named[span[1]] = true
		}
	}
	if len(named) < 50 {
		t.Fatalf("%s names %d packages only", page, len(named))
	}
	for _, u := range uses(t, ".") {
		top, _, _ := strings.Cut(u.folder, "/")
		isArchitecture := path.Dir(u.folder) == "toolchains" && u.folder != "toolchains/gcc"
		if top == "core" || top == "plugins" || top == "toolchains" {
			if !named[u.folder] && !isArchitecture {
				t.Errorf("%s leaves out %s", page, u.folder)
				named[u.folder] = true // once is enough
			}
		}
	}
	for name := range named {
		if _, err := os.Stat(name); err != nil {
			t.Errorf("%s names %s, which isn't there", page, name)
		}
	}
}
