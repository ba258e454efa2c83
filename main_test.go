// Package main_test runs mkmini as users do, and gives what it made to
// programs that others wrote.
package main_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mkmini/mkmini/core/event"
	"github.com/mkmini/mkmini/core/pluginhost/plugintest"
	"github.com/mkmini/mkmini/core/testenv"
	"github.com/mkmini/mkmini/toolchains/sw64/standin"
)

// shared is a folder for the tests of one run: program, store, artifacts.
// Everybody may read it, as some tests run as another user.
var shared string

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == noProcesses {
		execWithoutProcesses(os.Args[2:])
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "mkmini-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	shared = dir
	return m.Run()
}

// program returns the path of mkmini, which is compiled with the race
// detector once for all tests, or given by MKMINI_BIN.
func program(t testing.TB) string { return compiled(t, raced) }

// plainProgram returns the path of a mkmini without the race detector.
func plainProgram(t testing.TB) string { return compiled(t, plain) }

var (
	raced = sync.OnceValues(func() (string, error) { return compile("race", "-race") })
	plain = sync.OnceValues(func() (string, error) { return compile("plain") })
)

func compiled(t testing.TB, get func() (string, error)) string {
	t.Helper()
	path, err := get()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// compile compiles mkmini into a folder of its own among the shared ones.
func compile(folder string, options ...string) (string, error) {
	if given := os.Getenv("MKMINI_BIN"); given != "" {
		return filepath.Abs(given)
	}
	path := filepath.Join(shared, "bin", folder, "mkmini")
	out, err := exec.Command("go", slices.Concat([]string{"build"}, options, []string{"-o", path, "."})...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, errors.Join(os.Chmod(filepath.Dir(filepath.Dir(path)), 0o755), os.Chmod(filepath.Dir(path), 0o755))
}

// busyboxFile returns the attributes of a busybox block that name its sources in
// a plain tar archive: for tests that begin with an empty store, and to which
// bzip2 is nothing but time.
func busyboxFile(t testing.TB) string {
	t.Helper()
	source := testenv.BusyboxSource(t)
	unpacked.once.Do(func() {
		content := testenv.Output(t, testenv.Tool(t, "bzip2", "bzip2"), "-dc", source)
		path := filepath.Join(shared, "source", strings.TrimSuffix(filepath.Base(source), ".bz2"))
		writeFile(t, path, content, 0o644)
		unpacked.attributes = fmt.Sprintf("file = %q\n  sha256 = \"%x\"", path, sha256.Sum256([]byte(content)))
	})
	if unpacked.attributes == "" {
		t.Fatal("busybox was not unpacked in another test")
	}
	return unpacked.attributes
}

var unpacked struct {
	once       sync.Once
	attributes string
}

// madePlugins are plugins by their sources, each linked once.
var madePlugins = struct {
	sync.Mutex
	paths map[string]string
}{paths: map[string]string{}}

// makePlugin puts the plugin that [plugintest.Build] builds from a source into
// a folder, and returns its path.
func makePlugin(t testing.TB, source, dir, name string) string {
	t.Helper()
	madePlugins.Lock()
	defer madePlugins.Unlock()
	if madePlugins.paths[source] == "" {
		built := filepath.Join(shared, "plugins", source)
		if err := os.MkdirAll(built, 0o755); err != nil {
			t.Fatal(err)
		}
		madePlugins.paths[source] = plugintest.Build(t, source, built, "plugin")
	}
	content, err := os.ReadFile(madePlugins.paths[source])
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, name)
	writeFile(t, path, string(content), 0o755)
	// Whatever the umask: mkmini refuses what others can write to.
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// store returns the folder of the store that the tests share.
// MKMINI_TEST_STORE names one to keep from run to run.
func store() string {
	if given := os.Getenv("MKMINI_TEST_STORE"); given != "" {
		return given
	}
	return filepath.Join(shared, "store")
}

// command is one call of mkmini.
type command struct {
	args []string
	// dir is where it runs; the checkout if empty.
	dir string
	// env is added to the environment.
	env []string
	// plain has it run without the race detector. Without a store of its own in
	// env it does so too: there time goes into compressing and hashing whole
	// systems, ten times of it with the race detector, which watches the same
	// in other tests. One store has one program, as another would make
	// everything once more.
	plain bool
	// change is called before it starts.
	change func(*exec.Cmd)
}

// result is how a call ended.
type result struct {
	code           int
	stdout, stderr string
}

// cmd returns the command to start, with a home folder of its own and the
// shared store.
func (c command) cmd(t testing.TB) *exec.Cmd {
	t.Helper()
	run := program
	if c.plain || !slices.ContainsFunc(c.env, func(entry string) bool { return strings.HasPrefix(entry, "MKMINI_STORE=") }) {
		run = plainProgram
	}
	cmd := exec.CommandContext(t.Context(), run(t), c.args...)
	cmd.Dir = c.dir
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(entry string) bool {
		return strings.HasPrefix(entry, "MKMINI_") || strings.HasPrefix(entry, "SOURCE_DATE_EPOCH=")
	}), "HOME="+filepath.Join(shared, "home"), "XDG_CACHE_HOME=", "MKMINI_STORE="+store(), "LC_ALL=C",
		"GORACE=atexit_sleep_ms=0") // else every program that has the race detector ends a second late
	cmd.Env = append(cmd.Env, c.env...)
	if c.change != nil {
		c.change(cmd)
	}
	return cmd
}

// run runs it to its end.
func (c command) run(t testing.TB) result {
	t.Helper()
	cmd := c.cmd(t)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// events runs it with --json, fails the test unless it succeeds, and returns
// what happened; the last is the summary.
func (c command) events(t testing.TB) []event.Event {
	t.Helper()
	c.args = append(slices.Clone(c.args), "--json")
	r := c.run(t)
	if r.code != 0 {
		t.Fatalf("mkmini %s: exit code %d\n%s%s", strings.Join(c.args, " "), r.code, tail(r.stdout), tail(r.stderr))
	}
	return decode(t, r.stdout)
}

func decode(t testing.TB, lines string) []event.Event {
	t.Helper()
	var events []event.Event
	for line := range strings.Lines(lines) {
		var e event.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		events = append(events, e)
	}
	if len(events) == 0 || events[len(events)-1].Kind != event.Summary {
		t.Fatalf("the last line is no summary:\n%s", tail(lines))
	}
	return events
}

func tail(s string) string { return s[max(0, len(s)-4096):] }

// system is what a build of testdata/e2e/all.hcl for one architecture made.
type system struct {
	once      sync.Once
	dir       string
	artifacts []event.Artifact
}

var systems = map[string]*system{"x86_64": {}, "aarch64": {}, "sw64": {}}

// build returns the artifacts in every format of one architecture; they are
// built once for all tests. The test is skipped where the compiler is missing.
func build(t testing.TB, arch string) *system {
	t.Helper()
	args := append([]string{"-c", allFormats, "--only", arch}, compilerFor(t, arch)...)
	s := systems[arch]
	s.once.Do(func() {
		s.dir = filepath.Join(shared, "all", arch)
		events := command{args: append(args, "--out", s.dir)}.events(t)
		s.artifacts = events[len(events)-1].Artifacts
	})
	if s.artifacts == nil {
		t.Fatalf("the build for %s failed in another test", arch)
	}
	return s
}

// allFormats is a configuration with all architectures and formats.
var allFormats = filepath.Join("testdata", "e2e", "all.hcl")

// compilerFor returns the arguments that lead to a compiler for an
// architecture, and skips the test if there is none.
func compilerFor(t testing.TB, arch string) []string {
	t.Helper()
	testenv.Tool(t, "make", "make")
	testenv.Tool(t, "gcc", "gcc")
	switch arch {
	case "aarch64":
		testenv.Tool(t, "aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu")
	case "sw64":
		testenv.Tool(t, "alpha-linux-gnu-gcc", "gcc-alpha-linux-gnu")
		dir, err := installStandin()
		if err != nil {
			t.Fatal(err)
		}
		return []string{"--var", "swgcc=" + dir}
	}
	return nil
}

// installStandin makes the stand-in for the sw64 compiler, once.
var installStandin = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(shared, "swgcc")
	return dir, standin.Install(dir)
})

// path returns the path of an artifact: of the format in a file's name, such
// as "docker.tar", or "oci" and "oci.tar", which have no architecture.
func (s *system) path(t testing.TB, format string) string {
	t.Helper()
	name := "minios-" + filepath.Base(s.dir) + "." + format
	if strings.HasPrefix(format, "oci") {
		name = "minios." + format
	}
	for _, a := range s.artifacts {
		if filepath.Base(a.Path) == name {
			return filepath.Join(s.dir, name)
		}
	}
	t.Fatalf("there is no artifact %s", name)
	return ""
}
