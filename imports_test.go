package main_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// modulePath is the start of all import paths of mkmini itself, which rules
// leave out.
const modulePath = "github.com/mkmini/mkmini/"

// rule says who may import something. Folders and imports are meant with all
// that is below them; a "." is the folder of main.go itself.
type rule struct {
	// imports are what the rule is about; in is where it holds, everywhere
	// if empty; except are the imports and allowed the folders it spares.
	imports, in, except, allowed []string
	// tests says that it holds in tests too.
	tests bool
	// reason completes "because".
	reason string
}

var rules = []rule{
	// The direction: main → core/cli → core/*; plugins don't know the core.
	{
		imports: []string{"core"}, in: []string{"plugins", "toolchains", "testdata/external"}, tests: true,
		reason: "a plugin must be possible outside of mkmini",
	},
	{
		imports: []string{"plugins", "toolchains"}, in: []string{"core"}, except: []string{"plugins/sdk", "plugins/cpio", "plugins/cancel"},
		reason: "the core treats built-in plugins like any other, and knows the contract only; a library is no plugin",
	},
	{
		imports: []string{"core", "plugins", "toolchains"}, in: []string{"."}, except: []string{"core/cli", "plugins/builtin"},
		reason: "main joins the command line and the built-in plugins, and does nothing else",
	},
	{
		imports: []string{"core/cli"}, in: []string{"core"}, allowed: []string{"core/cli"},
		reason: "the command line is on top of the core",
	},
	{
		imports: []string{"toolchains"}, in: []string{"plugins"}, allowed: []string{"plugins/builtin"},
		reason: "an exporter must work for every architecture",
	},
	{
		imports: []string{"plugins"}, in: []string{"toolchains"}, except: []string{"plugins/sdk"},
		reason: "a toolchain must not need an exporter",
	},
	{
		imports: []string{"core", "plugins", "toolchains"}, in: []string{"plugins/sdk"}, except: []string{"plugins/sdk", "plugins/proto"},
		tests:  true,
		reason: "a vendor imports the SDK alone",
	},
	{
		imports: []string{"core", "plugins", "toolchains"}, in: []string{"core/fault", "plugins/proto"}, except: []string{"plugins/proto"},
		reason: "it is the bottom",
	},
	{
		imports: []string{"plugins/proto"}, allowed: []string{"plugins/sdk", "plugins/proto"}, tests: true,
		reason: "one pair of converters stands between Go and proto",
	},
	{
		imports: []string{"core/testenv", "core/source/apt/apttest", "core/pluginhost/plugintest", "plugins/layer/layertest", "plugins/sdk/sdktest"},
		reason:  "it is for tests",
	},
	// Who sees which library.
	{
		imports: []string{"github.com/hashicorp/hcl", "github.com/zclconf/go-cty"}, allowed: []string{"core/config", "core/cli"},
		reason: "configuration is plain structs to everything else",
	},
	{
		imports: []string{"github.com/hashicorp/go-plugin", "github.com/hashicorp/go-hclog", "google.golang.org/grpc"},
		allowed: []string{"core/pluginhost", "plugins/sdk", "plugins/proto"}, tests: true,
		reason: "how plugins are called is the business of host and SDK",
	},
	{
		imports: []string{"google.golang.org/protobuf"},
		allowed: []string{"core/pluginhost", "plugins/sdk", "plugins/proto", "core/provenance"}, tests: true,
		reason: "messages are plain structs to everything else",
	},
	{
		imports: []string{"github.com/in-toto/attestation"}, allowed: []string{"core/provenance"},
		reason: "statements are facts and claims to everything else",
	},
	{
		imports: []string{"aead.dev/minisign", "github.com/secure-systems-lab/go-securesystemslib"}, allowed: []string{"core/signing", "core/config/settings"},
		reason: "there is one way to sign and to verify",
	},
	{
		imports: []string{"github.com/mholt/archiver"}, allowed: []string{"core/source", "plugins/rootfs"},
		reason: "it needs guards, which are there",
	},
	{
		imports: []string{"github.com/bluekeyes/go-gitdiff"}, allowed: []string{"core/source/patch"},
		reason: "a patch must not leave the source's folder, which is seen to there",
	},
	{
		imports: []string{"github.com/spf13/cobra"}, allowed: []string{"core/cli"},
		reason: "flags are the business of the command line",
	},
	{
		imports: []string{"github.com/vbauerster/mpb"}, allowed: []string{"core/ui"},
		reason: "everything else reports events",
	},
	// What must not be done.
	{
		imports: []string{"net", "github.com/google/go-containerregistry/pkg/v1/remote"}, in: []string{"plugins", "toolchains"},
		reason: "plugins never touch the network",
	},
	{
		imports: []string{"os", "net", "io", "math/rand", "syscall", "golang.org/x/sys"}, in: []string{"core/plan"},
		reason: "a plan depends on its arguments only",
	},
	{
		imports: []string{"log", "math/rand"}, in: []string{"core", "plugins", "toolchains"}, except: []string{"log/slog", "math/rand/v2"},
		reason: "logs go to the injected slog.Logger, and the newer package took the other's place",
	},
	{
		imports: []string{"testing"}, in: []string{".", "core", "plugins", "toolchains"},
		reason: "it would put the flags of tests on the command line",
	},
}

// below says whether a path is one of the given or below one.
func below(name string, list []string) bool {
	return slices.ContainsFunc(list, func(prefix string) bool {
		return name == prefix || strings.HasPrefix(name, prefix+"/")
	})
}

// broken says whether a rule forbids an import in a file of a folder.
func (r rule) broken(folder, imported string, test bool) bool {
	return (r.tests || !test) &&
		(len(r.in) == 0 || below(folder, r.in)) &&
		!below(folder, r.allowed) &&
		below(imported, r.imports) &&
		!below(imported, r.except)
}

// use is one import in one file.
type use struct {
	file, folder, imported string
	line                   int
	test                   bool
}

// uses returns all imports in the module, whatever the build tags, but those
// of modules of their own. Files of testdata count where a rule names their
// folder.
func uses(t *testing.T, root string) []use {
	t.Helper()
	var all []use
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if file != root && (strings.HasPrefix(d.Name(), ".") || isModule(file)) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(file, ".go") || !d.Type().IsRegular() {
			return nil
		}
		name, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		found, err := importsOf(file, filepath.ToSlash(name))
		all = append(all, found...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func isModule(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

func importsOf(file, name string) ([]use, error) {
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, file, nil, parser.ImportsOnly)
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", name, err)
	}
	var found []use
	for _, spec := range parsed.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, fmt.Errorf("parse %s: %w", name, err)
		}
		found = append(found, use{
			file:     name,
			folder:   path.Dir(name),
			imported: strings.TrimPrefix(imported, modulePath),
			line:     set.Position(spec.Pos()).Line,
			test:     isTest(name),
		})
	}
	return found, nil
}

// isTest says that a file is part of tests, or of a package for tests.
func isTest(name string) bool {
	folder := path.Base(path.Dir(name))
	return strings.HasSuffix(name, "_test.go") || strings.HasSuffix(folder, "test") || folder == "testenv"
}

// isTool says that a file belongs to a tool beside mkmini.
func (u use) isTool() bool {
	return strings.HasPrefix(u.file, "testdata/") && !strings.HasPrefix(u.file, "testdata/external/")
}

func TestImports(t *testing.T) {
	all := uses(t, ".")
	if len(all) < 100 {
		t.Fatalf("found %d imports only", len(all))
	}
	for _, u := range all {
		if u.isTool() {
			continue
		}
		for _, r := range rules {
			if r.broken(u.folder, u.imported, u.test) {
				t.Errorf("%s:%d imports %s, which it must not, because %s", u.file, u.line, u.imported, r.reason)
			}
		}
	}
}

// A rule that never matches would hold nothing.
func TestImportRules(t *testing.T) {
	tests := []struct {
		folder, imported string
		test             bool
		want             int
	}{
		{"plugins/docker", "core/fault", false, 1},
		{"plugins/docker", "core/fault", true, 1},
		{"plugins/docker", "plugins/sdk", false, 0},
		{"plugins/docker", "toolchains/gcc", false, 1},
		{"plugins/builtin", "toolchains/sw64", false, 0},
		{"toolchains/sw64", "toolchains/gcc", false, 0},
		{"toolchains/gcc", "core/config", false, 1},
		{"core/build", "plugins/docker", false, 1},
		{"core/build", "plugins/sdk", false, 0},
		{"core/inspect", "plugins/cpio", false, 0},
		{"core/inspect", "plugins/ext4", false, 1},
		{"core/build", "core/cli", false, 1},
		{"core/build", "github.com/hashicorp/hcl/v2", false, 1},
		{"core/build", "github.com/hashicorp/hcl/v2", true, 0},
		{"core/config", "github.com/hashicorp/hcl/v2", false, 0},
		{"core/config/lockfile", "github.com/hashicorp/hcl/v2", false, 0},
		{"core/build", "google.golang.org/grpc", false, 1},
		{"core/plan", "os/exec", false, 1},
		{"core/config", "os", false, 0},
		{"core/rootfs", "github.com/mholt/archiver/v4", false, 1},
		{"core/pluginhost", "core/pluginhost/plugintest", true, 0},
		{"core/pluginhost", "core/pluginhost/plugintest", false, 1},
		{"plugins/oci", "net/http", false, 1},
		{"core/build", "log/slog", false, 0},
		{"core/build", "log", false, 1},
		{".", "core/cli", false, 0},
		{".", "core/store", false, 1},
		{".", "core/store", true, 0},
		{"plugins/sdk", "plugins/image", false, 1},
	}
	for _, test := range tests {
		got := 0
		for _, r := range rules {
			if r.broken(test.folder, test.imported, test.test) {
				got++
			}
		}
		if got != test.want {
			t.Errorf("%s imports %s (in a test: %v): %d rules are broken, want %d",
				test.folder, test.imported, test.test, got, test.want)
		}
	}
}
