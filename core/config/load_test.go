package config

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// smallest is what a configuration needs at least.
const smallest = "toolchain \"x86_64\" {}\nexport \"docker\" {}\n"

// loadText loads and decodes a configuration in a folder of its own.
func loadText(t *testing.T, text string, opts Options) (*Document, *Config, hcl.Diagnostics) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.hcl")
	writeFile(t, path, text)
	return decodeAll(path, opts)
}

func TestVariablePrecedence(t *testing.T) {
	dir := t.TempDir()
	one, two := filepath.Join(dir, "one.vars.hcl"), filepath.Join(dir, "two")
	writeFile(t, one, "x = \"one\"\n")
	writeFile(t, two, "x = \"two\"\n")
	const text = "variable \"x\" {\n  default = \"default\"\n}\nname = var.x\n" + smallest
	env := []string{"MKMINI_VAR_x=first", "MKMINI_VAR_x=env", "x=no"}
	for _, test := range []struct {
		want string
		opts Options
	}{
		{"default", Options{}},
		{"env", Options{Env: env}},
		{"one", Options{Env: env, VarFiles: []string{one}}},
		{"two", Options{Env: env, VarFiles: []string{one, two}}},
		{"one", Options{Env: env, VarFiles: []string{two, one}}},
		{"flag", Options{Env: env, VarFiles: []string{one, two}, Vars: []string{"x=flag"}}},
		{"last", Options{Env: env, Vars: []string{"x=flag", "x=last"}}},
	} {
		_, cfg, diags := loadText(t, text, test.opts)
		if cfg == nil {
			t.Errorf("%+v: %v", test.opts, diags)
		} else if cfg.Name != test.want {
			t.Errorf("%+v gave %q, want %q", test.opts, cfg.Name, test.want)
		}
	}
}

func TestVariableFromText(t *testing.T) {
	for _, test := range []struct{ typ, value, want string }{
		{"", "text", `"text"`},
		{"type = string", "null", `"null"`},
		{"type = string", "a=b \"c\"", `"a=b \"c\""`},
		{"type = number", "3", "3"},
		{"type = bool", "true", "true"},
		{"type = list(string)", `["a", 1]`, `["a","1"]`},
		{"type = map(number)", `{ a = "1" }`, `{"a":1}`},
		{"type = any", `[true]`, `[true]`},
	} {
		text := fmt.Sprintf("variable \"x\" {\n  %s\n}\nrootfs {\n  file \"/x\" { content = jsonencode(var.x) }\n}\n", test.typ) + smallest
		doc, cfg, diags := loadText(t, text, Options{Vars: []string{"x=" + test.value}})
		if cfg == nil {
			t.Errorf("%s, %s:\n%s", test.typ, test.value, renderDiags(t, doc, diags))
		} else if got := cfg.Targets[0].Rootfs[0].Content; got != test.want {
			t.Errorf("%s, %s is %s, want %s", test.typ, test.value, got, test.want)
		}
	}
}

// TestSensitive makes one mistake after another with a sensitive value, and
// looks for it in all that is said.
func TestSensitive(t *testing.T) {
	const secret = "hunter2"
	const variable = "# ${s + 1}\nvariable \"s\" {\n  type      = string\n  sensitive = true\n}\n"
	for _, body := range []string{
		"name = var.s\nlocals {\n  x = \"${name}!\" + 1\n}\n", "name = \"A${var.s}\"\n", "name = [var.s]\n",
		"locals {\n  x = var.s + 1\n}\n", "locals {\n  x = tonumber(var.s)\n}\n", "locals {\n  x = file(var.s)\n}\n",
		"locals {\n  x = {}[var.s]\n}\n", "locals {\n  x = [for s in [var.s] : s + 1]\n}\n", "locals {\n  x = regex(\"(\", var.s)\n}\n",
		"locals {\n  x = regex(var.s, \"x\")\n}\n", "locals {\n  x = templatefile(\"test.hcl\", { s = var.s })\n}\n",
		"locals {\n  x = jsondecode(var.s)\n}\n", "locals {\n  x = parseint(upper(var.s), 10)\n}\n", "locals {\n  a = upper(var.s)\n  x = parseint(local.a, 10)\n}\n",
		"busybox {\n  version = var.s\n}\n", "busybox {\n  sha256 = var.s\n}\n", "busybox {\n  file = var.s\n}\n", "busybox {\n  config = var.s\n}\n",
		"busybox {\n  url = var.s\n}\n", "busybox {\n  urls = [var.s]\n}\n", "busybox {\n  set = { (var.s) = true }\n}\n", "busybox {\n  set = { FOO = [var.s] }\n}\n",
		"busybox {\n  set = { FOO = \"${var.s}\\n\" }\n}\n", "busybox {\n  applets {\n    only = [\"/${var.s}\"]\n  }\n}\n",
		"rootfs {\n  directory \"/x\" { mode = var.s }\n}\n", "rootfs {\n  directory \"/x\" { uid = var.s }\n}\n", "rootfs {\n  file \"/x\" { source = var.s }\n}\n",
		"rootfs {\n  overlay \"/\" { source = \"~/${var.s}\" }\n}\n", "rootfs {\n  device \"/x\" {\n    type  = var.s\n    major = var.s\n    minor = 1\n  }\n}\n",
		"export \"rootfs\" { format = var.s }\n", "export \"docker\" { cmd = var.s }\n", "export \"docker\" { cmd = { x = var.s } }\n",
		"toolchain \"sw64\" {\n  cpu = var.s\n}\n", "toolchain \"sw64\" {\n  from \"path\" {\n    dir = \"~/x\"\n    prefix = \"/${var.s}\"\n  }\n}\n",
		"variable \"v\" {\n  default = 1\n  validation {\n    condition = var.s + 1\n    error_message = var.s\n  }\n}\n",
		"variable \"v\" {\n  default = 1\n  validation {\n    condition = false\n    error_message = \"x ${var.s}\"\n  }\n}\n",
	} {
		doc, cfg, diags := loadText(t, variable+body+smallest, Options{Vars: []string{"s=" + secret}})
		if cfg != nil {
			t.Errorf("this should have been an error:\n%s", body)
		}
		checkComplete(t, diags)
		if said := renderDiags(t, doc, diags); strings.Contains(strings.ToLower(said), secret) {
			t.Errorf("the value is shown:\n%s", said)
		}
	}
}

func TestSensitiveInput(t *testing.T) {
	const secret = "hunter2"
	vars := filepath.Join(t.TempDir(), "x.vars.hcl")
	for _, line := range []string{"s = [\"" + secret + "\"]\n", "s = upper(\"" + secret + "\")\n"} {
		writeFile(t, vars, line)
		for _, opts := range []Options{
			{Vars: []string{"s=" + secret}}, {Env: []string{"MKMINI_VAR_s=" + secret}}, {VarFiles: []string{vars}},
			{Vars: []string{"sss=" + secret}},
		} {
			for _, typ := range []string{"number", "list(number)", "object({})"} {
				text := "variable \"s\" {\n  type      = " + typ + "\n  sensitive = true\n}\n" + smallest
				doc, cfg, diags := loadText(t, text, opts)
				if cfg != nil {
					t.Errorf("%+v is not an error for %s", opts, typ)
				}
				if said := renderDiags(t, doc, diags); strings.Contains(said, secret) {
					t.Errorf("the value is shown:\n%s", said)
				}
			}
		}
	}
}

func TestPlugins(t *testing.T) {
	doc, _ := Load("testdata/good/full.hcl", Options{})
	toolchains, exporters := doc.Plugins()
	names := func(refs []Ref) (all []string) {
		for _, r := range refs {
			all = append(all, fmt.Sprintf("%s:%d,%d", r.Name, r.Range.Start.Line, r.Range.Start.Column))
		}
		return all
	}
	if diff := cmp.Diff([]string{"sw64:51,11", "x86_64:62,11"}, names(toolchains)); diff != "" {
		t.Errorf("toolchains (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"docker:126,8", "oci:133,8", "rootfs:139,8"}, names(exporters)); diff != "" {
		t.Errorf("exporters (-want +got):\n%s", diff)
	}
}

func TestLoadFolder(t *testing.T) {
	doc, diags := Load("testdata/good/folder.d", Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	want := []string{"testdata/good/folder.d/10-name.hcl", "testdata/good/folder.d/20-blocks.hcl", "testdata/good/folder.d/locals.hcl"}
	if diff := cmp.Diff(want, doc.Files()); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if abs, _ := filepath.Abs("testdata/good/folder.d"); doc.Dir() != abs {
		t.Errorf("the folder is %s, want %s", doc.Dir(), abs)
	}
}

func TestLoadNothing(t *testing.T) {
	dir := t.TempDir()
	unreadable := filepath.Join(dir, "folder.hcl", "x")
	writeFile(t, unreadable, "")
	for _, path := range []string{"", filepath.Join(dir, "missing.hcl"), filepath.Join(dir, "missing", "x.hcl"), dir} {
		doc, cfg, diags := decodeAll(path, Options{})
		if cfg != nil || len(diags) != 1 || !diags.HasErrors() {
			t.Errorf("%q gave %v, want one error", path, diags)
		}
		if doc == nil || doc.Sources() == nil {
			t.Errorf("%q gave no document to print with", path)
		}
	}
}

// TestVarFileInFolder gives a file of variables that lies beside the
// configuration and ends like it.
func TestVarFileInFolder(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "main.hcl"), "variable \"x\" {}\nname = var.x\n"+smallest)
	vars := filepath.Join(dir, "my.hcl")
	writeFile(t, vars, "x = \"mine\"\n")
	_, cfg, diags := decodeAll(dir, Options{VarFiles: []string{vars}})
	if cfg == nil || cfg.Name != "mine" {
		t.Errorf("got %v, %v", cfg, diags)
	}
}

func TestRelativeToConfiguration(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "sub", "motd"), "hello")
	writeFile(t, filepath.Join(dir, "sub", "test.hcl"), "rootfs {\n  file \"/a\" { source = \"motd\" }\n  file \"/b\" { content = file(\"./motd\") }\n}\n"+smallest)
	t.Chdir(dir)
	_, cfg, diags := decodeAll("sub/test.hcl", Options{})
	if cfg == nil {
		t.Fatal(diags)
	}
	entries := cfg.Targets[0].Rootfs
	if want := filepath.Join(cfg.Dir, "motd"); !filepath.IsAbs(cfg.Dir) || entries[0].Source != want || entries[1].Content != "hello" {
		t.Errorf("in %s source is %q, content %q", cfg.Dir, entries[0].Source, entries[1].Content)
	}
}

func TestNoHome(t *testing.T) {
	_, cfg, diags := loadText(t, "rootfs {\n  overlay \"/\" { source = \"~/x\" }\n}\n"+smallest, Options{})
	if cfg != nil || !strings.Contains(diags.Error(), "HOME is not set") {
		t.Errorf("got %v", diags)
	}
}

func TestEmptyCatalog(t *testing.T) {
	doc, _ := Load("testdata/good/full.hcl", testOptions(t, "testdata/good/full.hcl"))
	cfg, diags := doc.Decode(Catalog{})
	if cfg != nil {
		t.Error("it was decoded without any plugin")
	}
	checkComplete(t, diags)
	for _, diag := range diags {
		if !strings.HasPrefix(diag.Summary, "Unknown ") {
			t.Errorf("got %s", diag)
		}
	}
}

func TestUndescribedPlugin(t *testing.T) {
	doc, _ := Load("testdata/good/minimal.hcl", Options{})
	_, diags := doc.Decode(Catalog{ToolchainNames: []string{"x86_64"}, Exporters: map[string]sdk.ExporterInfo{"docker": {}}})
	if len(diags) != 1 || diags[0].Summary != `Plugin "x86_64" not usable` {
		t.Errorf("got %v", diags)
	}
}

func TestPluginDescriptions(t *testing.T) {
	for _, a := range [][]sdk.Attribute{
		{{Name: "a", Type: ""}}, {{Name: "a", Type: "list("}}, {{Name: "a", Type: "list(nothing)"}},
		{{Name: "a", Type: "number", Default: []byte(`"many"`)}}, {{Name: "a", Type: "string", Default: []byte(`{`)}},
		{{Name: "a", Type: "string", OneOf: []string{"x"}, Default: []byte(`"y"`)}}, {{Name: "a", Type: "string"}, {Name: "a", Type: "bool"}},
		{{Name: "a", Type: "list(string)", Default: []byte(`[null]`)}},
	} {
		if _, err := pluginAttributes(a); err == nil {
			t.Errorf("%+v is taken as a description", a)
		}
	}
	attrs, err := pluginAttributes([]sdk.Attribute{
		{Name: "n", Type: "string", Default: []byte("null")},
		{Name: "o", Type: "object({ a = optional(number, 3), b = bool })", Default: []byte(`{"b": true}`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	object, _, err := values{"n": {}, "o": {}}.object(attrs)
	if want := `{"o":{"a":3,"b":true}}`; err != nil || string(object) != want {
		t.Errorf("the defaults are %s (%v), want %s", object, err, want)
	}
}

func TestRange(t *testing.T) {
	want := fault.Range{File: "x.hcl", Start: fault.Position{Line: 1, Column: 2, Byte: 3}, End: fault.Position{Line: 4, Column: 5, Byte: 6}}
	if got := Range(HCLRange(want)); got != want {
		t.Errorf("there and back it is %+v", got)
	}
}

func TestNearest(t *testing.T) {
	options := []string{"x86_64", "aarch64", "sw64", "docker", "tag", "tags", "content"}
	for given, want := range map[string]string{
		"x86-64": "x86_64", "x86": "x86_64", "sw_64": "sw64", "tga": "tag", "Docker": "docker",
		"dokcer": "docker", "contents": "content", "taggs": "tags", "vax": "", "": "", "é": "",
	} {
		if got := nearest(given, options); got != want {
			t.Errorf("nearest(%q) = %q, want %q", given, got, want)
		}
	}
}
