package plan_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/plan"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// input returns a system of two architectures and two exports, all known.
func input() plan.Input {
	target := func(arch string) config.Target {
		return config.Target{
			Arch:      arch,
			Toolchain: config.Toolchain{Plugin: arch, Attributes: json.RawMessage(`{}`)},
			Busybox:   config.Busybox{Version: "1.35.0", SHA256: strings.Repeat("a", 64), Config: "defconfig", Set: map[string]string{"FOO": "y"}},
		}
	}
	return plan.Input{
		Config: &config.Config{
			Name:    "mini",
			Targets: []config.Target{target("x86_64"), target("aarch64")},
			Exports: []config.Export{
				{Plugin: "docker", Attributes: map[string]json.RawMessage{"x86_64": json.RawMessage(`{}`), "aarch64": json.RawMessage(`{}`)}},
				{Plugin: "oci", Attributes: map[string]json.RawMessage{"": json.RawMessage(`{}`)}},
			},
		},
		Mkmini: "sha256:self",
		Plugins: map[string]plan.Plugin{
			"x86_64": {Digest: "sha256:p1"}, "aarch64": {Digest: "sha256:p2"},
			"docker": {Digest: "sha256:p3", Exporter: &sdk.ExporterInfo{}},
			"oci":    {Digest: "sha256:p4", Exporter: &sdk.ExporterInfo{MultiArch: true}},
		},
		Compilers: map[string]string{"x86_64": "sha256:c1", "aarch64": "sha256:c2"},
		Runners:   map[string]string{"x86_64": "this machine", "aarch64": "qemu-aarch64"},
		Configs:   map[string]string{},
		Entries:   map[string][]plan.Part{"x86_64": {{Name: `file "/etc/motd"`, Value: "sha256:e"}}},
		Epoch:     time.Unix(315532800, 0),
	}
}

func ids(p plan.Plan) []string {
	var list []string
	for _, s := range p.Steps {
		list = append(list, s.ID)
	}
	return list
}

func TestOrder(t *testing.T) {
	p := plan.Make(input())
	want := []string{
		"source/busybox-1.35.0-aaaaaaaaaaaa",
		"toolchain/x86_64", "busybox/x86_64", "rootfs/x86_64", "check/x86_64",
		"toolchain/aarch64", "busybox/aarch64", "rootfs/aarch64", "check/aarch64",
		"export/1-docker/x86_64", "export/1-docker/aarch64", "export/2-oci",
	}
	if diff := cmp.Diff(want, ids(p)); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	seen := map[string]bool{}
	for _, s := range p.Steps {
		for _, need := range s.Needs {
			if !seen[need] {
				t.Errorf("%s comes before %s, which it needs", s.ID, need)
			}
		}
		if s.Key == "" || strings.ContainsAny(s.Key, "/ ") {
			t.Errorf("%s has key %q, which is no file name", s.ID, s.Key)
		}
		seen[s.ID] = true
	}
}

// TestChanges changes one input at a time, and looks which keys follow.
func TestChanges(t *testing.T) {
	tests := []struct {
		name   string
		change func(*plan.Input)
		want   []string
	}{
		{"nothing", func(*plan.Input) {}, nil},
		{"a rootfs file", func(in *plan.Input) { in.Entries["x86_64"][0].Value = "sha256:f" },
			[]string{"rootfs/x86_64", "check/x86_64", "export/1-docker/x86_64", "export/2-oci"}},
		{"a compiler", func(in *plan.Input) { in.Compilers["aarch64"] = "sha256:c3" },
			[]string{"toolchain/aarch64", "busybox/aarch64", "rootfs/aarch64", "check/aarch64", "export/1-docker/aarch64", "export/2-oci"}},
		{"a busybox symbol", func(in *plan.Input) { in.Config.Targets[1].Busybox.Set = map[string]string{"FOO": "n"} },
			[]string{"busybox/aarch64", "rootfs/aarch64", "check/aarch64", "export/1-docker/aarch64", "export/2-oci"}},
		{"an attribute of an export", func(in *plan.Input) { in.Config.Exports[1].Attributes[""] = json.RawMessage(`{"a":1}`) },
			[]string{"export/2-oci"}},
		{"an exporter", func(in *plan.Input) { in.Plugins["docker"] = plan.Plugin{Digest: "sha256:new"} },
			[]string{"export/1-docker/x86_64", "export/1-docker/aarch64"}},
		{"an emulator", func(in *plan.Input) { in.Runners["aarch64"] = "nothing" }, []string{"check/aarch64"}},
		{"the name", func(in *plan.Input) { in.Config.Name = "maxi" },
			[]string{"export/1-docker/x86_64", "export/1-docker/aarch64", "export/2-oci"}},
	}
	before := plan.Make(input())
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			in := input()
			test.change(&in)
			var changed []string
			for _, s := range plan.Make(in).Steps {
				if old, _ := before.Step(s.ID); old.Key != s.Key {
					changed = append(changed, s.ID)
				}
			}
			if diff := cmp.Diff(test.want, changed); diff != "" {
				t.Errorf("steps with other keys (-want +got):\n%s", diff)
			}
		})
	}
}

// TestLibc asks for a C library for one architecture, and changes what may or
// may not have a say in it.
func TestLibc(t *testing.T) {
	with := func(change func(*plan.Input)) plan.Plan {
		in := input()
		in.Config.Targets[1].Toolchain.Libc = "musl"
		in.Config.Targets[1].Musl = &config.Source{Version: "1.2.3", SHA256: strings.Repeat("b", 64), URLs: []string{"https://example.com/musl"}}
		change(&in)
		return plan.Make(in)
	}
	before := with(func(*plan.Input) {})
	want := []string{"toolchain/aarch64", "source/musl-1.2.3-bbbbbbbbbbbb", "libc/aarch64", "busybox/aarch64"}
	if got := ids(before)[5:9]; !slices.Equal(got, want) {
		t.Errorf("steps %q, want %q among them", got, want)
	}
	source, _ := before.Step(want[1])
	if source.Source.Debian != "musl" || len(source.Source.URLs) != 2 || source.Source.URLs[0] != "https://example.com/musl" {
		t.Errorf("the source is %+v", source.Source)
	}
	if title := source.Title(input().Config); title != "source musl" {
		t.Errorf("its title is %q", title)
	}
	busybox, _ := before.Step("busybox/aarch64")
	if !slices.Contains(busybox.Needs, "libc/aarch64") {
		t.Errorf("busybox needs %q", busybox.Needs)
	}
	for _, test := range []struct {
		name   string
		change func(*plan.Input)
		want   []string // of libc and busybox
	}{
		{"the compiler", func(in *plan.Input) { in.Compilers["aarch64"] = "sha256:c3" }, []string{"libc/aarch64", "busybox/aarch64"}},
		{"an option", func(in *plan.Input) { in.Config.Targets[1].Toolchain.Attributes = json.RawMessage(`{"cpu":"x"}`) }, []string{"libc/aarch64", "busybox/aarch64"}},
		{"its source", func(in *plan.Input) { in.Config.Targets[1].Musl.SHA256 = strings.Repeat("c", 64) }, []string{"libc/aarch64", "busybox/aarch64"}},
		{"where it is", func(in *plan.Input) { in.Config.Targets[1].Musl.URLs = nil }, nil},
		{"the time", func(in *plan.Input) { in.Epoch = time.Unix(1, 0) }, []string{"busybox/x86_64", "busybox/aarch64"}},
		{"none", func(in *plan.Input) { in.Config.Targets[1].Musl = nil }, []string{"busybox/aarch64"}},
		{"busybox", func(in *plan.Input) { in.Config.Targets[1].Busybox.Set = nil }, []string{"busybox/aarch64"}},
		{"a shared one", func(in *plan.Input) { in.Config.Targets[1].Busybox.Dynamic = true }, []string{"libc/aarch64", "busybox/aarch64"}},
	} {
		var changed []string
		for _, s := range with(test.change).Steps {
			if old, _ := before.Step(s.ID); old.Key != s.Key && (s.Kind == plan.Libc || s.Kind == plan.Busybox) {
				changed = append(changed, s.ID)
			}
		}
		if diff := cmp.Diff(test.want, changed); diff != "" {
			t.Errorf("%s: other keys (-want +got):\n%s", test.name, diff)
		}
	}
}

// TestSharedLibraries changes what programs load: a busybox that does is made
// again, with the system that it is in, and a static one is not.
func TestSharedLibraries(t *testing.T) {
	with := func(digest string) plan.Plan {
		in := input()
		in.Config.Targets[1].Busybox.Dynamic = true
		in.Libraries = map[string]string{"x86_64": digest, "aarch64": digest}
		return plan.Make(in)
	}
	before := with("sha256:l1")
	var changed []string
	for _, s := range with("sha256:l2").Steps {
		if old, _ := before.Step(s.ID); old.Key != s.Key {
			changed = append(changed, s.ID)
		}
	}
	want := []string{"busybox/aarch64", "rootfs/aarch64", "check/aarch64", "export/1-docker/aarch64", "export/2-oci"}
	if diff := cmp.Diff(want, changed); diff != "" {
		t.Errorf("other keys (-want +got):\n%s", diff)
	}
}

// TestSBOM asks for documents, which are made of much and which only some
// exporters read.
func TestSBOM(t *testing.T) {
	with := func(change func(*plan.Input)) plan.Plan {
		in := input()
		in.Config.SBOM = &config.SBOM{Formats: []string{"spdx"}, Attach: true}
		in.Plugins["oci"] = plan.Plugin{Digest: "sha256:p4", Exporter: &sdk.ExporterInfo{MultiArch: true, Attachments: true}}
		in.Origins = map[string]string{"x86_64": "host {}", "aarch64": "deb {}"}
		change(&in)
		return plan.Make(in)
	}
	before := with(func(*plan.Input) {})
	for _, s := range before.Steps {
		if got, want := slices.Contains(s.Needs, "sbom/x86_64"), s.ID == "export/2-oci"; got != want || s.Key == "" {
			t.Errorf("%s: reads the SBOM: %v, key %q", s.ID, got, s.Key)
		}
	}
	for _, test := range []struct {
		name   string
		change func(*plan.Input)
		want   []string
	}{
		{"who it is from", func(in *plan.Input) { in.Config.SBOM.Supplier = "example.org" }, []string{"sbom/x86_64", "sbom/aarch64", "export/2-oci"}},
		{"where a compiler is from", func(in *plan.Input) { in.Origins["x86_64"] = "path {}" }, []string{"sbom/x86_64", "export/2-oci"}},
		{"where busybox is from", func(in *plan.Input) { in.Config.Targets[0].Busybox.URLs = []string{"https://example.com/b"} }, []string{"sbom/x86_64", "export/2-oci"}},
		{"not attached", func(in *plan.Input) { in.Config.SBOM.Attach = false }, []string{"export/2-oci"}},
	} {
		var changed []string
		for _, s := range with(test.change).Steps {
			if old, _ := before.Step(s.ID); old.Key != s.Key {
				changed = append(changed, s.ID)
			}
		}
		if diff := cmp.Diff(test.want, changed); diff != "" {
			t.Errorf("%s: other keys (-want +got):\n%s", test.name, diff)
		}
	}
}

// TestUnknownCompiler leaves keys empty that depend on a compiler that has
// not been probed.
func TestUnknownCompiler(t *testing.T) {
	in := input()
	delete(in.Compilers, "aarch64")
	var unknown []string
	for _, s := range plan.Make(in).Steps {
		if s.Key == "" {
			unknown = append(unknown, s.ID)
		}
	}
	want := []string{"toolchain/aarch64", "busybox/aarch64", "rootfs/aarch64", "check/aarch64", "export/1-docker/aarch64", "export/2-oci"}
	if diff := cmp.Diff(want, unknown); diff != "" {
		t.Errorf("unknown keys (-want +got):\n%s", diff)
	}
}

func TestAppletOrderHasNoSay(t *testing.T) {
	a, b := input(), input()
	a.Config.Targets[0].Busybox.Only = []string{"sh", "ls"}
	b.Config.Targets[0].Busybox.Only = []string{"ls", "sh"}
	if plan.Make(a).Steps[2].Key != plan.Make(b).Steps[2].Key {
		t.Error("the order of applets changes the key")
	}
	b.Config.Targets[0].Busybox.Only = []string{"ls"}
	if plan.Make(a).Steps[2].Key == plan.Make(b).Steps[2].Key {
		t.Error("an applet less has the same key")
	}
}

func TestWhy(t *testing.T) {
	before := []plan.Part{{Name: "a", Value: "1"}, {Name: "b", Value: "2"}, {Name: "c", Value: "3"}}
	now := []plan.Part{{Name: "a", Value: "1"}, {Name: "b", Value: "9"}, {Name: "d", Value: "4"}}
	got := plan.Changes(before, now)
	want := []string{"b changed", "d is new", "c is gone"}
	if !slices.Equal(got, want) {
		t.Errorf("changes = %q, want %q", got, want)
	}
}

func TestTitle(t *testing.T) {
	in := input()
	in.Config.Exports = append(in.Config.Exports, in.Config.Exports[0])
	var titles []string
	for _, s := range plan.Make(in).Steps {
		if s.Arch == "x86_64" && s.Kind == plan.Export {
			titles = append(titles, s.Title(in.Config))
		}
	}
	if diff := cmp.Diff([]string{"export docker", "export docker (2)"}, titles); diff != "" {
		t.Errorf("titles (-want +got):\n%s", diff)
	}
}

// TestWithoutBusybox compiles nothing, and needs no compiler.
func TestWithoutBusybox(t *testing.T) {
	in := input()
	in.Config.SBOM = &config.SBOM{Formats: []string{"spdx"}}
	in.Config.Targets = in.Config.Targets[:1]
	in.Config.Targets[0].Busybox.Disabled = true
	in.Compilers = nil
	var got []string
	for _, s := range plan.Make(in).Steps {
		got = append(got, s.ID)
		if s.Key == "" {
			t.Errorf("%s: nothing is unknown, and it has no key", s.ID)
		}
	}
	if want := []string{"rootfs/x86_64", "check/x86_64", "sbom/x86_64"}; !slices.Equal(got[:3], want) {
		t.Errorf("the steps are %q", got)
	}
}
