package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mkmini/mkmini/core/event"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// reference is the page that explains the command line.
const reference = "../../docs/reference/commands.md"

func readReference(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// TestReferenceFlags holds the page against the commands: each is there with
// its flags, and no flag is explained that none of them has.
func TestReferenceFlags(t *testing.T) {
	page := readReference(t)
	root := (&app{}).command()
	root.InitDefaultCompletionCmd()
	root.InitDefaultHelpCmd()
	flags := map[string]bool{}
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		if cmd.Parent() == root && !strings.Contains(page, "\n## `"+cmd.CommandPath()+"`\n") {
			t.Errorf("%s has no section on %s", reference, cmd.CommandPath())
		}
		cmd.InitDefaultHelpFlag()
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			flags[f.Name] = true
			want := "`--" + f.Name
			if f.Shorthand != "" {
				want = "`-" + f.Shorthand + "`, " + want
			}
			if argument, _ := pflag.UnquoteUsage(f); argument != "" && f.Value.Type() != "count" {
				want += " " + argument
			}
			if !strings.Contains(page, "| "+want+"` |") {
				t.Errorf("%s doesn't explain the flag %s of %s as %s`", reference, f.Name, cmd.CommandPath(), want)
			}
		})
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(root)
	for _, mention := range regexp.MustCompile("`(?:-[a-z]`, `)?--([a-z0-9-]+)").FindAllStringSubmatch(page, -1) {
		if !flags[mention[1]] {
			t.Errorf("%s explains --%s, which no command has", reference, mention[1])
		}
	}
}

func TestReferenceExitCodes(t *testing.T) {
	page := readReference(t)
	for _, code := range []int{exitOK, exitFailed, exitUsage, exitCancelled} {
		if !strings.Contains(page, fmt.Sprintf("\n| %d | ", code)) {
			t.Errorf("%s doesn't explain the exit code %d", reference, code)
		}
	}
}

// TestReferenceEnvironment looks in the sources for variables that are read.
func TestReferenceEnvironment(t *testing.T) {
	page := readReference(t)
	read := regexp.MustCompile(`(?:[gG]etenv|LookupEnv)\("([A-Z_]+)"\)`)
	seen := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && d.Name() == "testenv" {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		for _, match := range read.FindAllStringSubmatch(string(text), -1) {
			seen++
			if !strings.Contains(page, "`"+match[1]+"`") {
				t.Errorf("%s doesn't explain %s, which %s reads", reference, match[1], path)
			}
		}
		return err
	})
	if err != nil || seen < 4 {
		t.Errorf("%d variables are read, %v", seen, err)
	}
}

// TestReferenceEvents reads the examples of events, of which there is one for
// each kind, and looks for all their fields.
func TestReferenceEvents(t *testing.T) {
	page := readReference(t)
	shown := map[event.Kind]bool{}
	for _, part := range strings.Split(page, "```json\n")[1:] {
		block, _, _ := strings.Cut(part, "```\n")
		for line := range strings.Lines(block) {
			var e event.Event
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatalf("example %s%v", line, err)
			}
			shown[e.Kind] = true
			var again bytes.Buffer
			enc := json.NewEncoder(&again)
			enc.SetEscapeHTML(false)
			if err := enc.Encode(e); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(line, again.String()); diff != "" {
				t.Errorf("an example isn't what mkmini writes (-page +mkmini):\n%s", diff)
			}
		}
	}
	for _, kind := range kinds(t) {
		if !strings.Contains(page, "\n| `"+string(kind)+"` | ") || !shown[kind] {
			t.Errorf("%s doesn't explain the event %q, or shows none", reference, kind)
		}
	}
	for _, of := range []any{event.Event{}, event.Step{}, event.Artifact{}, event.Diagnostic{}, event.Range{}, sdk.Fact{}} {
		for field := range fields(of) {
			if !strings.Contains(page, "`"+field+"`") {
				t.Errorf("%s doesn't explain the field %q of %T", reference, field, of)
			}
		}
	}
}

// fields yields the names that a struct's fields have in JSON.
func fields(of any) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for f := range reflect.TypeOf(of).Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name != "-" && !yield(name) {
				return
			}
		}
	}
}

// kinds returns all kinds of events, from the source that declares them.
func kinds(t *testing.T) []event.Kind {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../event/event.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var all []event.Kind
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		typ, isIdent := spec.Type.(*ast.Ident)
		literal, isLiteral := spec.Values[0].(*ast.BasicLit)
		if isIdent && isLiteral && typ.Name == "Kind" {
			value, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, event.Kind(value))
		}
		return true
	})
	if len(all) < 10 {
		t.Fatalf("found only the kinds %v", all)
	}
	return all
}
