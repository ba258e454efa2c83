package hostsystem_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/hostsystem"
	"github.com/mkmini/mkmini/core/testenv"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// root makes a folder of files, by path: text, or "-> target" for a symlink;
// a name that ends in "/" is a folder, and text that begins with "#!" makes a
// program.
func root(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		target, link := strings.CutPrefix(text, "-> ")
		var err error
		switch {
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(file, 0o755)
		case link:
			err = os.Symlink(target, file)
		case strings.HasPrefix(text, "#!"):
			err = errors.Join(os.WriteFile(file, []byte(text), 0o755), os.Chmod(file, 0o755))
		default:
			err = os.WriteFile(file, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// take collects, and returns the names.
func take(t *testing.T, h *config.Installed) ([]string, error) {
	t.Helper()
	items, err := hostsystem.Collect(t.Context(), h, fault.Range{})
	var names []string
	for _, item := range items {
		name := item.Path
		if item.Target != "" {
			name += " -> " + item.Target
		}
		names = append(names, name)
	}
	return names, err
}

func same(t *testing.T, h *config.Installed, want ...string) {
	t.Helper()
	got, err := take(t, h)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestPaths takes paths and patterns, through symlinks that lead to where
// they do from within the root.
func TestPaths(t *testing.T) {
	dir := root(t, map[string]string{
		"bin": "-> usr/bin", "usr/bin/": "", "usr/bin/tool": "-> /etc/alternatives/tool",
		"etc/alternatives/tool": "-> ../../usr/bin/tool.one", "usr/bin/tool.one": "x", "usr/bin/other": "y",
		"etc/passwd": "root", "etc/escape": "-> ../../../../../../etc/passwd", "etc/abs": "-> /etc/passwd",
		"opt/app/a/b/deep.txt": "", "opt/app/top.txt": "", "opt/app/log/x.log": "", "opt/app/dir": "-> a",
		"opt/app/nowhere": "-> /none", "loop": "-> loop", "srv/link": "-> /opt/app",
	})
	for name, tt := range map[string]struct {
		host config.Installed
		want []string
	}{
		"a link to a link": {config.Installed{Paths: []string{"/bin/tool"}}, []string{
			"bin -> usr/bin", "etc", "etc/alternatives", "etc/alternatives/tool -> ../../usr/bin/tool.one",
			"usr", "usr/bin", "usr/bin/tool -> /etc/alternatives/tool", "usr/bin/tool.one"}},
		"no way out":      {config.Installed{Paths: []string{"/etc/escape"}}, []string{"etc", "etc/escape -> ../../../../../../etc/passwd", "etc/passwd"}},
		"absolute within": {config.Installed{Paths: []string{"/etc/abs"}}, []string{"etc", "etc/abs -> /etc/passwd", "etc/passwd"}},
		"a folder": {config.Installed{Paths: []string{"/opt/app"}}, []string{
			"opt", "opt/app", "opt/app/a", "opt/app/a/b", "opt/app/a/b/deep.txt", "opt/app/dir -> a",
			"opt/app/log", "opt/app/log/x.log", "opt/app/nowhere -> /none", "opt/app/top.txt"}},
		"excluded": {config.Installed{Paths: []string{"/opt"}, Exclude: []string{"/opt/app/{a,dir,nowhere}", "/**/*.log"}}, []string{
			"opt", "opt/app", "opt/app/log", "opt/app/top.txt"}},
		"through a link to a folder": {config.Installed{Paths: []string{"/srv/link/a"}}, []string{
			"opt", "opt/app", "opt/app/a", "opt/app/a/b", "opt/app/a/b/deep.txt", "srv", "srv/link -> /opt/app"}},
		"one star":            {config.Installed{Paths: []string{"/opt/app/*.txt"}}, []string{"opt", "opt/app", "opt/app/top.txt"}},
		"two stars":           {config.Installed{Paths: []string{"/opt/**/*.txt"}}, []string{"opt", "opt/app", "opt/app/a", "opt/app/a/b", "opt/app/a/b/deep.txt", "opt/app/top.txt"}},
		"stars behind a link": {config.Installed{Paths: []string{"/bin/o*"}}, []string{"bin -> usr/bin", "usr", "usr/bin", "usr/bin/other"}},
	} {
		t.Run(name, func(t *testing.T) {
			tt.host.Root = dir
			same(t, &tt.host, tt.want...)
		})
	}
	for _, path := range []string{"/none", "/none/*", "/loop", "/etc/passwd/x", "/opt/app/*.none"} {
		_, err := take(t, &config.Installed{Root: dir, Paths: []string{path}})
		if _, ok := errors.AsType[*fault.Error](err); !ok {
			t.Errorf("%s: got %v", path, err)
		}
	}
	all, err := take(t, &config.Installed{Root: dir, All: true})
	if err != nil || len(all) != 25 {
		t.Errorf("all: %d names, %v: %q", len(all), err, all)
	}
}

// TestRunningSystem looks at what isn't taken of it.
func TestRunningSystem(t *testing.T) {
	names, err := take(t, &config.Installed{Root: "/", Paths: []string{"/dev/null"}})
	if diff := cmp.Diff([]string{"dev", "dev/null"}, names); diff != "" || err != nil {
		t.Errorf("a device: %v\n%s", err, diff)
	}
	if os.Geteuid() != 0 {
		return // it may hold files of others
	}
	names, err = take(t, &config.Installed{Root: "/", All: true, Exclude: []string{"/[!p-t]*", "/root"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"proc", "sys", "run", "tmp"} {
		if !slices.Contains(names, name) || slices.ContainsFunc(names, func(s string) bool { return strings.HasPrefix(s, name+"/") }) {
			t.Errorf("%s should be an empty folder", name)
		}
	}
}

// TestSkip leaves out the contents of what mkmini writes to.
func TestSkip(t *testing.T) {
	dir := root(t, map[string]string{"srv/store/x": "", "srv/y": ""})
	same(t, &config.Installed{Root: dir, All: true, Skip: []string{filepath.Join(dir, "srv/store")}}, "srv", "srv/store", "srv/y")
}

// TestCommandsRun puts commands of this machine into an empty root, and runs
// them there.
func TestCommandsRun(t *testing.T) {
	unshare := testenv.Tool(t, "unshare", "util-linux")
	bash := testenv.Tool(t, "bash", "bash")
	h := &config.Installed{Root: "/", Commands: []string{"bash", "sort", "od", "/usr/bin/env"}}
	items, err := hostsystem.Collect(t.Context(), h, fault.Range{})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	place(t, dir, items)
	const script = `printf 'b\na\n' | sort | od -c; echo é | { read -r x; echo ${#x}; }; env -i A=b /bin/bash -c 'echo $A'`
	want := testenv.Output(t, "env", "LC_ALL=C.UTF-8", bash, "-c", script)
	got := testenv.Output(t, "env", "LC_ALL=C.UTF-8", unshare, "--map-root-user", "chroot", dir, "/bin/bash", "-c", script)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("in the new root (-here +there):\n%s", diff)
	}
	for _, name := range []string{"etc/nsswitch.conf", "bin"} {
		if _, err := os.Lstat("/" + name); err != nil {
			continue
		}
		if !slices.ContainsFunc(items, func(item hostsystem.Item) bool { return item.Path == name }) {
			t.Errorf("%s wasn't taken", name)
		}
	}
}

// place copies items into a folder.
func place(t *testing.T, dir string, items []hostsystem.Item) {
	t.Helper()
	for _, item := range items {
		to := filepath.Join(dir, item.Path)
		var err error
		switch item.Info.Mode().Type() {
		case fs.ModeDir:
			err = os.Mkdir(to, 0o755)
		case fs.ModeSymlink:
			err = os.Symlink(item.Target, to)
		case 0:
			var data []byte
			if data, err = os.ReadFile(item.Disk); err == nil {
				err = os.WriteFile(to, data, item.Info.Mode().Perm()|0o600)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestScripts brings what scripts begin with.
func TestScripts(t *testing.T) {
	dir := root(t, map[string]string{
		"usr/bin/run": "#!/usr/bin/env tool -x\n", "usr/bin/env": "#!/bin/sh\n", "usr/local/bin/tool": "#!/bin/sh\n",
		"bin/sh": "#!bin\n", "usr/bin/tool": "#!/bin/none\n",
	})
	same(t, &config.Installed{Root: dir, Commands: []string{"run"}},
		"bin", "bin/sh", "usr", "usr/bin", "usr/bin/env", "usr/bin/run", "usr/local", "usr/local/bin", "usr/local/bin/tool")
	_, err := take(t, &config.Installed{Root: dir, Commands: []string{"none"}})
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.Summary != "Command not found" {
		t.Errorf("got %v", err)
	}
}

// TestMachine refuses the programs of this machine for another.
func TestMachine(t *testing.T) {
	h := &config.Installed{Root: "/", Commands: []string{"sh"}, Machine: sdk.ELF{Bits: 64, Machines: []uint16{0x9916}}}
	_, err := take(t, h)
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Summary != "System for another machine" || !strings.Contains(f.Remedy, "debootstrap") {
		t.Errorf("got %v", err)
	}
}

// TestUnreadable names what the user may not read. Root may read everything,
// so it is done as somebody else.
func TestUnreadable(t *testing.T) {
	if dir := os.Getenv("HOSTSYSTEM_TEST_ROOT"); dir != "" {
		_, err := take(t, &config.Installed{Root: dir, All: true})
		f, ok := errors.AsType[*fault.Error](err)
		if !ok || !strings.Contains(f.Detail, "/closed, /etc/shadow,") {
			t.Errorf("got %v", err)
		}
		same(t, &config.Installed{Root: dir, All: true, Exclude: []string{"/closed", "/etc/shadow"}}, "etc", "etc/passwd")
		return
	}
	dir, err := os.MkdirTemp("", "mkmini-root-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	for _, err := range []error{
		os.Chmod(dir, 0o755), os.Mkdir(filepath.Join(dir, "etc"), 0o755), os.Chmod(filepath.Join(dir, "etc"), 0o755),
		os.WriteFile(filepath.Join(dir, "etc/passwd"), nil, 0o644), os.Chmod(filepath.Join(dir, "etc/passwd"), 0o644),
		os.WriteFile(filepath.Join(dir, "etc/shadow"), nil, 0o000), os.Mkdir(filepath.Join(dir, "closed"), 0o000),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "..", filepath.Base(dir)+".test")
	if err := errors.Join(os.WriteFile(program, self, 0o755), os.Chmod(program, 0o755)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(program) })
	cmd := exec.CommandContext(t.Context(), program, "-test.run", "^TestUnreadable$")
	cmd.Dir, cmd.Env = "/", append(os.Environ(), "HOSTSYSTEM_TEST_ROOT="+dir, "TMPDIR=/tmp", "GOCOVERDIR=")
	testenv.AsNobody(cmd)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
