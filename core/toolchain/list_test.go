package toolchain_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/toolchain"
	"github.com/mkmini/mkmini/plugins/sdk"
)

func TestRecords(t *testing.T) {
	steps := t.TempDir()
	brought := filepath.Join(steps, "0123abcd")
	inStore := driver(t, filepath.Join(brought, "bin/sw_64-sunway-linux-gnu-gcc"), "good")
	if err := os.Link(inStore, filepath.Join(brought, "twin")); err != nil {
		t.Fatal(err)
	}
	host := t.TempDir()
	onHost := driver(t, filepath.Join(host, "sw_64-sunway-linux-gnu-gcc"), "good on the host")
	m := manager(t, "x86_64", host)
	conf := filepath.Join(t.TempDir(), "sw64.hcl")
	if err := os.WriteFile(conf, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	fromStore := request(config.From{Kind: "path", Dir: brought})
	fromStore.Toolchain.Range.File = conf
	fromHost := request()
	fromHost.Toolchain.Range.File = filepath.Join(t.TempDir(), "gone.hcl")
	for _, req := range []toolchain.Request{fromStore, fromHost} {
		if _, _, err := m.Obtain(t.Context(), req, &prober{}, t.TempDir(), nil); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // asked for again
		if _, ok := m.Known(fromStore); !ok {
			t.Fatal("not known")
		}
	}
	driver(t, onHost, "good, and newer")
	records, err := m.Records(steps)
	if err != nil || len(records) != 2 {
		t.Fatalf("%+v, %v", records, err)
	}
	type brief struct {
		Arch, CC, Tree string
		Size           int64
		Holds          bool
		Users          []string
	}
	var got []brief
	for _, r := range records {
		if r.Used.IsZero() {
			t.Errorf("nobody knows when %s was used", r.Compiler.CC)
		}
		got = append(got, brief{r.Arch, r.Compiler.CC, r.Tree, r.Size, r.Holds, r.Users})
	}
	want := []brief{
		{"sw64", inStore, brought, int64(len("good")), true, []string{conf}},
		{"sw64", onHost, "", 0, false, []string{}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

func TestRecordsOfAnEmptyOrDamagedStore(t *testing.T) {
	m := manager(t, "x86_64")
	if records, err := m.Records("/absent"); err != nil || len(records) != 0 {
		t.Errorf("%+v, %v", records, err)
	}
	for _, name := range []string{"sw64-1.json", "nodash.json"} {
		if err := os.WriteFile(filepath.Join(m.Dir, name), []byte("{"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if records, err := m.Records("/absent"); err != nil || len(records) != 0 {
		t.Errorf("%+v, %v", records, err)
	}
}

func TestExamine(t *testing.T) {
	bad, good := t.TempDir(), t.TempDir()
	first := driver(t, filepath.Join(bad, "sw_64-sunway-linux-gnu-gcc"), "bad")
	second := driver(t, filepath.Join(good, "sw_64-sunway-linux-gnu-gcc"), "good")
	m := manager(t, "x86_64", bad, good)
	examined, err := m.Examine(t.Context(), request(config.From{Kind: "path"}, config.From{Kind: "host"}), &prober{}, t.TempDir(), nil)
	if err != nil || len(examined) != 2 {
		t.Fatalf("%+v, %v", examined, err)
	}
	if examined[0].CC != first || len(examined[0].Problems) != 1 || examined[1].CC != second || len(examined[1].Problems) != 0 {
		t.Errorf("examined %+v", examined)
	}
	var none *fault.Error
	if _, err := m.Examine(t.Context(), request(config.From{Kind: "path"}), &prober{}, t.TempDir(), nil); !errors.As(err, &none) || len(none.Excerpt) != 1 {
		t.Errorf("without any compiler: %v", err)
	}
	if _, known := m.Known(request()); known {
		t.Error("a check is remembered like a choice")
	}
	if records, _ := m.Records(""); len(records) > 0 {
		t.Errorf("records %+v", records)
	}
}

func TestArchitectures(t *testing.T) {
	dir := t.TempDir()
	driver(t, filepath.Join(dir, "usr/bin/sw_64-sunway-linux-gnu-gcc"), "good")
	driver(t, filepath.Join(dir, "bin/gcc"), "good")
	other := sdk.ToolchainInfo{Arch: "riscv64", Triplets: []string{"riscv64-linux-gnu"}}
	if diff := cmp.Diff([]string{"sw64"}, toolchain.Architectures(dir, []sdk.ToolchainInfo{other, info})); diff != "" {
		t.Error(diff)
	}
	if got := toolchain.Architectures(t.TempDir(), []sdk.ToolchainInfo{other, info}); len(got) > 0 {
		t.Errorf("in an empty folder: %q", got)
	}
}

func TestEnv(t *testing.T) {
	bin := t.TempDir()
	prefix := filepath.Join(bin, "alpha-linux-gnu-")
	for _, tool := range []string{"gcc", "ar", "strip"} {
		driver(t, prefix+tool, "")
	}
	info := sdk.ToolchainInfo{KernelArch: "alpha", CFlags: []string{"-O2", "-mieee"}, LDFlags: []string{"-Wl,--no-relax"}}
	c := sdk.Compiler{CC: prefix + "gcc", Prefix: prefix, Facts: []sdk.Fact{{Name: "sysroot", Value: "/opt/root"}}}
	want := []toolchain.Variable{
		{Name: "ARCH", Value: "alpha"}, {Name: "CROSS_COMPILE", Value: prefix}, {Name: "CC", Value: prefix + "gcc"},
		{Name: "AR", Value: prefix + "ar"}, {Name: "STRIP", Value: prefix + "strip"}, {Name: "SYSROOT", Value: "/opt/root"},
		{Name: "CFLAGS", Value: "-O2 -mieee"}, {Name: "LDFLAGS", Value: "-Wl,--no-relax"}, {Name: "PATH", Value: bin + ":/usr/bin"},
	}
	if diff := cmp.Diff(want, toolchain.Env(info, c, "/usr/bin")); diff != "" {
		t.Errorf("with everything (-want +got):\n%s", diff)
	}
	c.Facts[0].Value = "built in"
	want = append(want[:5:5], want[6:8]...)
	if diff := cmp.Diff(want, toolchain.Env(info, c, "/usr/bin:"+bin)); diff != "" {
		t.Errorf("with less (-want +got):\n%s", diff)
	}
}
