package gcc

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/plugins/sdk"
)

func TestProbeOfThisMachinesCompiler(t *testing.T) {
	// Orders that a user's environment may hold; a probe follows none.
	for _, name := range []string{"GCC_EXEC_PREFIX", "LIBRARY_PATH", "C_INCLUDE_PATH", "CPATH", "COMPILER_PATH"} {
		t.Setenv(name, t.TempDir()+"/")
	}
	t.Setenv("CFLAGS", "-nonsense")
	t.Setenv("LC_ALL", "de_DE.UTF-8")
	_, c := probed(t)
	var names []string
	for _, fact := range c.Facts {
		if fact.Name == "tc_cbq" { // where Linux's headers are new
			fact = sdk.Fact{Name: "known_problems", Status: sdk.OK}
		}
		names = append(names, fact.Name)
		if fact.Status != sdk.OK {
			t.Errorf("%s is %s: %s", fact.Name, fact.Status, fact.Value)
		}
	}
	want := []string{"runs", "version", "target", "sysroot", "libc", "kernel_headers", "macros", "cpu", "cpus", "c99", "large_files",
		"elf", "static_link", "static_run", "tools", "host_tools", "known_problems"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
	if !c.CanRun || len(c.Emulator) > 0 {
		t.Errorf("CanRun = %v, Emulator = %q on the machine itself", c.CanRun, c.Emulator)
	}
	if !strings.HasPrefix(c.Version, "gcc ") || strings.Count(c.Version, ", ") != 2 {
		t.Errorf("Version = %q", c.Version)
	}
	for _, want := range []string{"cc1", "collect2", "libc.a", "crt1.o", "libgcc.a", "features.h", "version.h"} {
		if !slices.ContainsFunc(c.Files, func(file string) bool { return filepath.Base(file) == want }) {
			t.Errorf("Files %q lack %s", c.Files, want)
		}
	}
	for _, want := range []string{"libc.so.6", "ld", "crtbeginS.o"} {
		if !slices.ContainsFunc(c.Shared, func(file string) bool { return strings.HasPrefix(filepath.Base(file), want) }) {
			t.Errorf("Shared %q lack %s", c.Shared, want)
		}
	}
	for _, file := range slices.Concat(c.Files, c.Shared) {
		if info, err := os.Lstat(file); err != nil || !info.Mode().IsRegular() {
			t.Errorf("%s among Files is no regular file: %v", file, err)
		}
	}
}

func TestProbeRefuses(t *testing.T) {
	info, cc := native(t)
	foreign := make([]byte, 64)
	copy(foreign, "\x7fELF\x02\x01\x01")
	foreign[16], foreign[18], foreign[19] = 2, 0x16, 0x99
	tests := []struct {
		name   string
		prefix string // of the compiler
		info   func(*sdk.ToolchainInfo)
		attr   map[string]any
		want   []string // the facts that fail
		detail string   // a part of the first diagnostic
		remedy string
	}{
		{name: "missing", prefix: t.TempDir() + "/", want: []string{"runs"}, detail: "There is no file", remedy: "apt-get install"},
		{name: "not executable", prefix: file(t, []byte("#!/bin/sh\n"), 0o644), want: []string{"runs"}, detail: "may not be executed", remedy: "chmod"},
		{name: "for another host", prefix: file(t, foreign, 0o755), want: []string{"runs"}, detail: "machine 0x9916", remedy: "runs on"},
		{name: "interpreter missing", prefix: file(t, []byte("#!/absent/sh\n"), 0o755), want: []string{"runs"}, detail: "dynamic linker", remedy: "Install"},
		{name: "blank in its name", prefix: "/opt/my gcc/bin/", want: []string{"runs"}, detail: "holds a blank", remedy: "symlink"},
		{name: "fails", prefix: wrapper(t, cc, "echo no licence >&2; exit 3"), want: []string{"runs"}, detail: "exit status 3"},
		{name: "other target", prefix: wrapper(t, cc, "case $1 in -dumpmachine) echo alpha-linux-gnu; exit;; esac"), want: []string{"target"},
			info:   func(i *sdk.ToolchainInfo) { i.Lookalikes = map[string]string{"alpha-*": "An Alpha is another."} },
			detail: "An Alpha is another.", remedy: "from \"path\""},
		{name: "other machine", prefix: wrapper(t, cc, ""), want: []string{"elf"},
			info: func(i *sdk.ToolchainInfo) { i.ELF.Machines = []uint16{0x9916} }, detail: "needs ELF64 little-endian, machine 0x9916"},
		{name: "no libc.a", prefix: wrapper(t, cc, `case " $* " in *" -static "*) echo "ld: cannot find -lc" >&2; exit 1;; esac`),
			want: []string{"static_link"}, detail: "libc.a", remedy: "libc6-dev"},
		{name: "no libc.a of a vendor", prefix: wrapper(t, cc, `case " $* " in *" -static "*) echo "ld: cannot find -lc" >&2; exit 1;; esac`),
			info: func(i *sdk.ToolchainInfo) { i.Packages = nil }, want: []string{"static_link"}, detail: "libc.a", remedy: "sysroot"},
		{name: "crashes", prefix: wrapper(t, cc, `case " $* " in *" -static "*) set -- "$@" -Wl,-e,0;; esac`), want: []string{"static_run"}, detail: "does not run natively"},
		{name: "no headers", prefix: wrapper(t, cc, `case " $* " in *" -E "*) set -- -nostdinc "$@";; esac`),
			want: []string{"libc", "kernel_headers"}, detail: "header files of the C library", remedy: "libc6-dev"},
		{name: "no strip", prefix: without(t, wrapper(t, cc, ""), "strip"), want: []string{"tools"}, detail: "strip", remedy: "binutils"},
		{name: "wrong cpu", prefix: wrapper(t, cc, ""), attr: map[string]any{"cpu": "sw6b"}, want: []string{"macros"}, detail: "-march=sw6b", remedy: "cpu"},
		{name: "wrong flag", prefix: wrapper(t, cc, ""), attr: map[string]any{"cflags": []string{"-fnonsense"}}, want: []string{"macros"}, detail: "-fnonsense"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.name == "not executable" && os.Geteuid() == 0 {
				t.Log("root, too, needs an x bit to execute")
			}
			info := info
			if test.info != nil {
				test.info(&info)
			}
			req := sdk.ProbeRequest{CC: test.prefix + "gcc", Prefix: test.prefix, WorkDir: t.TempDir()}
			if test.attr != nil {
				req.Attributes = attributes(t, test.attr)
			}
			c, err := New(info).Probe(t.Context(), req)
			var problems sdk.Diagnostics
			if !errors.As(err, &problems) {
				t.Fatalf("err = %v, want diagnostics", err)
			}
			var failed []string
			for _, fact := range c.Facts {
				if fact.Status == sdk.Fail {
					failed = append(failed, fact.Name)
				}
			}
			if diff := cmp.Diff(test.want, failed); diff != "" {
				t.Errorf("%s\n%v", diff, err)
			}
			if !strings.Contains(problems[0].Detail, test.detail) {
				t.Errorf("detail = %q, want one with %q", problems[0].Detail, test.detail)
			}
			if !strings.Contains(problems[0].Remedy, test.remedy) || problems[0].Remedy == "" {
				t.Errorf("remedy = %q, want one with %q", problems[0].Remedy, test.remedy)
			}
		})
	}
}

func TestProbeNamesWhatTheMachineLacks(t *testing.T) {
	info, cc := native(t)
	dir := t.TempDir()
	names := []string{"as", "ld"} // which gcc itself looks for
	for _, tool := range hostTools {
		names = append(names, tool.name)
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil && name != "make" && name != "bzip2" {
			if err := os.Symlink(path, filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "apt-get"), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	_, err := New(info).Probe(t.Context(), sdk.ProbeRequest{CC: cc, Prefix: strings.TrimSuffix(cc, "gcc"), WorkDir: t.TempDir()})
	problem := onlyProblem(t, err)
	if !strings.Contains(problem.Remedy, "apt-get install make bzip2") {
		t.Errorf("remedy = %q", problem.Remedy)
	}
}

func TestProbeWithoutAnEmulatorSkips(t *testing.T) {
	info, cc := native(t)
	info.HostMachines = nil
	info.Emulators = []string{"qemu-absent"}
	c, err := New(info).Probe(t.Context(), sdk.ProbeRequest{CC: cc, Prefix: strings.TrimSuffix(cc, "gcc"), WorkDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	for _, fact := range c.Facts {
		if fact.Name == "static_run" && (fact.Status != sdk.Skipped || !strings.Contains(fact.Remedy, "qemu-user-static")) {
			t.Errorf("fact %+v", fact)
		}
	}
	if c.CanRun {
		t.Error("CanRun without anything to run on")
	}
}

func TestProbeUsesTheFirstEmulatorThatIsThere(t *testing.T) {
	info, cc := native(t)
	dir := t.TempDir()
	writeScript(t, filepath.Join(dir, "emulator-b"), `exec "$@"`)
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	info.HostMachines = nil
	info.Emulators = []string{"emulator-a", "emulator-b", "emulator-c"}
	c, err := New(info).Probe(t.Context(), sdk.ProbeRequest{CC: cc, Prefix: strings.TrimSuffix(cc, "gcc"), WorkDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{filepath.Join(dir, "emulator-b")}; !c.CanRun || !slices.Equal(c.Emulator, want) {
		t.Errorf("CanRun = %v, Emulator = %q, want %q", c.CanRun, c.Emulator, want)
	}
}

// An emulator that the plugin names is used in place of what the description
// says, also on a machine that could do without.
func TestProbeUsesTheEmulatorThatIsNamed(t *testing.T) {
	info, cc := native(t)
	named := filepath.Join(t.TempDir(), "vendor-emulator")
	writeScript(t, named, `[ "$1" = -x ] || exit 3; shift; exec "$@"`)
	c, err := New(info).Probe(t.Context(), sdk.ProbeRequest{
		CC: cc, Prefix: strings.TrimSuffix(cc, "gcc"), WorkDir: t.TempDir(), Emulator: []string{named, "-x"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{named, "-x"}; !c.CanRun || !slices.Equal(c.Emulator, want) {
		t.Errorf("CanRun = %v, Emulator = %q, want %q", c.CanRun, c.Emulator, want)
	}
}

func TestProbeIsCancelled(t *testing.T) {
	info, cc := native(t)
	ctx, cancel := context.WithCancel(t.Context())
	prefix := wrapper(t, cc, "echo $$ >>"+filepath.Join(t.TempDir(), "started")+"; sleep 100")
	cancel()
	if _, err := New(info).Probe(ctx, sdk.ProbeRequest{CC: prefix + "gcc", Prefix: prefix, WorkDir: t.TempDir()}); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v, want %v", err, context.Canceled)
	}
}

func TestFlagsRefuseWhatMakeCannotPass(t *testing.T) {
	for name, values := range map[string]map[string]any{
		"cpu": {"cpu": "a b"}, "cflags": {"cflags": []string{"-O2", "-DX=$(Y)"}}, "ldflags": {"ldflags": []string{"-Wl,-z,x -s"}},
	} {
		_, err := New(sdk.ToolchainInfo{}).flags(attributes(t, values))
		if got := onlyProblem(t, err).Path; !slices.Equal(got, []string{"attributes", name}) {
			t.Errorf("path = %q, want that of %s", got, name)
		}
	}
}

func TestFlags(t *testing.T) {
	toolchain := New(sdk.ToolchainInfo{CPUFlag: "-march=", CFlags: []string{"-mabi=x"}, LDFlags: []string{"-Wl,-a"}})
	got, err := toolchain.flags(attributes(t, map[string]any{"cpu": "z9", "cflags": []string{"-O3"}, "ldflags": []string{"-Wl,-b"}}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"-mabi=x", "-march=z9", "-O3", "-Wl,-a", "-Wl,-b"}, slices.Concat(got.compile, got.link)); diff != "" {
		t.Error(diff)
	}
}

func TestParseHeaders(t *testing.T) {
	h := parseHeaders("# 0 \"a.c\"\n# 1 \"/usr/include/features.h\" 1 3 4\n#define A 1 2\n#define B\n# 2 \"/usr/include/features.h\" 2\n#define C 3\n#undef C\nint x;\n#")
	if diff := cmp.Diff(map[string]string{"A": "1 2", "B": ""}, h.macros); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"/usr/include/features.h"}, h.files); diff != "" {
		t.Error(diff)
	}
}

func FuzzParseHeaders(f *testing.F) {
	f.Add("# 1 \"/usr/include/features.h\" 1 3 4\n#define A 1\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, file := range parseHeaders(text).files {
			if !filepath.IsAbs(file) {
				t.Errorf("%q is not absolute", file)
			}
		}
	})
}

func TestLibcVersion(t *testing.T) {
	for want, macros := range map[string]map[string]string{
		"glibc 2.36": {"__GLIBC__": "2", "__GLIBC_MINOR__": "36"},
		"uclibc 1.0.43": {"__GLIBC__": "2", "__GLIBC_MINOR__": "2", "__UCLIBC__": "1",
			"__UCLIBC_MAJOR__": "1", "__UCLIBC_MINOR__": "0", "__UCLIBC_SUBLEVEL__": "43"},
		"musl": {},
	} {
		if got := libcVersion(macros, "x86_64-linux"); got != want {
			t.Errorf("%v is %q, want %q", macros, got, want)
		}
	}
}

// file writes a file named gcc, and returns its prefix.
func file(t *testing.T, content []byte, mode os.FileMode) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "gcc")
	if err := os.WriteFile(name, content, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(name, "gcc")
}

// without removes a tool from a compiler's folder.
func without(t *testing.T, prefix, tool string) string {
	t.Helper()
	if err := os.Remove(prefix + tool); err != nil {
		t.Fatal(err)
	}
	return prefix
}
