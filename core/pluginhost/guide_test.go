package pluginhost_test

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/pluginhost"
	"github.com/mkmini/mkmini/core/testenv"
)

var update = flag.Bool("update", false, "write the sources into the plugin guide anew")

// root is the top of the checkout, and guide the page for those who write
// plugins.
const (
	root  = "../.."
	guide = root + "/docs/plugins.md"
)

// quotation is a block of the guide that shows a source file, or one function
// of it.
var quotation = regexp.MustCompile("(?s)<!-- file: (\\S+)(?: (\\w+))? -->\n```go\n(.*?)```\n")

// TestGuideQuotes compares the programs in the guide with those that the
// tests build and run.
func TestGuideQuotes(t *testing.T) {
	page, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	quoted := map[string]bool{}
	written := quotation.ReplaceAllStringFunc(string(page), func(block string) string {
		parts := quotation.FindStringSubmatch(block)
		path, function := parts[1], parts[2]
		quoted[path] = true
		want := source(t, filepath.Join(root, path), function)
		if diff := cmp.Diff(want, parts[3]); diff != "" && !*update {
			t.Errorf("%s shows another %s %s; run this test with -update (-file +guide):\n%s", guide, path, function, diff)
		}
		head, _, _ := strings.Cut(block, "```go\n")
		return head + "```go\n" + want + "```\n"
	})
	examples, err := filepath.Glob(root + "/testdata/external/*/main.go")
	if err != nil || len(examples) < 3 {
		t.Fatalf("examples %v, %v", examples, err)
	}
	for _, example := range examples {
		if path, _ := filepath.Rel(root, example); !quoted[path] {
			t.Errorf("%s doesn't show %s", guide, path)
		}
	}
	if *update && written != string(page) {
		if err := os.WriteFile(guide, []byte(written), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// source returns a Go file, or one function of it with its comment.
func source(t *testing.T, path, function string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if function == "" {
		return string(text)
	}
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, text, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	for _, declared := range file.Decls {
		if f, ok := declared.(*ast.FuncDecl); ok && f.Name.Name == function {
			start := f.Pos()
			if f.Doc != nil {
				start = f.Doc.Pos()
			}
			return string(text[files.Position(start).Offset:files.Position(f.End()).Offset]) + "\n"
		}
	}
	t.Fatalf("%s has no function %s", path, function)
	return ""
}

// TestGuideCommands runs the marked commands of the guide in an empty folder,
// and finds the plugin that they install.
func TestGuideCommands(t *testing.T) {
	testenv.Tool(t, "bash", "bash")
	page, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	checkout, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	home, work := t.TempDir(), t.TempDir()
	env := append(os.Environ(), "MKMINI="+checkout, "HOME="+home, "XDG_DATA_HOME=", "GOFLAGS=",
		// What mkmini requires is there; nothing else is needed.
		"GOPROXY=off", "GONOSUMDB=*", "GOWORK=off")
	for _, name := range []string{"GOMODCACHE", "GOCACHE"} {
		env = append(env, name+"="+strings.TrimSpace(testenv.Output(t, "go", "env", name)))
	}
	blocks := strings.Split(string(page), "<!-- test -->\n```console\n")
	if len(blocks) < 4 {
		t.Fatalf("%s has %d marked blocks", guide, len(blocks)-1)
	}
	for _, block := range blocks[1:] {
		block, _, _ = strings.Cut(block, "```\n")
		var script strings.Builder
		for line := range strings.Lines(block) {
			if command, ok := strings.CutPrefix(line, "$ "); ok {
				script.WriteString(command)
			}
		}
		cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", script.String())
		cmd.Dir, cmd.Env = work, env
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s%v\n%s", script.String(), err, out)
		}
		shows(t, block, string(out))
	}
	host := newHost(t, pluginhost.Options{
		Builtins: []string{"riscv64"}, Dirs: []string{filepath.Join(home, ".local/share/mkmini/plugins")},
	})
	found, err := host.Find(t.Context(), "riscv64")
	if err != nil {
		t.Fatal(describeError(err))
	}
	if info := found.Manifest.Toolchain; found.Builtin || info == nil || info.Arch != "riscv64" || len(info.Attributes) == 0 {
		t.Errorf("found %+v", found)
	}
}

// shows checks that what a block shows below its last command, up to a "…",
// is what was printed.
func shows(t *testing.T, block, printed string) {
	t.Helper()
	_, shown, found := strings.Cut(block[strings.LastIndex(block, "$ "):], "\n")
	if !found || shown == "" {
		return
	}
	if start, _, cut := strings.Cut(shown, "…\n"); cut {
		shown, printed = start, printed[:min(len(start), len(printed))]
	}
	if diff := cmp.Diff(shown, printed); diff != "" {
		t.Errorf("%s shows something else (-guide +printed):\n%s", guide, diff)
	}
}
