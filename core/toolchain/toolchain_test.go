package toolchain_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/toolchain"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// prober is a toolchain plugin that believes every compiler whose driver
// doesn't hold the word bad. It counts.
type prober struct {
	sdk.Toolchain
	probes []string
	// refusal is what it says of all compilers, if it isn't nil.
	refusal sdk.Diagnostics
	// shared are the libraries that it finds.
	shared []string
}

func (p *prober) Probe(_ context.Context, req sdk.ProbeRequest) (sdk.Compiler, error) {
	p.probes = append(p.probes, req.CC)
	entries, err := os.ReadDir(req.WorkDir)
	if err != nil || len(entries) > 0 {
		return sdk.Compiler{}, errors.New("the work folder is not an empty one")
	}
	data, err := os.ReadFile(req.CC)
	if err != nil {
		return sdk.Compiler{}, err
	}
	if p.refusal != nil {
		return sdk.Compiler{}, p.refusal
	}
	if strings.Contains(string(data), "bad") {
		return sdk.Compiler{}, sdk.Diagnostics{{Summary: "Compiler is for another architecture", Detail: req.CC + " is bad.", Remedy: "Take another."}}
	}
	return sdk.Compiler{CC: req.CC, Prefix: req.Prefix, Target: "sw_64-sunway-linux-gnu", Files: []string{req.CC}, Shared: p.shared}, nil
}

var info = sdk.ToolchainInfo{
	Arch:         "sw64",
	Triplets:     []string{"sw_64-sunway-linux-gnu", "sw_64*-linux*"},
	HostMachines: []string{"sw_64"},
}

// driver writes a compiler driver and returns its path.
func driver(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func manager(t *testing.T, machine string, path ...string) *toolchain.Manager {
	t.Helper()
	return &toolchain.Manager{Dir: t.TempDir(), Host: toolchain.Host{Path: path, Machine: machine}}
}

func request(from ...config.From) toolchain.Request {
	return toolchain.Request{
		Toolchain: config.Toolchain{
			Plugin: "sw64", From: from, Attributes: json.RawMessage(`{}`),
			Range: fault.Range{File: "sw64.hcl", Start: fault.Position{Line: 3, Column: 1}},
		},
		Info: info, Plugin: "sha256:plugin",
	}
}

func TestOrderOfPlaces(t *testing.T) {
	dir := t.TempDir()
	vendor := filepath.Join(dir, "vendor")
	onPath := filepath.Join(dir, "path")
	inVendor := driver(t, filepath.Join(vendor, "usr/bin/sw_64-sunway-linux-gnu-gcc"), "good")
	wildcard := driver(t, filepath.Join(onPath, "sw_64sw6b-sunway-linux-gnu-gcc"), "good")
	plain := driver(t, filepath.Join(onPath, "gcc"), "good")
	odd := driver(t, filepath.Join(dir, "odd[1] */bin/swcc-gcc"), "good")
	tests := []struct {
		name    string
		machine string
		from    []config.From
		want    string
	}{
		{"no block is the host", "x86_64", nil, wildcard},
		{"path before host", "x86_64", []config.From{{Kind: "path", Dir: vendor}, {Kind: "host"}}, inVendor},
		{"host before path", "x86_64", []config.From{{Kind: "host"}, {Kind: "path", Dir: vendor}}, wildcard},
		{"a path that is not set is passed over", "x86_64", []config.From{{Kind: "path"}, {Kind: "host"}}, wildcard},
		{"a prefix", "x86_64", []config.From{{Kind: "path", Dir: filepath.Join(dir, "odd[1] *"), Prefix: "swcc-"}}, odd},
		{"any compiler in a folder that was named", "x86_64", []config.From{{Kind: "path", Dir: filepath.Join(dir, "odd[1] *")}}, odd},
		{"the plain gcc on such a machine, after the triplets", "sw_64", []config.From{{Kind: "path", Dir: onPath, Prefix: ""}}, wildcard},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := manager(t, test.machine, onPath)
			got, remarks, err := m.Obtain(t.Context(), request(test.from...), &prober{}, t.TempDir(), nil)
			if err != nil || len(remarks) > 0 {
				t.Fatal(err, remarks)
			}
			if got.Compiler.CC != test.want {
				t.Errorf("compiler %s, want %s", got.Compiler.CC, test.want)
			}
		})
	}
	t.Run("the plain gcc where the machine is of that architecture", func(t *testing.T) {
		if err := os.Remove(wildcard); err != nil {
			t.Fatal(err)
		}
		got, _, err := manager(t, "sw_64", onPath).Obtain(t.Context(), request(), &prober{}, t.TempDir(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got.Compiler.CC != plain || got.Compiler.Prefix != filepath.Join(onPath)+"/" {
			t.Errorf("compiler %s with prefix %s", got.Compiler.CC, got.Compiler.Prefix)
		}
		if _, _, err := manager(t, "x86_64", onPath).Obtain(t.Context(), request(), &prober{}, t.TempDir(), nil); err == nil {
			t.Error("the plain gcc of another machine was taken")
		}
	})
}

func TestKnown(t *testing.T) {
	bin := t.TempDir()
	cc := driver(t, filepath.Join(bin, "sw_64-sunway-linux-gnu-gcc"), "good")
	m := manager(t, "x86_64", bin)
	if _, ok := m.Known(request()); ok {
		t.Fatal("known before it was probed")
	}
	p := &prober{}
	first, _, err := m.Obtain(t.Context(), request(), p, t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	again, ok := m.Known(request())
	if diff := cmp.Diff(first, again); !ok || diff != "" {
		t.Fatalf("known %v (-probed +known):\n%s", ok, diff)
	}
	changes := map[string]func(r *toolchain.Request){
		"another plugin":   func(r *toolchain.Request) { r.Plugin = "sha256:other" },
		"other attributes": func(r *toolchain.Request) { r.Toolchain.Attributes = json.RawMessage(`{"cpu":"sw6b"}`) },
	}
	for name, change := range changes {
		r := request()
		change(&r)
		if _, ok := m.Known(r); ok {
			t.Errorf("still known with %s", name)
		}
	}
	driver(t, cc, "good, and newer")
	if _, ok := m.Known(request()); ok {
		t.Error("still known although the compiler changed")
	}
	second, _, err := m.Obtain(t.Context(), request(), p, t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if first.Fingerprint == second.Fingerprint {
		t.Error("another compiler has the same fingerprint")
	}
}

// TestSharedLibraryChanges updates a C library that programs load. The compiler
// is the same for static ones.
func TestSharedLibraryChanges(t *testing.T) {
	bin := t.TempDir()
	driver(t, filepath.Join(bin, "sw_64-sunway-linux-gnu-gcc"), "good")
	libc := driver(t, filepath.Join(bin, "libc.so.6"), "2.36-9")
	m, p := manager(t, "x86_64", bin), &prober{shared: []string{libc}}
	first, _, err := m.Obtain(t.Context(), request(), p, t.TempDir(), nil)
	if err != nil || first.Shared == "" {
		t.Fatalf("shared %q, %v", first.Shared, err)
	}
	driver(t, libc, "2.36-9+deb12u1")
	if _, ok := m.Known(request()); ok {
		t.Error("still known although the library changed")
	}
	second, _, err := m.Obtain(t.Context(), request(), p, t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if first.Shared == second.Shared || first.Fingerprint != second.Fingerprint {
		t.Errorf("the libraries' fingerprints are %s and %s, the compiler's %s and %s", first.Shared, second.Shared, first.Fingerprint, second.Fingerprint)
	}
}

func TestFingerprintIgnoresFolder(t *testing.T) {
	var prints []string
	for range 2 {
		bin := t.TempDir()
		driver(t, filepath.Join(bin, "sw_64-sunway-linux-gnu-gcc"), "good")
		p, _, err := manager(t, "x86_64", bin).Obtain(t.Context(), request(), &prober{}, t.TempDir(), nil)
		if err != nil {
			t.Fatal(err)
		}
		prints = append(prints, p.Fingerprint)
	}
	if prints[0] != prints[1] {
		t.Errorf("fingerprints differ: %q", prints)
	}
}

func TestPassesOverBadCompiler(t *testing.T) {
	bad, good := t.TempDir(), t.TempDir()
	worse := driver(t, filepath.Join(bad, "sw_64-sunway-linux-gnu-gcc"), "bad")
	driver(t, filepath.Join(good, "sw_64-sunway-linux-gnu-gcc"), "good")
	m := manager(t, "x86_64", bad, good)
	p := &prober{}
	got, remarks, err := m.Obtain(t.Context(), request(), p, t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Dir(got.Compiler.CC) != good {
		t.Errorf("took %s", got.Compiler.CC)
	}
	if len(remarks) != 1 || !strings.Contains(remarks[0], "is bad") {
		t.Errorf("remarks = %q", remarks)
	}
	if _, ok := m.Known(request()); !ok {
		t.Error("the choice is not remembered")
	}
	driver(t, worse, "mended")
	if _, ok := m.Known(request()); ok {
		t.Error("the choice is remembered although the compiler before it changed")
	}
}

func TestRefusals(t *testing.T) {
	bin := t.TempDir()
	driver(t, filepath.Join(bin, "sw_64-sunway-linux-gnu-gcc"), "bad")
	tests := []struct {
		name string
		req  toolchain.Request
		path string
		want fault.Error
	}{
		{"no compiler at all", request(config.From{Kind: "path"}, config.From{Kind: "path", Dir: "/nonexistent"}, config.From{Kind: "host"}), t.TempDir(), fault.Error{
			Step: "toolchain for sw64", Summary: "No compiler for sw64 found",
			Detail: "None of the places of this block has a C compiler for sw64.",
			Remedy: `No Debian package holds this compiler: get it from the vendor of the processor, then point to a compiler's folder with from "path" { dir = "/path/to/compiler" } in toolchain "sw64".`,
			Excerpt: []string{
				`from "path": dir is not set`,
				`from path "/nonexistent": there is no such folder`,
				`from "host": no sw_64-sunway-linux-gnu-gcc on PATH`,
				`from "host": no sw_64*-linux*-gcc on PATH`,
				`from "host": the plain gcc was not looked for, since this machine is x86_64`,
			},
		}},
		{"the only compiler is refused", request(), bin, fault.Error{
			Step: "toolchain for sw64", Summary: "Compiler is for another architecture",
			Detail: filepath.Join(bin, "sw_64-sunway-linux-gnu-gcc") + " is bad.", Remedy: "Take another.",
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, _, err := manager(t, "x86_64", test.path).Obtain(t.Context(), test.req, &prober{}, t.TempDir(), nil)
			var got *fault.Error
			if !errors.As(err, &got) {
				t.Fatalf("err = %v", err)
			}
			test.want.Range = &test.req.Toolchain.Range
			if diff := cmp.Diff(&test.want, got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAllThatIsWrong has a compiler refused for several reasons.
func TestAllThatIsWrong(t *testing.T) {
	bin := t.TempDir()
	cc := driver(t, filepath.Join(bin, "sw_64-sunway-linux-gnu-gcc"), "")
	driver(t, filepath.Join(bin, "sw_64sw6b-sunway-linux-gnu-gcc"), "")
	req := request()
	at := func(line int) fault.Range {
		return fault.Range{File: "sw64.hcl", Start: fault.Position{Line: line, Column: 3}}
	}
	req.Toolchain.AttributeRanges = map[string]fault.Range{"cpu": at(4), "cflags": at(5), "cflags.1": at(6)}
	tests := []struct {
		name    string
		refusal sdk.Diagnostics
		want    []string // summary, line, and whether the configuration is at fault
	}{
		{"of different attributes", sdk.Diagnostics{
			{Summary: "A", Path: []string{"attributes", "cpu"}},
			{Severity: sdk.Warning, Summary: "B"},
			{Summary: "C", Path: []string{"attributes", "cflags", "1"}},
			{Summary: "D", Path: []string{"attributes", "cflags", "2"}},
			{Summary: "E", Path: []string{"attributes", "ldflags", "2"}},
			{Summary: "F", Path: []string{"elsewhere", "cpu"}},
		}, []string{"A 4 true", "C 6 true", "D 5 true", "E 3 false", "F 3 false"}},
		{"for no reason", sdk.Diagnostics{}, []string{"Compiler refused without a reason 3 false"}},
		{"with a warning alone", sdk.Diagnostics{{Severity: sdk.Warning, Summary: "B"}}, []string{"Compiler refused without a reason 3 false"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, _, err := manager(t, "x86_64", bin).Obtain(t.Context(), req, &prober{refusal: test.refusal}, t.TempDir(), nil)
			faults := []error{err}
			if joined, ok := err.(interface{ Unwrap() []error }); ok {
				faults = joined.Unwrap()
			}
			examined, err := manager(t, "x86_64", bin).Examine(t.Context(), req, &prober{refusal: test.refusal}, t.TempDir(), nil)
			if err != nil || len(examined) != 2 || len(examined[0].Problems) != len(test.want) {
				t.Errorf("examined: %+v, %v", examined, err)
			}
			var got []string
			for i, one := range faults {
				f, ok := one.(*fault.Error)
				if !ok || f.Remedy == "" {
					t.Fatalf("err = %v", one)
				}
				got = append(got, fmt.Sprintf("%s %d %v", f.Summary, f.Range.Start.Line, f.Usage))
				// The other compiler is told of once.
				if (len(f.Excerpt) == 1) != (i == 0) || strings.Contains(strings.Join(f.Excerpt, ""), cc+" ") {
					t.Errorf("%s: excerpt %q", f.Summary, f.Excerpt)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

// TestRemedyNamesWhatIsThere looks for a compiler with and without apt.
func TestRemedyNamesWhatIsThere(t *testing.T) {
	req := request()
	req.Info.Packages = []string{"gcc-sw64-linux-gnu"}
	for _, apt := range []bool{true, false} {
		bin := t.TempDir()
		if apt {
			driver(t, filepath.Join(bin, "apt-get"), "")
		}
		t.Setenv("PATH", bin)
		_, _, err := manager(t, "x86_64", bin).Obtain(t.Context(), req, &prober{}, t.TempDir(), nil)
		var f *fault.Error
		if !errors.As(err, &f) || !strings.Contains(f.Remedy, "gcc-sw64-linux-gnu") || strings.Contains(f.Remedy, "apt-get") != apt {
			t.Errorf("apt: %v, err = %v", apt, err)
		}
		if f != nil && !apt && !strings.Contains(f.Remedy, "Debian") {
			t.Errorf("remedy: %s", f.Remedy)
		}
	}
}
