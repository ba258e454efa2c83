package main_test

import (
	"bytes"
	"fmt"
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

	"github.com/mkmini/mkmini/core/testenv"
)

// guide is the page that is followed, and pluginPages are all that show
// programs.
const guide = "docs/plugins/guide.md"

var pluginPages = []string{guide, "docs/plugins/contract.md", "docs/plugins.md"}

// quotation is a block of a page that shows a source file, or one function
// of it.
var quotation = regexp.MustCompile("(?s)<!-- file: (\\S+)(?: (\\w+))? -->\n```go\n(.*?)```\n")

// TestGuideQuotes compares the programs in the pages about plugins with those
// that the tests build and run.
func TestGuideQuotes(t *testing.T) {
	quoted := map[string]bool{}
	for _, name := range pluginPages {
		page, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		written := quotation.ReplaceAllStringFunc(string(page), func(block string) string {
			parts := quotation.FindStringSubmatch(block)
			path, function := parts[1], parts[2]
			quoted[path] = true
			want := quotedSource(t, path, function)
			if diff := cmp.Diff(want, parts[3]); diff != "" && !*update {
				t.Errorf("%s shows another %s %s; run this test with -update (-file +page):\n%s", name, path, function, diff)
			}
			head, _, _ := strings.Cut(block, "```go\n")
			return head + "```go\n" + want + "```\n"
		})
		if *update && written != string(page) {
			if err := os.WriteFile(name, []byte(written), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	examples, err := filepath.Glob("plugins/examples/*/main.go")
	if err != nil || len(examples) < 2 {
		t.Fatalf("examples %v, %v", examples, err)
	}
	examples = append(examples, "testdata/external/toolchain/main.go", "testdata/external/abilities/main.go")
	for _, example := range examples {
		if !quoted[example] {
			t.Errorf("no page shows %s", example)
		}
	}
}

// quotedSource returns a Go file, or one function of it with its comment.
func quotedSource(t *testing.T, path, function string) string {
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

// followed is a block of the guide whose commands are run. Its mark may name
// what it needs, a program on PATH, or say that the last command fails.
type followed struct {
	needs    string
	fails    bool
	commands []string
	// shown is what each command prints, up to a line "…"; empty if the page
	// doesn't say.
	shown []string
}

var followedMark = regexp.MustCompile("(?s)<!-- test(?:: ([a-z0-9_-]+))? -->\n```console\n(.*?)```\n")

func followedBlocks(t *testing.T, name string) []followed {
	t.Helper()
	page, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var all []followed
	for _, match := range followedMark.FindAllStringSubmatch(string(page), -1) {
		b := followed{needs: match[1]}
		if b.needs == "fails" {
			b.needs, b.fails = "", true
		}
		for line := range strings.Lines(match[2]) {
			if command, ok := strings.CutPrefix(line, "$ "); ok {
				b.commands = append(b.commands, strings.TrimSuffix(command, "\n"))
				b.shown = append(b.shown, "")
			} else {
				b.shown[len(b.shown)-1] += line
			}
		}
		all = append(all, b)
	}
	return all
}

// TestGuideCommands follows the guide in an empty folder: all marked commands
// have to succeed, and print what the page shows.
func TestGuideCommands(t *testing.T) {
	t.Parallel()
	testenv.Tool(t, "bash", "bash")
	testenv.Tool(t, "make", "make")
	blocks := followedBlocks(t, guide)
	if len(blocks) < 6 {
		t.Fatalf("%s has %d marked blocks", guide, len(blocks))
	}
	home, work, bin := t.TempDir(), t.TempDir(), t.TempDir()
	if err := os.Symlink(plainProgram(t), filepath.Join(bin, "mkmini")); err != nil {
		t.Fatal(err)
	}
	env := append((command{}).cmd(t).Env, "CHECKOUT="+testenv.Checkout(), "HOME="+home, "XDG_DATA_HOME=", "XDG_CONFIG_HOME=",
		"PATH="+bin+":"+os.Getenv("PATH"), "MKMINI_STORE="+filepath.Join(home, "store"),
		// What mkmini requires is there; nothing else is needed.
		"GOPROXY=off", "GONOSUMDB=*", "GOWORK=off", "GOFLAGS=-buildvcs=false",
		"GOMODCACHE="+goEnv(t, "GOMODCACHE"), "GOCACHE="+goEnv(t, "GOCACHE"))
	for _, b := range blocks {
		if _, err := exec.LookPath(b.needs); b.needs != "" && err != nil {
			t.Logf("left out, as there is no %s: %q", b.needs, b.commands)
			continue
		}
		b.follow(t, work, env)
	}
}

// follow runs the commands of a block in one shell.
func (b followed) follow(t *testing.T, work string, env []string) {
	t.Helper()
	const mark = "\x1fnext command\n"
	var script strings.Builder
	for i, line := range b.commands {
		if b.fails && i == len(b.commands)-1 {
			line = "! " + line + " 2>&1"
		}
		fmt.Fprintf(&script, "printf '\\x1fnext command\\n'\n%s\n", line)
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", script.String())
	cmd.Dir, cmd.Env = work, env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s%v\n%s%s", strings.ReplaceAll(script.String(), "\x1f", ""), err, stdout.String(), stderr.String())
	}
	printed := strings.Split(stdout.String(), mark)[1:]
	for i, shown := range b.shown {
		got := strings.TrimRight(printed[i], "\n")
		want := strings.TrimRight(shown, "\n")
		if want == "" {
			continue
		}
		if start, _, cut := strings.Cut(shown, "…\n"); cut {
			want, got = start, printed[i][:min(len(start), len(printed[i]))]
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s shows something else for %q (-guide +printed):\n%s", guide, b.commands[i], diff)
		}
	}
}
