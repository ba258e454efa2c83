package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"

	"github.com/mkmini/mkmini/plugins/sdk"
)

var update = flag.Bool("update", false, "write the expected files of testdata anew")

// catalog returns plugins much like the built-in ones, and two odd ones.
func catalog() Catalog {
	image := []sdk.Attribute{
		{Name: "tag", Type: "string", Doc: "The image's name and tag."},
		{Name: "tags", Type: "list(string)", Doc: "More names and tags."},
		{Name: "cmd", Type: "list(string)", Default: json.RawMessage(`["/bin/sh"]`), Doc: "The command."},
		{Name: "entrypoint", Type: "list(string)", Doc: "What the command is given to."},
		{Name: "env", Type: "map(string)", Doc: "Environment variables."},
		{Name: "labels", Type: "map(string)", Doc: "Labels."},
		{Name: "user", Type: "string", Doc: "The user that the command runs as."},
		{Name: "workdir", Type: "string", Doc: "The folder that the command runs in."},
		{Name: "author", Type: "string", Doc: "Who made the image."},
	}
	oci := append([]sdk.Attribute{
		{Name: "archive", Type: "bool", Default: json.RawMessage(`false`), Doc: "One tar in place of a folder."},
		{Name: "annotations", Type: "map(string)", Doc: "Annotations of the index."},
	}, image...)
	rootfs := []sdk.Attribute{{
		Name: "format", Type: "string", Default: json.RawMessage(`"tar.gz"`), Doc: "The archive's format.",
		OneOf: []string{"tar", "tar.gz", "tar.xz", "tar.zst", "cpio", "cpio.gz", "cpio.xz", "cpio.zst", "dir", "zip", "squashfs", "erofs", "ext4", "disk", "qcow2"},
	}, {
		Name: "size", Type: "string", Doc: "The image's size.",
	}, {
		Name: "compression", Type: "string", OneOf: []string{"gzip", "xz", "zstd"}, Doc: "The image's compression.",
	}}
	platform := func(arch string) sdk.Platform { return sdk.Platform{OS: "linux", Architecture: arch} }
	return Catalog{
		Toolchains: map[string]sdk.ToolchainInfo{
			"x86_64":      {Arch: "x86_64", Platform: platform("amd64"), Musl: "x86_64"},
			"aarch64":     {Arch: "aarch64", Platform: platform("arm64"), Musl: "aarch64"},
			"loongarch64": {Arch: "loongarch64", Platform: platform("loong64"), Musl: "loongarch64"},
			"greedy":      {Arch: "greedy", Attributes: []sdk.Attribute{{Name: "libc", Type: "string"}}},
			"sw64": {Arch: "sw64", Platform: platform("sw64"), Attributes: []sdk.Attribute{
				{Name: "cpu", Type: "string", OneOf: []string{"sw6a", "sw6b", "sw8a"}, Doc: "The processor."},
				{Name: "cflags", Type: "list(string)", Doc: "More options."},
			}},
			"vendor64": {Arch: "aarch64", Platform: platform("arm64"), Attributes: []sdk.Attribute{
				{Name: "licence", Type: "string", Required: true, Doc: "It is the licence's file."},
			}},
			"broken": {Arch: "broken", Attributes: []sdk.Attribute{{Name: "x", Type: "strng"}}},
		},
		Exporters: map[string]sdk.ExporterInfo{
			"docker": {Attributes: image},
			"oci":    {Attributes: oci, MultiArch: true},
			"rootfs": {Attributes: rootfs},
		},
		ToolchainNames: []string{"aarch64", "sw64", "x86_64"},
		ExporterNames:  []string{"docker", "oci", "rootfs"},
	}
}

// testOptions reads what a test needs of the command line from the first
// lines of its file: "# --var a=b", "# --var-file F" and "# env A=b".
func testOptions(t *testing.T, path string) Options {
	t.Helper()
	opts := Options{Env: []string{"HOME=/home/mini"}}
	info, err := os.Stat(path)
	if err != nil || info.IsDir() {
		return opts
	}
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(src)) {
		line = strings.TrimSuffix(line, "\n")
		if v, ok := strings.CutPrefix(line, "# --var "); ok {
			opts.Vars = append(opts.Vars, v)
		} else if v, ok := strings.CutPrefix(line, "# --var-file "); ok {
			opts.VarFiles = append(opts.VarFiles, filepath.Join(filepath.Dir(path), v))
		} else if v, ok := strings.CutPrefix(line, "# env "); ok {
			opts.Env = append(opts.Env, v)
		}
	}
	return opts
}

// decodeAll loads and decodes as the command does.
func decodeAll(path string, opts Options) (*Document, *Config, hcl.Diagnostics) {
	doc, diags := Load(path, opts)
	cfg, more := doc.Decode(catalog())
	return doc, cfg, append(diags, more...)
}

// renderDiags returns diagnostics as they are printed, and the second place of
// those that have one.
func renderDiags(t *testing.T, doc *Document, diags hcl.Diagnostics) string {
	t.Helper()
	var out bytes.Buffer
	w := hcl.NewDiagnosticTextWriter(&out, doc.Sources(), 78, false)
	for _, diag := range diags {
		if err := w.WriteDiagnostic(diag); err != nil {
			t.Fatal(err)
		}
		if r, ok := Related(diag); ok {
			fmt.Fprintf(&out, "[related: %s]\n\n", r)
		}
	}
	return out.String()
}

// checkGolden compares with a file, or writes it.
func checkGolden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; run the test with -update", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// testInputs returns the .hcl files and the folders of a folder of testdata.
func testInputs(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() && strings.HasSuffix(name, ".d") || strings.HasSuffix(name, ".hcl") && !strings.HasSuffix(name, ".vars.hcl") {
			paths = append(paths, filepath.Join(dir, name))
		}
	}
	if len(paths) == 0 {
		t.Fatalf("%s holds no tests", dir)
	}
	return paths
}

func TestBad(t *testing.T) {
	for _, path := range testInputs(t, "testdata/bad") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			doc, cfg, diags := decodeAll(path, testOptions(t, path))
			if !diags.HasErrors() || cfg != nil {
				t.Errorf("Decode gave %v and no error", cfg)
			}
			checkComplete(t, diags)
			checkGolden(t, strings.TrimSuffix(path, filepath.Ext(path))+".diag", renderDiags(t, doc, diags))
		})
	}
}

// checkComplete holds what is promised of every diagnostic.
func checkComplete(t *testing.T, diags hcl.Diagnostics) {
	t.Helper()
	for _, diag := range diags {
		if diag.Subject == nil || diag.Subject.Filename == "" {
			t.Errorf("%q has no place", diag.Summary)
		}
		if diag.Summary == "" || strings.HasSuffix(diag.Summary, ".") || diag.Summary[:1] != strings.ToUpper(diag.Summary[:1]) {
			t.Errorf("summary %q is not capitalised, or has a period", diag.Summary)
		}
		if len(diag.Detail) < 20 {
			t.Errorf("%q has no detail to speak of: %q", diag.Summary, diag.Detail)
		}
	}
}

func TestGood(t *testing.T) {
	for _, path := range testInputs(t, "testdata/good") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			doc, cfg, diags := decodeAll(path, testOptions(t, path))
			if cfg == nil {
				t.Fatalf("Decode failed:\n%s", renderDiags(t, doc, diags))
			}
			got := dump(t, cfg)
			for range 5 {
				_, again, _ := decodeAll(path, testOptions(t, path))
				if diff := cmp.Diff(got, dump(t, again)); diff != "" {
					t.Fatalf("decoding it again gave something else:\n%s", diff)
				}
			}
			checkGolden(t, strings.TrimSuffix(path, filepath.Ext(path))+".json", got+renderDiags(t, doc, diags))
		})
	}
}

// dump returns a Config as JSON whose ranges are short, whose paths don't
// depend on where the source is, and in which null, "" and false are left out.
func dump(t *testing.T, cfg *Config) string {
	t.Helper()
	text, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.ReplaceAll(text, []byte(cfg.Dir), []byte("DIR"))
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		t.Fatal(err)
	}
	text, err = json.MarshalIndent(shortRanges(tree), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text) + "\n"
}

func shortRanges(tree any) any {
	switch node := tree.(type) {
	case map[string]any:
		start, isRange := node["Start"].(map[string]any)
		if end, ok := node["End"].(map[string]any); ok && isRange {
			return fmt.Sprintf("%v:%v,%v-%v,%v", node["File"], start["Line"], start["Column"], end["Line"], end["Column"])
		}
		for k, v := range node {
			if v == nil || v == "" || v == false {
				delete(node, k)
				continue
			}
			node[k] = shortRanges(v)
		}
	case []any:
		for i, v := range node {
			node[i] = shortRanges(v)
		}
	}
	return tree
}
