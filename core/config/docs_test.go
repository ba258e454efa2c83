package config

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/release"
)

// copyable are the configurations that users start from.
const copyable = "../../configs"

func TestConfigs(t *testing.T) {
	files, err := filepath.Glob(copyable + "/*.hcl")
	if err != nil || len(files) < 4 {
		t.Fatalf("found %v in %s (%v), want four or more", files, copyable, err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			doc, cfg, diags := decodeAll(path, Options{})
			if len(diags) > 0 {
				t.Fatalf("Decode:\n%s", renderDiags(t, doc, diags))
			}
			if cfg.Name != "minios" {
				t.Errorf("the name is %q, want minios", cfg.Name)
			}
			var archs, exports []string
			for _, target := range cfg.Targets {
				archs = append(archs, target.Arch)
			}
			for _, e := range cfg.Exports {
				exports = append(exports, e.Plugin)
			}
			want := []string{strings.TrimSuffix(filepath.Base(path), ".hcl")}
			switch want[0] {
			case "multiarch":
				want = []string{"x86_64", "aarch64", "sw64"}
			case "host":
				want = []string{"x86_64"}
			}
			if diff := cmp.Diff(want, archs); diff != "" {
				t.Errorf("architectures (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{"docker", "oci", "rootfs", "rootfs"}, exports); diff != "" {
				t.Errorf("exports (-want +got):\n%s", diff)
			}
			if formatted, diags := FormatFile(path); diags.HasErrors() || formatted.Changed {
				t.Errorf("it is not laid out as mkmini fmt does it (%v)", diags)
			}
		})
	}
}

func TestConfigSW64(t *testing.T) {
	for _, file := range []string{"sw64.hcl", "multiarch.hcl"} {
		_, cfg, diags := decodeAll(filepath.Join(copyable, file), Options{Vars: []string{"swgcc=/usr/sw/swgcc830_cross_tools"}})
		if cfg == nil {
			t.Fatal(diags)
		}
		target := cfg.Targets[len(cfg.Targets)-1]
		from := target.Toolchain.From
		if target.Arch != "sw64" || len(from) != 2 || from[0].Dir != "/usr/sw/swgcc830_cross_tools" || from[1].Kind != "host" {
			t.Errorf("%s: the compiler of %s comes from %+v", file, target.Arch, from)
		}
	}
}

// reference is the page whose examples are tested.
const reference = "../../docs/reference/configuration.md"

func TestReference(t *testing.T) {
	page, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(page), "```hcl\n")
	if len(parts) < 10 {
		t.Fatalf("%s has only %d examples", reference, len(parts)-1)
	}
	dir := t.TempDir()
	for name, content := range map[string]string{
		"busybox.config": "CONFIG_ASH=y\n", "build/x86_64/server": "", "files/profile": "PS1='# '\n", "overlay/etc/x": "",
		"files/issue.tmpl": "%{ for u in users }${u} %{ endfor }\n",
	} {
		writeFile(t, filepath.Join(dir, name), content)
	}
	for _, part := range parts[1:] {
		example, _, _ := strings.Cut(part, "```\n")
		path := filepath.Join(dir, "example.hcl")
		writeFile(t, path, example)
		doc, _, diags := decodeAll(path, Options{Env: []string{"HOME=/home/mini"}})
		if len(diags) > 0 {
			t.Errorf("example\n%s\n%s", example, renderDiags(t, doc, diags))
		}
		if formatted := string(Format([]byte(example))); formatted != example {
			t.Errorf("an example is not laid out as mkmini fmt does it (-want +got):\n%s", cmp.Diff(formatted, example))
		}
	}
}

// TestReferenceIsComplete looks for every name that the language has.
func TestReferenceIsComplete(t *testing.T) {
	text, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	shapes := []shape{top, {attrs: toolchainAttrs}, muslShape, requiredShape, provenanceShape, signShape, busyboxShape, appletsShape, rootfsShape, sbomShape, variableShape, validationShape}
	for _, kind := range fromKinds {
		shapes = append(shapes, shape{attrs: kind.attrs})
	}
	for _, kind := range slices.Sorted(maps.Keys(entryShapes)) {
		shapes = append(shapes, entryShape(kind))
	}
	names := Functions()
	for _, s := range shapes {
		names = slices.Concat(names, s.attrNames(), s.blockNames())
	}
	for _, e := range catalog().Exporters {
		for _, a := range e.Attributes {
			names = append(names, a.Name)
		}
	}
	for _, name := range names {
		if !strings.Contains(page, "`"+name+"`") {
			t.Errorf("%s doesn't explain `%s`", reference, name)
		}
	}
	for _, soft := range []release.Software{release.Busybox(), release.Musl()} {
		for _, version := range soft.Versions() {
			if !strings.Contains(page, version) {
				t.Errorf("%s doesn't name %s %s", reference, soft.Name, version)
			}
		}
	}
}

func writeFile(t testing.TB, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
