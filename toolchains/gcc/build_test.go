package gcc

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/plugins/sdk"
	"github.com/mkmini/mkmini/toolchains/gcc/gcctest"
	"github.com/mkmini/mkmini/toolchains/gcc/kconfig"
)

// newBuild returns a request for a small busybox.
func newBuildRequest(t *testing.T, c sdk.Compiler, source string, only ...string) sdk.BuildRequest {
	t.Helper()
	return sdk.BuildRequest{
		Compiler: c, Version: gcctest.Version, SourceDir: source, WorkDir: t.TempDir(), OutDir: t.TempDir(),
		Config: "defconfig", Only: only, Jobs: 2, Epoch: time.Unix(315532800, 0),
	}
}

// snapshot lists a folder: mode, and content or target, by name.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		switch {
		case entry.IsDir():
			all[rel] = info.Mode().String()
		case entry.Type()&fs.ModeSymlink != 0:
			target, err := os.Readlink(name)
			if err != nil {
				return err
			}
			all[rel] = "-> " + target
		default:
			data, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			all[rel] = fmt.Sprintf("%v %x", info.Mode(), sha256.Sum256(data))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestSameBytes builds one configuration in different circumstances, and once
// by busybox's own makefiles alone.
func TestSameBytes(t *testing.T) {
	source := gcctest.Source(t)
	toolchain, c := probed(t)
	before := snapshot(t, source)
	only := []string{"sh", "ls", "cat", "[", "nslookup", "linuxrc"} // nslookup needs libresolv
	builds := []struct {
		name  string
		jobs  int
		umask int
		dir   string
		plain bool
	}{
		{"as it is", 2, 0o022, "a", false},
		{"elsewhere", 3, 0o077, "another place (b)", false},
		{"by kbuild", 2, 0o002, "c", true},
	}
	var first map[string]string
	for _, one := range builds {
		old := syscall.Umask(one.umask)
		defer syscall.Umask(old)
		dir := filepath.Join(t.TempDir(), one.dir)
		req := newBuildRequest(t, c, source, only...)
		req.Jobs, req.WorkDir, req.OutDir = one.jobs, filepath.Join(dir, "work"), filepath.Join(dir, "out")
		if err := os.MkdirAll(req.OutDir, 0o755); err != nil {
			t.Fatal(err)
		}
		result, err := toolchain.build(t.Context(), req, nil, one.plain)
		syscall.Umask(old)
		if err != nil {
			t.Fatalf("%s: %v", one.name, err)
		}
		if diff := cmp.Diff([]string{"[", "cat", "linuxrc", "ls", "nslookup", "sh"}, result.Applets); diff != "" {
			t.Errorf("%s: %s", one.name, diff)
		}
		got := snapshot(t, filepath.Join(req.OutDir, result.Tree))
		config, err := os.ReadFile(filepath.Join(req.OutDir, result.Config))
		if err != nil {
			t.Fatal(err)
		}
		got["config"] = string(config)
		program, err := os.ReadFile(filepath.Join(req.OutDir, result.Tree, "bin", "busybox"))
		if err != nil {
			t.Fatal(err)
		}
		if banner := "BusyBox v" + gcctest.Version + " (1980-01-01 00:00:00 UTC)"; !strings.Contains(string(program), banner) {
			t.Errorf("%s: %q is not in it", one.name, banner)
		}
		if first == nil {
			first = got
		}
		if diff := cmp.Diff(first, got); diff != "" {
			t.Errorf("%s: %s", one.name, diff)
		}
		out, err := exec.Command(filepath.Join(req.OutDir, result.Tree, "bin", "sh"), "-c", "echo $((6*7))").Output()
		if err != nil || string(out) != "42\n" {
			t.Errorf("%s: the shell says %q, %v", one.name, out, err)
		}
	}
	if diff := cmp.Diff(before, snapshot(t, source)); diff != "" {
		t.Error("the source was written to:", diff)
	}
}

// TestDefconfig builds everything, the quick way and by kbuild, as the quick
// way must not change a byte.
func TestDefconfig(t *testing.T) {
	if testing.Short() {
		t.Skip("two full builds")
	}
	source := gcctest.Source(t)
	toolchain, c := probed(t)
	req := newBuildRequest(t, c, source)
	var done, total int
	phases := []string{}
	result, err := toolchain.Build(t.Context(), req, func(r sdk.Report) {
		if !slices.Contains(phases, r.Phase) {
			phases = append(phases, r.Phase)
		}
		if r.Phase != "compile" {
			return
		}
		if r.Done < done || total != 0 && r.Total != total {
			t.Errorf("%d/%d after %d/%d", r.Done, r.Total, done, total)
		}
		done, total = r.Done, r.Total
	})
	if err != nil {
		t.Fatal(err)
	}
	if done != total || total < 500 {
		t.Errorf("progress ended with %d/%d", done, total)
	}
	if diff := cmp.Diff([]string{"configure", "compile", "link", "install"}, phases); diff != "" {
		t.Error(diff)
	}
	if len(result.Applets) < 390 {
		t.Errorf("%d applets, want 390 or more", len(result.Applets))
	}
	kbuild := newBuildRequest(t, c, source)
	if _, err := toolchain.build(t.Context(), kbuild, nil, true); err != nil {
		t.Fatal(err)
	}
	want := snapshot(t, filepath.Join(kbuild.OutDir, treeName))
	if diff := cmp.Diff(want, snapshot(t, filepath.Join(req.OutDir, treeName))); diff != "" {
		t.Error(diff)
	}
	log, err := os.ReadFile(filepath.Join(req.OutDir, result.Log))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(log), "'getpwnam'") {
		t.Error("glibc's NSS functions for users are linked in")
	}
}

// TestConfigureAsByHand compares a configuration with what the usual three
// commands make: defconfig, edit, oldconfig.
func TestConfigureAsByHand(t *testing.T) {
	source := gcctest.Source(t)
	toolchain, c := probed(t)
	req := newBuildRequest(t, c, source)
	req.Without = []string{"telnetd", "vi"}
	b := configured(t, toolchain, req)
	dir := t.TempDir()
	run := func(goal string) {
		t.Helper()
		cmd := exec.Command("make", "-C", source, "O="+dir, "ARCH="+toolchain.info.KernelArch, goal)
		cmd.Env = append(os.Environ(), "KCONFIG_NOTIMESTAMP=1")
		cmd.Stdin = strings.NewReader(answers)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("make %s: %v\n%s", goal, err, out)
		}
	}
	run("defconfig")
	name := filepath.Join(dir, ".config")
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	values := kconfig.ParseValues(string(data))
	for symbol, value := range b.request.values {
		values[symbol] = value
	}
	if err := os.WriteFile(name, []byte(values.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	run("oldconfig")
	if data, err = os.ReadFile(name); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(kconfig.ParseValues(string(data)), b.final); diff != "" {
		t.Error(diff)
	}
}

// configured takes a build as far as its final configuration.
func configured(t *testing.T, toolchain *Toolchain, req sdk.BuildRequest) *build {
	t.Helper()
	space, err := newWorkspace(req.SourceDir, req.WorkDir)
	if err != nil {
		t.Fatal(err)
	}
	log, err := newBuildLog(filepath.Join(req.WorkDir, logName))
	if err != nil {
		t.Fatal(err)
	}
	defer log.close()
	b := &build{workspace: space, info: toolchain.info, req: req, progress: func(sdk.Report) {}, log: log,
		tools: tools{dir: space.tmp, env: environment(space.tmp)}}
	if err := b.plan(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := b.configure(t.Context()); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestADroppedSymbolIsExplained(t *testing.T) {
	source := gcctest.Source(t)
	toolchain, c := probed(t)
	req := newBuildRequest(t, c, source)
	req.Without, req.Set = []string{"wget"}, map[string]string{"FEATURE_WGET_TIMEOUT": "y"}
	_, err := toolchain.Build(t.Context(), req, nil)
	problem := onlyProblem(t, err)
	if !strings.Contains(problem.Detail, "depends on WGET") || !slices.Equal(problem.Path, []string{"busybox", "set", "FEATURE_WGET_TIMEOUT"}) {
		t.Errorf("diagnostic %+v", problem)
	}
}

func TestACompileErrorIsShown(t *testing.T) {
	source := gcctest.Source(t)
	toolchain, c := probed(t)
	appendTo(t, filepath.Join(source, "coreutils", "cat.c"), "\nint broken(void) { return undeclared; }\n")
	req := newBuildRequest(t, c, source, "cat")
	_, err := toolchain.Build(t.Context(), req, nil)
	problem := onlyProblem(t, err)
	if len(problem.Excerpt) < 2 {
		t.Fatalf("diagnostic %+v", problem)
	}
	first, command := problem.Excerpt[0], problem.Excerpt[len(problem.Excerpt)-1]
	if !strings.Contains(first, "coreutils/cat.c:") || !strings.Contains(first, "error: 'undeclared' undeclared") {
		t.Errorf("first line = %q", first)
	}
	if !strings.HasPrefix(command, c.CC+" ") || !strings.HasSuffix(command, "coreutils/cat.c") {
		t.Errorf("command = %q", command)
	}
	log, err := os.ReadFile(problem.Log)
	if err != nil || !strings.Contains(string(log), "'undeclared' undeclared") {
		t.Errorf("the log %s does not hold the error: %v", problem.Log, err)
	}
	if entries, err := os.ReadDir(req.OutDir); err != nil || len(entries) > 0 {
		t.Errorf("a failed build left %v, %v", entries, err)
	}
}

func TestALinkErrorIsShown(t *testing.T) {
	source := gcctest.Source(t)
	toolchain, c := probed(t)
	appendTo(t, filepath.Join(source, "coreutils", "true.c"),
		"\nint absent(void);\nint calls(void);\nint calls(void) { return absent(); }\nint (*keep)(void) = calls;\n")
	_, err := toolchain.Build(t.Context(), newBuildRequest(t, c, source, "true"), nil)
	problem := onlyProblem(t, err)
	if problem.Summary != "Busybox does not link" || !strings.Contains(strings.Join(problem.Excerpt, "\n"), "`absent'") {
		t.Errorf("diagnostic %+v", problem)
	}
}

func TestOtherWaysToInstall(t *testing.T) {
	source := gcctest.Source(t)
	toolchain, c := probed(t)
	req := newBuildRequest(t, c, source, "cat", "true")
	req.Set = map[string]string{"INSTALL_APPLET_HARDLINKS": "y"}
	result, err := toolchain.Build(t.Context(), req, nil)
	if err != nil {
		t.Fatal(err)
	}
	tree := filepath.Join(req.OutDir, result.Tree, "bin")
	busybox, err := os.Stat(filepath.Join(tree, "busybox"))
	if err != nil {
		t.Fatal(err)
	}
	if cat, err := os.Lstat(filepath.Join(tree, "cat")); err != nil || !os.SameFile(busybox, cat) {
		t.Errorf("cat is no hard link of busybox: %v", err)
	}
}

func TestCancelledBuildLeavesNoProcess(t *testing.T) {
	source := gcctest.Source(t)
	toolchain, c := probed(t)
	ctx, cancel := context.WithCancel(t.Context())
	req := newBuildRequest(t, c, source)
	_, err := toolchain.Build(ctx, req, func(r sdk.Report) {
		if r.Phase == "compile" && r.Done > 2 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v, want %v", err, context.Canceled)
	}
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if dir, err := os.Readlink(link); err == nil && strings.HasPrefix(dir, req.WorkDir) {
			command, _ := os.ReadFile(filepath.Join(filepath.Dir(link), "cmdline"))
			t.Errorf("%s still works in %s: %q", link, dir, command)
		}
	}
}

func TestSourceThatIsNone(t *testing.T) {
	toolchain, c := probed(t)
	_, err := toolchain.Build(t.Context(), newBuildRequest(t, c, t.TempDir()), nil)
	if problem := onlyProblem(t, err); !slices.Equal(problem.Path, []string{"busybox", "version"}) {
		t.Errorf("diagnostic %+v", problem)
	}
}

func TestPrecompiledHeaderIsKeptFromWhatItWouldBreak(t *testing.T) {
	objects, err := unlikePCH(gcctest.Source(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range []string{"makedev.o", "perror_nomsg.o", "ptr_to_globals.o", "appletlib.o", "hush.o"} {
		if !slices.Contains(objects, object) {
			t.Errorf("%s would get it", object)
		}
	}
	for _, object := range []string{"cat.o", "tls_rsa.o", "xfuncs.o"} {
		if slices.Contains(objects, object) {
			t.Errorf("%s would not get it", object)
		}
	}
}

func appendTo(t *testing.T, name, text string) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, append(data, text...), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestTimestamp(t *testing.T) {
	epoch := time.Unix(1700000000, 0).In(time.FixedZone("far", 8*3600))
	for header, want := range map[string]string{
		"/* x */\n#define AUTOCONF_TIMESTAMP \"\"\n\n#define CONFIG_A 1\n": "/* x */\n#define AUTOCONF_TIMESTAMP \"2023-11-14 22:13:20 UTC\"\n\n#define CONFIG_A 1\n",
		"#define CONFIG_A 1\n": "#define CONFIG_A 1\n",
	} {
		if got := string(withTimestamp([]byte(header), epoch)); got != want {
			t.Errorf("%q became %q", header, got)
		}
	}
}
