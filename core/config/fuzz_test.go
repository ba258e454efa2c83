package config

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// seeds adds all configurations of testdata to a fuzz test.
func seeds(f *testing.F) {
	f.Helper()
	for _, pattern := range []string{"testdata/*/*.hcl", "testdata/*/*.d/*.hcl", copyable + "/*.hcl"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("no seeds in %s (%v)", pattern, err)
		}
		for _, name := range files {
			src, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(src)
		}
	}
}

// decodeBytes is Load and Decode for text that is in no file.
func decodeBytes(dir string, src []byte) (*Document, *Config, hcl.Diagnostics) {
	const name = "fuzz.hcl"
	doc := &Document{
		dir: dir, home: "/home/mini", files: []string{name},
		sources: make(map[string]*hcl.File), blocks: make(map[string][]*hclsyntax.Block),
	}
	diags := doc.finish(Options{}, doc.parse(src, name))
	cfg, more := doc.Decode(catalog())
	return doc, cfg, append(diags, more...)
}

func FuzzDecode(f *testing.F) {
	seeds(f)
	for _, expr := range hugeNumbers {
		f.Add([]byte("locals { x = " + expr + " }\ntoolchain \"x86_64\" {}\nexport \"docker\" { tag = \"${local.x}\" }\n"))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, src []byte) {
		doc, cfg, diags := decodeBytes(dir, src)
		if (cfg == nil) != diags.HasErrors() {
			t.Errorf("Decode gave %v and %v", cfg, diags)
		}
		checkComplete(t, diags)
		renderDiags(t, doc, diags)
		doc.Plugins()
		if cfg == nil {
			return
		}
		_, again, _ := decodeBytes(dir, src)
		if a, b := dump(t, cfg), dump(t, again); a != b {
			t.Errorf("decoding it twice gave\n%s\nand\n%s", a, b)
		}
	})
}

func FuzzFormat(f *testing.F) {
	seeds(f)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, src []byte) {
		formatted := Format(src)
		_, before, diags := decodeBytes(dir, src)
		if diags.HasErrors() {
			return
		}
		// A good configuration means the same when it is laid out anew, and
		// stays as it is from then on.
		_, after, diags := decodeBytes(dir, formatted)
		if diags.HasErrors() {
			t.Fatalf("laid out anew it is not understood: %v\n%s", diags, formatted)
		}
		if a, b := meaning(t, before), meaning(t, after); a != b {
			t.Errorf("laid out anew it means\n%s\nand not\n%s", b, a)
		}
		if twice := Format(formatted); !bytes.Equal(twice, formatted) {
			t.Errorf("Format changes what it wrote:\n%s\n%s", formatted, twice)
		}
	})
}

func FuzzVar(f *testing.F) {
	for _, seed := range []string{"x=1", "x", "", "=", "list=[1, \"a\"]", "list=[", "object={a=1}", "n=1e5", "b=true", "secret=x", "list=" + "((("} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, option string) {
		const src = `
variable "x" { default = "" }
variable "n" {
  type    = number
  default = 0
}
variable "b" {
  type    = bool
  default = false
}
variable "list" {
  type    = list(string)
  default = []
}
variable "object" {
  type    = object({ a = optional(number, 2) })
  default = {}
}
toolchain "x86_64" {}
export "docker" {}
`
		const name = "fuzz.hcl"
		doc := &Document{files: []string{name}, sources: make(map[string]*hcl.File), blocks: make(map[string][]*hclsyntax.Block)}
		diags := doc.finish(Options{Vars: []string{option}, Env: []string{envPrefix + option}}, doc.parse([]byte(src), name))
		checkComplete(t, diags)
		renderDiags(t, doc, diags)
	})
}

// meaning is dump without what a different layout changes: places.
func meaning(t *testing.T, cfg *Config) string {
	t.Helper()
	return withoutRanges.ReplaceAllString(dump(t, cfg), "RANGE")
}

var withoutRanges = regexp.MustCompile(`fuzz\.hcl:\d+,\d+-\d+,\d+`)

// FuzzHideTemplates checks that templates in labels are hidden without any
// position of the text being another one.
func FuzzHideTemplates(f *testing.F) {
	seeds(f)
	f.Add([]byte("a \"${\"}\"}\" {\n}\n"))
	f.Add([]byte("a \"x${~ foo(\"ä\\\"${b}\") ~}y\" \"${c}\" {}\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		if len(src) > maxFileBytes {
			return
		}
		tokens, _ := hclsyntax.LexConfig(src, "fuzz.hcl", hcl.InitialPos)
		if reasonable(src, tokens, "fuzz.hcl").HasErrors() {
			return
		}
		before := bytes.Clone(src)
		plain, found := hideTemplates(src, tokens, "fuzz.hcl")
		if !bytes.Equal(src, before) || len(found) == 0 && !bytes.Equal(plain, src) {
			t.Fatal("the text itself changed")
		}
		if len(plain) != len(src) {
			t.Fatalf("%d bytes became %d", len(src), len(plain))
		}
		for i := range src {
			if (src[i] == '\n') != (plain[i] == '\n') || src[i] >= 0x80 && plain[i] != src[i] {
				t.Fatalf("byte %d became %q in %q", i, plain[i], plain)
			}
		}
	})
}
