package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/testenv"
)

// withoutNetwork changes a command so that it has no network, as far as the
// user may do that; there is --offline too.
func withoutNetwork(t *testing.T) func(*exec.Cmd) {
	t.Helper()
	alone := func(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET} }
	try := exec.CommandContext(t.Context(), "true")
	alone(try)
	if err := try.Run(); err != nil {
		t.Logf("the network can't be taken away: %v", err)
		return nil
	}
	return alone
}

// mustRun runs mkmini, which must end with that exit code.
func (c command) mustRun(t *testing.T, code int) result {
	t.Helper()
	r := c.run(t)
	if r.code != code {
		t.Fatalf("mkmini %s: exit code %d, want %d\n%s%s", strings.Join(c.args, " "), r.code, code, tail(r.stdout), tail(r.stderr))
	}
	return r
}

func writeFile(t testing.TB, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // whatever the umask
		t.Fatal(err)
	}
}

// TestBundle fetches a compiler from packages, packs it, and builds with it in
// an empty store without a network: the artifacts are those of a build with
// one.
func TestBundle(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		testenv.Skip(t, "busybox is compiled twice")
	}
	testenv.Tool(t, "apt-get", "apt")
	testenv.Tool(t, "make", "make")
	testenv.Tool(t, "gcc", "gcc")
	here, there := t.TempDir(), t.TempDir()
	for _, dir := range []string{here, there} {
		writeFile(t, filepath.Join(dir, "small.hcl"), `name = "small"
toolchain "riscv64" {
  from "deb" {}
}
busybox {
  applets {
    only = ["cat", "sh", "uname"]
  }
}
rootfs {
  file "/etc/motd" {
    content = "hello\n"
  }
}
export "rootfs" { format = "cpio.gz" }
export "oci" {}
`, 0o644)
	}
	pack := command{args: []string{"bundle", "-c", "small.hcl", "-o", "small.tar.zst", "--plain"}, dir: here}
	r := pack.run(t)
	if unreachable.MatchString(r.stderr) {
		testenv.Skip(t, "apt's mirror can't be reached:\n%s", tail(r.stderr))
	}
	if r.code != 0 || strings.Contains(r.stderr, "warning") {
		t.Fatalf("exit code %d\n%s%s", r.code, tail(r.stdout), tail(r.stderr))
	}
	want := digests(command{args: []string{"-c", "small.hcl"}, dir: here}.events(t))

	env := []string{"MKMINI_STORE=" + filepath.Join(there, "store"), "HOME=" + filepath.Join(there, "home")}
	alone := withoutNetwork(t)
	command{args: []string{"unbundle", filepath.Join(here, "small.tar.zst"), "-c", "small.hcl"}, dir: there, env: env, change: alone}.mustRun(t, 0)
	build := command{args: []string{"-c", "small.hcl", "--offline", "--locked"}, dir: there, env: env, change: alone}
	events := build.events(t)
	if diff := cmp.Diff(want, digests(events)); diff != "" || len(want) != 2 {
		t.Errorf("artifacts (-with a network +without):\n%s", diff)
	}
	if ran, cached := steps(events); len(cached) > 0 || len(ran) < 6 {
		t.Errorf("ran %q, and found %q", ran, cached)
	}
	build.change = withoutProcesses
	if ran, _ := steps(build.events(t)); len(ran) > 0 {
		t.Errorf("ran %q although nothing changed", ran)
	}
}

// paperSystem makes a folder with a system whose plugins are made outside of
// mkmini, whose compiler is in an archive there, and where settings say where
// the source is.
func paperSystem(t *testing.T) (dir, config string) {
	t.Helper()
	dir = t.TempDir()
	plugins := filepath.Join(dir, ".mkmini", "plugins")
	if err := os.MkdirAll(plugins, 0o755); err != nil {
		t.Fatal(err)
	}
	makePlugin(t, "toolchain", plugins, "mkmini-plugin-paper")
	makePlugin(t, "listing", plugins, "mkmini-plugin-listing")
	tree := filepath.Join(t.TempDir(), "gcc-1")
	writeFile(t, filepath.Join(tree, "bin", "paper64-linux-gnu-gcc"), "#!/bin/sh\n", 0o755)
	writeFile(t, filepath.Join(tree, "include", "stdio.h"), "/* right */\n", 0o644)
	archive := filepath.Join(dir, "gcc.tar.gz")
	testenv.Output(t, "tar", "-C", filepath.Dir(tree), "-czf", archive, "gcc-1")
	sum, _, _ := strings.Cut(testenv.Output(t, "sha256sum", archive), " ")
	config = fmt.Sprintf(`name = "letter"
variable "greeting" { default = "dear" }
toolchain "paper" {
  greeting = var.greeting
  from "archive" {
    file   = "gcc.tar.gz"
    sha256 = %q
  }
}
export "listing" { title = "names" }
export "rootfs" { format = "cpio" }
`, sum)
	writeFile(t, filepath.Join(dir, "letter.hcl"), config, 0o644)
	mirror := fmt.Sprintf("mirrors = { \"https://busybox.net/downloads/\" = [\"file://%s/\"] }\n", filepath.Dir(testenv.BusyboxSource(t)))
	writeFile(t, filepath.Join(dir, "settings.hcl"), mirror, 0o644)
	return dir, config
}

// TestBundledPlugins carries plugins, and a compiler in an archive, to a
// folder that has neither; then the compiler is damaged.
func TestBundledPlugins(t *testing.T) {
	t.Parallel()
	testenv.Tool(t, "gcc", "gcc")
	here, config := paperSystem(t)
	there := t.TempDir()
	writeFile(t, filepath.Join(there, "letter.hcl"), config, 0o644)
	at := func(dir string, args ...string) command {
		return command{args: args, dir: dir, env: []string{
			"MKMINI_STORE=" + filepath.Join(dir, "store"), "MKMINI_CONFIG=" + filepath.Join(dir, "settings.hcl"),
		}}
	}
	writeFile(t, filepath.Join(there, "settings.hcl"), "", 0o644)
	want := digests(at(here, "-c", "letter.hcl").events(t))
	packed := at(here, "bundle", "-c", "letter.hcl", "-o", "../letter.tar.zst", "--offline").mustRun(t, 0)
	bundle := filepath.Join(filepath.Dir(here), "letter.tar.zst")
	for _, line := range []string{
		`plugin +.*  mkmini-plugin-listing`, `plugin +.*  mkmini-plugin-paper`, `source +.*  [0-9a-f]{64}`, `lock +.*  mkmini.lock.hcl`,
		`compiler +.*  compiler-[0-9a-f]{64}.tar  paper64 from "archive"`, `../letter.tar.zst  .*  sha256:[0-9a-f]{64}`,
	} {
		if !regexp.MustCompile("(?m)^" + line + "$").MatchString(packed.stdout) {
			t.Errorf("no line %s in\n%s", line, packed.stdout)
		}
	}
	if again := at(here, "bundle", "-c", "letter.hcl", "-o", "../again.tar.zst").mustRun(t, 0); lastWord(again.stdout) != lastWord(packed.stdout) {
		t.Errorf("a second bundle differs:\n%s%s", packed.stdout, again.stdout)
	}

	build := at(there, "-c", "letter.hcl", "--offline", "--locked")
	if r := build.mustRun(t, 2); !strings.Contains(r.stderr, `toolchain "paper"`) {
		t.Errorf("before the plugin is there:\n%s", r.stderr)
	}
	unbundle := at(there, "unbundle", bundle, "-c", ".")
	unbundle.mustRun(t, 0)
	build.change = withoutNetwork(t)
	if diff := cmp.Diff(want, digests(build.events(t))); diff != "" || len(want) != 2 {
		t.Errorf("artifacts (-here +there):\n%s", diff)
	}

	headers, err := filepath.Glob(filepath.Join(there, "store", "steps", "compiler-*", "tree", "gcc-1", "include", "stdio.h"))
	if err != nil || len(headers) != 1 {
		t.Fatalf("headers: %q, %v", headers, err)
	}
	writeFile(t, headers[0], "/* wrong */\n", 0o644)
	changed := at(there, "-c", "letter.hcl", "--offline", "--var", "greeting=hello")
	if r := changed.mustRun(t, 1); !regexp.MustCompile(`bundle\s+brought\s+is\s+damaged\s+or\s+gone;\s+unbundle\s+it\s+again`).MatchString(r.stderr) {
		t.Errorf("with a damaged compiler:\n%s", r.stderr)
	}
	if r := unbundle.mustRun(t, 0); strings.Count(r.stdout, "was there") != 3 {
		t.Errorf("not all but the compiler was there:\n%s", r.stdout)
	}
	changed.mustRun(t, 0)
}

// lastWord returns the last word of a text.
func lastWord(s string) string {
	words := strings.Fields(s)
	return words[len(words)-1]
}

// TestDamagedCompiler damages a header of a compiler in the store, which no
// probe looks at: the next build that compiles unpacks it again.
func TestDamagedCompiler(t *testing.T) {
	t.Parallel()
	testenv.Tool(t, "gcc", "gcc")
	dir, _ := paperSystem(t)
	build := func(greeting string) result {
		return command{
			args: []string{"-c", "letter.hcl", "--plain", "--var", "greeting=" + greeting}, dir: dir,
			env: []string{"MKMINI_STORE=" + filepath.Join(dir, "store"), "MKMINI_CONFIG=settings.hcl"},
		}.mustRun(t, 0)
	}
	build("one")
	headers, err := filepath.Glob(filepath.Join(dir, "store", "steps", "compiler-*", "tree", "gcc-1", "include", "stdio.h"))
	if err != nil || len(headers) != 1 {
		t.Fatalf("headers: %q, %v", headers, err)
	}
	writeFile(t, headers[0], "/* wrong */\n", 0o644)
	if r := build("two"); !strings.Contains(r.stderr, "damaged, unpacking it again") {
		t.Errorf("nothing is said of it:\n%s", r.stderr)
	}
	if text, err := os.ReadFile(headers[0]); err != nil || string(text) != "/* right */\n" {
		t.Errorf("the header is %q, %v", text, err)
	}
}

// TestStoreIsFull fetches a compiler into a store without room for it.
func TestStoreIsFull(t *testing.T) {
	t.Parallel()
	testenv.Tool(t, "gcc", "gcc")
	dir, _ := paperSystem(t)
	store := testenv.Tmpfs(t, 1<<20) // the source alone has more
	r := command{args: []string{"fetch", "-c", "letter.hcl"}, dir: dir, env: []string{"MKMINI_STORE=" + store, "MKMINI_CONFIG=settings.hcl"}}.mustRun(t, 1)
	if !strings.Contains(r.stderr, "No space left") || !strings.Contains(r.stderr, "--store") {
		t.Errorf("it says\n%s", r.stderr)
	}
	for _, pattern := range []string{"tmp/*", "sources/*", "steps/source-*"} {
		if left, _ := filepath.Glob(filepath.Join(store, pattern)); len(left) > 0 {
			t.Errorf("left over: %q", left)
		}
	}
}
