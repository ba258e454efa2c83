package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/mkmini/mkmini/core/config"
)

// TestChoose writes places down and reads them again.
func TestChoose(t *testing.T) {
	places := map[string]config.From{
		"a": {Kind: "host"},
		"b": {Kind: "path", Dir: "/opt/x ${y}", Prefix: "x-"},
		"c": {Kind: "deb", Deb: &config.Deb{Packages: []string{"gcc-x", "libc-x"}, Suite: "bookworm"}},
		"d": {Kind: "archive", Archive: &config.Archive{URLs: []string{"https://a.example/x", "https://b.example/x"}, SHA256: strings.Repeat("a", 64), Strip: 2, Bin: "usr/bin"}},
		"e": {Kind: "archive", Archive: &config.Archive{File: "/x.tar"}, Prefix: "y-"},
		"f": {Kind: "oci", OCI: &config.OCI{Image: "a.example/b:1", Bin: "bin"}},
		"g": {Kind: "oci", OCI: &config.OCI{Image: "/x/layout", Path: true}},
		"h": {Kind: "deb", Deb: &config.Deb{}},
	}
	text := []byte("# mine\ntoolchain \"z\" {\n  from \"host\" {} # stays\n}\n")
	for label, from := range places {
		for range 2 { // the second replaces the first
			var ok bool
			if text, ok = config.Choose(text, label, &from); !ok {
				t.Fatalf("%+v can't be written", from)
			}
		}
	}
	got, _, diags := config.Choices(text, "/home/x/choices.hcl", "/home/x")
	if diags.HasErrors() {
		t.Fatalf("%v in\n%s", diags, text)
	}
	want := map[string][]config.From{"z": {{Kind: "host"}}}
	for label, from := range places {
		want[label] = []config.From{from}
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(config.From{}, "Range"), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("read again (-want +got):\n%s", diff)
	}
	for label := range places {
		text, _ = config.Choose(text, label, nil)
	}
	if strings.TrimSpace(string(text)) != "# mine\ntoolchain \"z\" {\n  from \"host\" {} # stays\n}" {
		t.Errorf("taken back:\n%s", text)
	}
	if _, ok := config.Choose(nil, "a", &config.From{Kind: "source"}); ok {
		t.Error("a place that isn't known was written")
	}
}

func TestChoicesRefused(t *testing.T) {
	for text, want := range map[string]string{
		`toolchain "a" {`:                               "unclosed",
		`store = "x"`:                                   "store",
		`toolchain "a" { cpu = "x" }`:                   "cpu",
		`export "docker" {}`:                            "export",
		"toolchain \"a\" {}\ntoolchain \"a\" {}":        "Duplicate",
		`toolchain "a" { from "moon" {} }`:              "moon",
		`toolchain "a" { from "path" { dir = var.x } }`: "x",
	} {
		text = strings.ReplaceAll(strings.ReplaceAll(text, "{ from", "{\n from"), "} }", "}\n}")
		_, file, diags := config.Choices([]byte(text), "c.hcl", "")
		if !diags.HasErrors() || !strings.Contains(strings.ToLower(diags.Error()), strings.ToLower(want)) || file == nil {
			t.Errorf("%s: %v, want %q", text, diags, want)
		}
	}
}

func FuzzChoices(f *testing.F) {
	f.Add("toolchain \"a\" {\n  from \"archive\" {\n    file = \"x\"\n  }\n}\n")
	f.Fuzz(func(t *testing.T, text string) {
		found, _, diags := config.Choices([]byte(text), "/c.hcl", "/home")
		if diags.HasErrors() {
			return
		}
		for label, from := range found {
			again, ok := config.Choose([]byte(text), label, &from[0])
			if !ok {
				continue
			}
			if _, _, diags := config.Choices(again, "/c.hcl", "/home"); diags.HasErrors() {
				t.Errorf("%v in\n%s", diags, again)
			}
		}
	})
}
