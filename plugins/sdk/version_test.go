package sdk

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the list of what plugins see anew")

// apiFile lists what plugins in Go see, with the version that it belongs to.
var apiFile = filepath.Join("testdata", "api.txt")

// seen are the packages that plugins import, by their folders.
var seen = map[string]string{"sdk": ".", "sdktest": "sdktest", "gcc": filepath.Join("..", "..", "toolchains", "gcc")}

// TestVersion compares what plugins see with the list that belongs to Version.
// With -update it writes the list, if Version says what the change means.
func TestVersion(t *testing.T) {
	var now []string
	for name, dir := range seen {
		now = append(now, exported(t, name, dir)...)
	}
	slices.Sort(now)
	if len(now) < 100 {
		t.Fatalf("only %d lines: %q", len(now), now)
	}
	text, err := os.ReadFile(apiFile)
	if err != nil && !*update {
		t.Fatal(err)
	}
	head, rest, _ := strings.Cut(string(text), "\n")
	before := strings.Split(strings.TrimSuffix(rest, "\n"), "\n")
	old := strings.TrimPrefix(head, "version ")
	if slices.Equal(before, now) && old == Version {
		return
	}
	gone, came, least := compare(before, now)
	message := fmt.Sprintf("plugins see something else than in version %s (%s):\n%s%s", old, least, marked("-", gone), marked("+", came))
	if !*update {
		t.Fatalf("%sRaise Version as that asks for, and run this test with -update.", message)
	}
	if err == nil && !raised(t, old, Version, least) {
		t.Fatalf("%sVersion is %s, which does not say so.", message, Version)
	}
	if err := os.WriteFile(apiFile, []byte("version "+Version+"\n"+strings.Join(now, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

// change is what a difference means for plugins.
type change string

const (
	breaks  change = "plugins may not compile any more"
	adds    change = "plugins compile as they are"
	nothing change = "nothing changed"
)

// compare returns the lines that are gone and those that came.
func compare(before, now []string) (gone, came []string, least change) {
	least = nothing
	for _, line := range now {
		if !slices.Contains(before, line) {
			came = append(came, line)
			least = adds
		}
	}
	for _, line := range before {
		if !slices.Contains(now, line) {
			gone = append(gone, line)
		}
	}
	for _, line := range came {
		// Who implements the interface lacks the method.
		if kind, _, ok := strings.Cut(line, " interface, "); ok && slices.ContainsFunc(before, func(b string) bool {
			return strings.HasPrefix(b, kind+" interface")
		}) {
			return gone, came, breaks
		}
	}
	if len(gone) > 0 {
		least = breaks
	}
	return gone, came, least
}

// raised says whether a version follows another as a change asks for.
func raised(t *testing.T, old, now string, least change) bool {
	t.Helper()
	a, b := numbers(t, old), numbers(t, now)
	switch least {
	case breaks:
		return b[0] > a[0]
	case adds:
		return slices.Compare(b[:2], a[:2]) > 0
	}
	return slices.Compare(b, a) > 0
}

func numbers(t *testing.T, version string) []int {
	t.Helper()
	var list []int
	for _, part := range strings.Split(version, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			t.Fatalf("version %q: %v", version, err)
		}
		list = append(list, n)
	}
	if len(list) != 3 {
		t.Fatalf("version %q has not three numbers", version)
	}
	return list
}

func marked(mark string, lines []string) string {
	var b strings.Builder
	for _, line := range lines {
		fmt.Fprintf(&b, "  %s %s\n", mark, line)
	}
	return b.String()
}

// exported returns a line for each thing that a package exports: for each
// field and method one of its own.
func exported(t *testing.T, name, dir string) []string {
	t.Helper()
	set := token.NewFileSet()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	l := lister{set: set, pkg: name}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			l.decl(d)
		}
	}
	return l.lines
}

type lister struct {
	set   *token.FileSet
	pkg   string
	lines []string
}

func (l *lister) add(format string, args ...any) {
	l.lines = append(l.lines, "pkg "+l.pkg+", "+fmt.Sprintf(format, args...))
}

// text returns a node in one line.
func (l *lister) text(node any) string {
	var b bytes.Buffer
	if err := printer.Fprint(&b, l.set, node); err != nil {
		return err.Error()
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func (l *lister) decl(d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if !d.Name.IsExported() {
			return
		}
		signature := strings.TrimPrefix(l.text(d.Type), "func")
		if d.Recv == nil {
			l.add("func %s%s", d.Name, signature)
			return
		}
		receiver := l.text(d.Recv.List[0].Type)
		if ast.IsExported(strings.TrimLeft(receiver, "*")) {
			l.add("method (%s) %s%s", receiver, d.Name, signature)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			l.spec(d.Tok, spec)
		}
	}
}

func (l *lister) spec(tok token.Token, spec ast.Spec) {
	switch s := spec.(type) {
	case *ast.ValueSpec:
		for i, name := range s.Names {
			// These go up without a change for plugins.
			if !name.IsExported() || slices.Contains([]string{"Version", "ProtocolVersion", "FirstMkmini"}, name.Name) {
				continue
			}
			line := fmt.Sprintf("%s %s", tok, name)
			if s.Type != nil {
				line += " " + l.text(s.Type)
			}
			if tok == token.CONST && i < len(s.Values) {
				line += " = " + l.text(s.Values[i])
			}
			l.add("%s", line)
		}
	case *ast.TypeSpec:
		if s.Name.IsExported() {
			l.typ(s)
		}
	}
}

func (l *lister) typ(s *ast.TypeSpec) {
	var members *ast.FieldList
	kind := ""
	switch typ := s.Type.(type) {
	case *ast.StructType:
		kind, members = "struct", typ.Fields
	case *ast.InterfaceType:
		kind, members = "interface", typ.Methods
	default:
		l.add("type %s %s", s.Name, l.text(typ))
		return
	}
	l.add("type %s %s", s.Name, kind)
	for _, m := range members.List {
		if len(m.Names) == 0 {
			l.add("type %s %s, %s", s.Name, kind, l.text(m.Type))
		}
		for _, name := range m.Names {
			if name.IsExported() {
				tag := ""
				if m.Tag != nil {
					tag = " " + m.Tag.Value
				}
				l.add("type %s %s, %s %s%s", s.Name, kind, name, l.text(m.Type), tag)
			}
		}
	}
}

// TestVersionRules breaks and adds to a list.
func TestVersionRules(t *testing.T) {
	list := []string{"func A()", "type I interface", "type I interface, M func()", "type S struct", "type S struct, F int"}
	tests := []struct {
		name string
		now  []string
		want change
	}{
		{"nothing", list, nothing},
		{"a field", append(slices.Clone(list), "type S struct, G int"), adds},
		{"a function", append(slices.Clone(list), "func B()"), adds},
		{"a new interface", append(slices.Clone(list), "type J interface", "type J interface, M func()"), adds},
		{"a method of an interface", append(slices.Clone(list), "type I interface, N func()"), breaks},
		{"a function is gone", list[1:], breaks},
		{"another type", append(slices.Clone(list[:4]), "type S struct, F string"), breaks},
	}
	for _, test := range tests {
		if _, _, got := compare(list, test.now); got != test.want {
			t.Errorf("%s: %s, want: %s", test.name, got, test.want)
		}
	}
	for _, test := range []struct {
		old, now string
		least    change
		want     bool
	}{
		{"1.2.3", "2.0.0", breaks, true}, {"1.2.3", "1.3.0", breaks, false}, {"1.2.3", "1.3.0", adds, true},
		{"1.2.3", "1.2.4", adds, false}, {"1.2.3", "2.0.0", adds, true}, {"1.2.3", "1.2.4", nothing, true}, {"1.2.3", "1.2.3", nothing, false},
	} {
		if got := raised(t, test.old, test.now, test.least); got != test.want {
			t.Errorf("from %s to %s although %s: %v", test.old, test.now, test.least, got)
		}
	}
}

// TestDocumented looks for a comment at all that plugins see.
func TestDocumented(t *testing.T) {
	for _, dir := range seen {
		set := token.NewFileSet()
		packages, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range packages {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(set, path, nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range file.Decls {
				if name, ok := undocumented(d); !ok {
					t.Errorf("%s: %s has no comment", set.Position(d.Pos()), name)
				}
			}
		}
	}
}

// undocumented returns the first exported name of a declaration that has no
// comment.
func undocumented(d ast.Decl) (string, bool) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv != nil && !ast.IsExported(strings.TrimLeft(fmt.Sprint(baseType(d.Recv.List[0].Type)), "*")) {
			return "", true
		}
		return d.Name.Name, !d.Name.IsExported() || d.Doc != nil
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			if s, ok := spec.(*ast.TypeSpec); ok && s.Name.IsExported() && d.Doc == nil && s.Doc == nil {
				return s.Name.Name, false
			}
			if s, ok := spec.(*ast.ValueSpec); ok && s.Names[0].IsExported() && d.Doc == nil && s.Doc == nil {
				return s.Names[0].Name, false
			}
		}
	}
	return "", true
}

func baseType(e ast.Expr) ast.Expr {
	if star, ok := e.(*ast.StarExpr); ok {
		return star.X
	}
	return e
}
