package rootfs

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/testenv"
)

// TestProgramRuns packs the machine's own bash, and runs it in what comes out.
func TestProgramRuns(t *testing.T) {
	bash := testenv.Tool(t, "bash", "bash")
	unshare := testenv.Tool(t, "unshare", "util-linux")
	records, err := assemble(t.Context(), Input{Tree: busybox(t), Entries: []config.Entry{
		{Kind: config.Program, Path: "/usr/bin/bash", Source: bash},
		{Kind: config.Program, Path: "/opt/bash2", Source: bash}, // with the same libraries
	}})
	if err != nil {
		t.Fatal(err)
	}
	if r := find(t, records, "usr/bin/bash"); r.Mode != 0o755 {
		t.Errorf("the mode is %o", r.Mode)
	}
	dir := t.TempDir()
	layer := filepath.Join(dir, "layer.tar")
	if _, _, err := WriteLayer(t.Context(), layer, slices.Values(records), time.Unix(315532800, 0)); err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(dir, "root")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	testenv.Output(t, testenv.Tool(t, "tar", "tar"), "-xf", layer, "-C", root, "--no-same-owner")
	out := testenv.Output(t, unshare, "--map-root-user", "chroot", root, "/opt/bash2", "-c", "echo runs in $0 && cd / && echo *")
	if !strings.HasPrefix(out, "runs in /opt/bash2\nbin dev etc init") {
		t.Errorf("it printed %q", out)
	}
}

// TestDigestOfProgram changes with a library.
func TestDigestOfProgram(t *testing.T) {
	gcc := testenv.Tool(t, "gcc", "gcc")
	dir := write(t, t.TempDir(), map[string]string{
		"a.c": "int a(void) { return 1; }", "b.c": "int a(void) { return 2; }",
		"m.c": "int a(void); int main(void) { return a(); }",
	})
	library := filepath.Join(dir, "liba.so")
	testenv.Output(t, gcc, "-shared", "-fPIC", "-Wl,-soname,liba.so", "-o", library, filepath.Join(dir, "a.c"))
	program := filepath.Join(dir, "m")
	testenv.Output(t, gcc, "-o", program, filepath.Join(dir, "m.c"), library)
	entries := []config.Entry{{Kind: config.Program, Path: "/usr/bin/m", Source: program, Libraries: []string{dir}}}
	before, err := new(Folders).Digest(t.Context(), entries)
	if err != nil {
		t.Fatal(err)
	}
	testenv.Output(t, gcc, "-shared", "-fPIC", "-Wl,-soname,liba.so", "-o", library, filepath.Join(dir, "b.c"))
	after, err := new(Folders).Digest(t.Context(), entries)
	if err != nil {
		t.Fatal(err)
	}
	if before[0].Digest == after[0].Digest {
		t.Error("another library has the same digest")
	}
}

// TestUnstartable looks at what is said of programs that couldn't be started.
func TestUnstartable(t *testing.T) {
	bash := testenv.Tool(t, "bash", "bash")
	script := func(path, line string) config.Entry {
		return config.Entry{Kind: config.File, Path: path, Content: line + "\n", Mode: ptr(uint32(0o755))}
	}
	for _, tt := range []struct {
		name      string
		entry     config.Entry
		unchecked []string
		want      string // empty for no error
	}{
		{"script", script("/bin/x", "#!/bin/sh"), nil, ""},
		{"python", script("/bin/x", "#!/usr/bin/python3 -s"), nil, "the script /bin/x begins with #!/usr/bin/python3, and there is no such file"},
		{"env", script("/bin/x", "#!/usr/bin/env sh"), nil, ""},
		{"env python", script("/bin/x", "#!/usr/bin/env python3"), nil, "has /usr/bin/env look for python3"},
		{"library", config.Entry{Kind: config.File, Path: "/bin/bash", Source: bash}, nil, "/bin/bash needs /lib64/ld-linux-"},
		{"unchecked", script("/opt/x/y", "#!/no"), []string{"/opt/x"}, ""},
		{"beside unchecked", script("/opt/xy", "#!/no"), []string{"/opt/x"}, "#!/no"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			entry := at(7, tt.entry)
			_, err := assemble(t.Context(), Input{Tree: busybox(t), Entries: []config.Entry{entry}, Unchecked: tt.unchecked})
			f, ok := errors.AsType[*fault.Error](err)
			switch {
			case tt.want == "" && err != nil:
				t.Fatal(err)
			case tt.want == "":
			case !ok || !strings.Contains(strings.ToLower(f.Detail), strings.ToLower(tt.want)) || f.Range == nil || f.Range.Start.Line != 7:
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestOtherMachine puts a program of another architecture beside busybox.
func TestOtherMachine(t *testing.T) {
	bash, err := os.ReadFile(testenv.Tool(t, "bash", "bash"))
	if err != nil {
		t.Fatal(err)
	}
	tree := busybox(t)
	other := append([]byte(nil), bash...)
	other[18] ^= 0x55 // e_machine
	for name, data := range map[string][]byte{"bin/busybox": bash, "bin/other": other} {
		if err := errors.Join(os.WriteFile(filepath.Join(tree, name), data, 0o755), os.Chmod(filepath.Join(tree, name), 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	_, err = assemble(t.Context(), Input{Tree: tree, Unchecked: []string{"/bin/busybox"}})
	if err == nil || !strings.Contains(err.Error(), "is for another machine") {
		t.Errorf("got %v", err)
	}
	// Without a sysroot nobody knows where its libraries are.
	_, err = assemble(t.Context(), Input{Entries: []config.Entry{{Kind: config.Program, Path: "/x", Source: filepath.Join(tree, "bin/other")}}})
	if err == nil || !strings.Contains(err.Error(), "no sysroot says where") {
		t.Errorf("got %v", err)
	}
}

// TestNoShellNoInit leaves the script /init out of a system without a shell.
func TestNoShellNoInit(t *testing.T) {
	tree := write(t, t.TempDir(), map[string]string{"bin/busybox": "busybox", "bin/ls": "->busybox"})
	records, err := assemble(t.Context(), Input{Tree: tree})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if r.Path == "init" {
			t.Error("there is an /init")
		}
	}
}

// TestFurtherEntries tries links, pipes, removals and accounts.
func TestFurtherEntries(t *testing.T) {
	over := write(t, t.TempDir(), map[string]string{
		"etc/passwd": "daemon:x:1:1:daemon:/usr/sbin:/bin/false\n", "etc/group": "daemon:x:1:\naudio:x:29:daemon\n",
		"usr/share/man/man1/a.1": "a", "usr/share/man/de/man1/a.1": "a", "usr/share/doc/a": "a",
	})
	records, err := assemble(t.Context(), Input{Tree: busybox(t), Entries: []config.Entry{
		{Kind: config.Hardlink, Path: "/bin/also", Target: "/bin/later"}, // made below
		{Kind: config.Overlay, Path: "/", Source: over},
		{Kind: config.Remove, Path: "/usr/share/{man,doc}/**"},
		{Kind: config.File, Path: "/bin/later", Content: "x"},
		{Kind: config.Fifo, Path: "/run/pipe", Mode: ptr(uint32(0o600)), UID: ptr(3)},
		{Kind: config.User, Account: &config.Account{Name: "web", Groups: []string{"audio", "www"}, Comment: "Web", Home: "/srv/web", Shell: "/bin/sh", Password: "*"}},
		{Kind: config.Group, GID: ptr(33), Account: &config.Account{Name: "www"}},
		{Kind: config.User, UID: ptr(2000), Account: &config.Account{Name: "db", Group: "www", Home: "/tmp", Shell: "/bin/false", Password: "$6$x$y"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "further.golden", list(records))
	for path, want := range map[string]string{
		"etc/passwd": "daemon:x:1:1:daemon:/usr/sbin:/bin/false\nroot:x:0:0:root:/root:/bin/sh\n" +
			"web:x:1000:1000:Web:/srv/web:/bin/sh\ndb:x:2000:33::/tmp:/bin/false\n",
		"etc/group":  "daemon:x:1:\naudio:x:29:daemon,web\nroot:x:0:\nwww:x:33:web\nweb:x:1000:\n",
		"etc/shadow": "root:*:::::::\nweb:*:::::::\ndb:$6$x$y:::::::\n",
	} {
		if diff := cmp.Diff(want, string(find(t, records, path).Content.Data)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
}

// TestFurtherMistakes looks at what is said of mistakes in them.
func TestFurtherMistakes(t *testing.T) {
	user := func(name string, uid *int, groups ...string) config.Entry {
		return config.Entry{Kind: config.User, UID: uid, Account: &config.Account{Name: name, Home: "/home/" + name, Groups: groups}}
	}
	for _, tt := range []struct {
		name    string
		entries []config.Entry
		want    string
	}{
		{"link to nothing", []config.Entry{{Kind: config.Hardlink, Path: "/a", Target: "/b"}}, "there is nothing at /b"},
		{"link to a folder", []config.Entry{{Kind: config.Hardlink, Path: "/a", Target: "/etc"}}, "/etc is a directory"},
		{"remove nothing", []config.Entry{{Kind: config.Remove, Path: "/usr/shar/**"}}, "nothing fits /usr/shar/**"},
		{"no group", []config.Entry{user("a", nil, "wheel")}, "there is no group wheel"},
		{"two of a number", []config.Entry{user("a", ptr(5)), user("b", ptr(5))}, "the number 5 is that of the user a"},
		{"no library", []config.Entry{{Kind: config.Program, Path: "/x", Source: "/nonexistent"}}, "/nonexistent"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for i := range tt.entries {
				tt.entries[i] = at(3, tt.entries[i])
			}
			_, err := assemble(t.Context(), Input{Entries: tt.entries})
			f, ok := errors.AsType[*fault.Error](err)
			if !ok || !strings.Contains(strings.ToLower(f.Detail), strings.ToLower(tt.want)) || f.Remedy == "" || f.Range == nil {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestAccountsSatisfyTheirTools has pwck and grpck read the files.
func TestAccountsSatisfyTheirTools(t *testing.T) {
	pwck := testenv.Tool(t, "pwck", "passwd")
	records, err := assemble(t.Context(), Input{Entries: []config.Entry{
		{Kind: config.User, Account: &config.Account{Name: "web", Home: "/home/web", Shell: "/bin/sh", Password: "*"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range []string{"passwd", "shadow"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(find(t, records, "etc/"+name).Content.Data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// It complains of groups and homes, which it looks for on this machine.
	out, _ := exec.CommandContext(t.Context(), pwck, "-r", filepath.Join(dir, "passwd"), filepath.Join(dir, "shadow")).CombinedOutput()
	for _, complaint := range []string{"invalid", "duplicate", "no matching"} {
		if strings.Contains(string(out), complaint) {
			t.Errorf("pwck: %s", out)
		}
	}
}
