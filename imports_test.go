package main_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/mkmini/mkmini/core/testenv"
)

const module = "github.com/mkmini/mkmini/"

// within says whether a package is one of some folders or below one.
func within(pkg string, folders ...string) bool {
	for _, folder := range folders {
		if pkg == folder || strings.HasPrefix(pkg, folder+"/") {
			return true
		}
	}
	return false
}

// directions are the ways that imports must not go. Packages of mkmini are
// given without the module's path; the root package is ".".
var directions = []struct {
	rule string
	// broken says whether a file of package from may not import to.
	broken func(from, to string, test bool) bool
}{
	{"plugins and toolchains know nothing of the core", func(from, to string, _ bool) bool {
		return within(from, "plugins", "toolchains") && within(to, "core")
	}},
	{"the core knows of plugins only the SDK, its tests aside", func(from, to string, test bool) bool {
		return within(from, "core") && within(to, "plugins", "toolchains") && !within(to, "plugins/sdk") && !test
	}},
	{"only main uses the command line", func(from, to string, _ bool) bool {
		return from != "." && !within(from, "core/cli") && within(to, "core/cli")
	}},
	{"only core/config and core/cli see hcl", func(from, to string, _ bool) bool {
		return within(to, "github.com/hashicorp/hcl") && !within(from, "core/config", "core/cli")
	}},
	{"only core/pluginhost and plugins/sdk see go-plugin and gRPC", func(from, to string, _ bool) bool {
		return within(to, "github.com/hashicorp/go-plugin", "github.com/hashicorp/go-hclog", "google.golang.org/grpc") &&
			!within(from, "core/pluginhost", "plugins/sdk", "plugins/proto")
	}},
	{"only core/source and plugins/rootfs see archiver", func(from, to string, _ bool) bool {
		return within(to, "github.com/mholt/archiver") && !within(from, "core/source", "plugins/rootfs")
	}},
	{"only tests use core/testenv", func(from, to string, test bool) bool {
		return within(to, "core/testenv") && !test
	}},
}

// TestImports holds the direction of the imports.
func TestImports(t *testing.T) {
	t.Parallel()
	root := testenv.Checkout()
	files := 0
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && rel != "." || d.Name() == "testdata") {
			return fs.SkipDir
		}
		// deps.go only pins versions.
		if d.IsDir() || path.Ext(rel) != ".go" || rel == "deps.go" {
			return nil
		}
		files++
		checkImports(t, name, path.Dir(rel))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 50 {
		t.Errorf("looked at %d files only", files)
	}
}

func checkImports(t *testing.T, file, from string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Error(err)
		return
	}
	for _, spec := range parsed.Imports {
		to, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		to = strings.TrimPrefix(to, module)
		for _, d := range directions {
			if d.broken(from, to, strings.HasSuffix(file, "_test.go")) {
				t.Errorf("%s imports %s: %s", file, to, d.rule)
			}
		}
	}
}
