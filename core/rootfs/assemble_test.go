package rootfs

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/fault"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// write makes files below dir: a trailing slash makes a folder, content that
// begins with "->" a symlink.
func write(t *testing.T, dir string, files map[string]string) string {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if strings.HasSuffix(name, "/") {
			err = os.MkdirAll(path, 0o755)
		} else if target, ok := strings.CutPrefix(content, "->"); ok {
			err = os.Symlink(target, path)
		} else {
			err = os.WriteFile(path, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// busybox makes an install tree as `make install` does.
func busybox(t *testing.T) string {
	dir := write(t, t.TempDir(), map[string]string{
		"bin/busybox":  "busybox",
		"bin/sh":       "->busybox",
		"sbin/init":    "->../bin/busybox",
		"usr/bin/env":  "->../../bin/busybox",
		"usr/sbin/arp": "->../../bin/busybox",
		"linuxrc":      "->bin/busybox",
	})
	if err := os.Chmod(filepath.Join(dir, "bin/busybox"), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// at gives an entry a line of its own.
func at(line int, entry config.Entry) config.Entry {
	entry.Range = fault.Range{File: "mini.hcl", Start: fault.Position{Line: line, Column: 3}}
	return entry
}

// list shows records one a line, as ls does.
func list(records []Record) string {
	var b strings.Builder
	for _, r := range records {
		fmt.Fprintf(&b, "%-9s %04o %d:%d /%s", r.Type, r.Mode, r.UID, r.GID, r.Path)
		switch r.Type {
		case Symlink, Hardlink:
			fmt.Fprintf(&b, " -> %s", r.Target)
		case CharDevice, BlockDevice:
			fmt.Fprintf(&b, " %d,%d", r.Major, r.Minor)
		case File:
			fmt.Fprintf(&b, " %d bytes", r.Content.Size)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// TestPresets lists each layout.
func TestPresets(t *testing.T) {
	for _, preset := range Presets() {
		t.Run(preset, func(t *testing.T) {
			records, err := assemble(t.Context(), Input{Tree: busybox(t), Preset: preset, Hostname: "mini"})
			if err != nil {
				t.Fatal(err)
			}
			golden(t, "preset-"+preset+".golden", list(records))
		})
	}
	if _, err := assemble(t.Context(), Input{Preset: "no"}); err == nil {
		t.Error("an unknown preset is none")
	}
}

// find returns the record of a path.
func find(t *testing.T, records []Record, path string) Record {
	t.Helper()
	for _, r := range records {
		if r.Path == path {
			return r
		}
	}
	t.Fatalf("no record for %s in\n%s", path, list(records))
	return Record{}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestDefaultLayout(t *testing.T) {
	records, err := assemble(t.Context(), Input{Tree: busybox(t)})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "default.golden", list(records))
}

func ptr[T any](v T) *T { return &v }

func TestEntries(t *testing.T) {
	source := write(t, t.TempDir(), map[string]string{"script": "#!/bin/sh\n", "plain": "x"})
	if err := os.Chmod(filepath.Join(source, "script"), 0o700); err != nil {
		t.Fatal(err)
	}
	over := write(t, t.TempDir(), map[string]string{
		"etc/hosts": "127.0.0.1 localhost\n", "lib/firmware/a": "a", "bin/sh": "->/bin/busybox", "tmp/": "",
	})
	records, err := assemble(t.Context(), Input{Tree: busybox(t), Entries: []config.Entry{
		{Kind: config.Directory, Path: "/srv", Mode: ptr(uint32(0o2750)), UID: ptr(33), GID: ptr(34)},
		{Kind: config.Directory, Path: "/tmp", GID: ptr(7)},
		{Kind: config.File, Path: "/lib/modules/list", Content: "none\n", UID: ptr(3000000000)},
		{Kind: config.File, Path: "/bin/run", Source: filepath.Join(source, "script")},
		{Kind: config.File, Path: "/bin/busybox", Source: filepath.Join(source, "plain"), Mode: ptr(uint32(0o4755))},
		{Kind: config.Symlink, Path: "/etc/mtab", Target: "../proc/mounts"},
		{Kind: config.Device, Path: "/dev/console", Char: true, Major: 5, Minor: 1},
		{Kind: config.Device, Path: "/dev/vda", Major: 254, Minor: 1, Mode: ptr(uint32(0o660)), GID: ptr(6)},
		{Kind: config.Overlay, Path: "/", Source: over},
		{Kind: config.Overlay, Path: "/opt/app", Source: source, UID: ptr(5)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "entries.golden", list(records))
}

func TestEntryErrors(t *testing.T) {
	over := write(t, t.TempDir(), map[string]string{"etc": "a file"})
	socket := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	fifo := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(fifo, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := func(path string) config.Entry { return config.Entry{Kind: config.File, Path: path} }
	tests := []struct {
		name    string
		entries []config.Entry
		want    string
		related bool
	}{
		{"file over a folder with children", []config.Entry{file("/usr")},
			`"/usr", but that is a folder of the base layout and holds "/usr/bin"`, false},
		{"overlay's file over a folder of an entry", []config.Entry{
			file("/etc/motd"), {Kind: config.Overlay, Path: "/", Source: over}},
			`verlay "/" puts a file at "/etc", but that is a folder of the base layout and holds "/etc/motd"`, false},
		{"below a file", []config.Entry{file("/srv"), file("/srv/x")},
			`ile "/srv/x" needs "/srv" to be a folder, but it is a file of file "/srv"`, false},
		{"through a symlink", []config.Entry{file("/usr/lib/x"), file("/lib/x")},
			`Through a symlink, "/lib/x" is "/usr/lib/x"`, true},
		{"twice", []config.Entry{file("/x"), {Kind: config.Directory, Path: "/x"}}, `at "/x" already`, true},
		{"circle", []config.Entry{
			{Kind: config.Symlink, Path: "/a", Target: "b"}, {Kind: config.Symlink, Path: "/b", Target: "/a"}, file("/a/x")},
			"in a circle", false},
		{"root", []config.Entry{file("/")}, "root folder itself", false},
		{"missing source", []config.Entry{{Kind: config.File, Path: "/x", Source: over + "/none"}}, "no such file", false},
		{"folder as a source", []config.Entry{{Kind: config.File, Path: "/x", Source: over}}, "no regular file", false},
		{"missing overlay", []config.Entry{{Kind: config.Overlay, Path: "/", Source: over + "/none"}}, "no such file", false},
		{"file as an overlay", []config.Entry{{Kind: config.Overlay, Path: "/", Source: over + "/etc"}}, "it is no tar", false},
		{"socket", []config.Entry{{Kind: config.Overlay, Path: "/", Source: filepath.Dir(socket)}}, "s is a socket", false},
		{"fifo", []config.Entry{{Kind: config.Overlay, Path: "/", Source: fifo}}, "pipe is a fifo", false},
		{"long name", []config.Entry{file("/" + strings.Repeat("n", 256))}, "longer than 255", false},
		{"long path", []config.Entry{file(strings.Repeat("/name", 1000))}, "longer than 4095", false},
		{"device number", []config.Entry{{Kind: config.Device, Path: "/dev/x", Major: 4096}}, "too large", false},
		{"mode", []config.Entry{{Kind: config.File, Path: "/x", Mode: ptr(uint32(0o10000))}}, "beyond 07777", false},
		{"owner", []config.Entry{{Kind: config.File, Path: "/x", UID: ptr(1<<32 - 1)}}, "4294967294", false},
		{"empty symlink", []config.Entry{{Kind: config.Symlink, Path: "/x"}}, "target", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for i := range test.entries {
				test.entries[i] = at(i+1, test.entries[i])
			}
			_, err := assemble(t.Context(), Input{Entries: test.entries})
			fe, ok := errors.AsType[*fault.Error](err)
			if !ok {
				t.Fatalf("got %v, want a *fault.Error", err)
			}
			if !strings.Contains(fe.Detail, test.want) {
				t.Errorf("detail is %q, want %q in it", fe.Detail, test.want)
			}
			if fe.Range == nil || fe.Range.Start.Line != len(test.entries) {
				t.Errorf("range is %v, want that of the last entry", fe.Range)
			}
			if (fe.Related != nil) != test.related {
				t.Errorf("related is %v", fe.Related)
			}
			if fe.Remedy == "" || fe.Summary == "" {
				t.Errorf("no summary or no remedy: %#v", fe)
			}
		})
	}
}

func TestHardLinksOfBusybox(t *testing.T) {
	dir := write(t, t.TempDir(), map[string]string{"bin/busybox": "bb"})
	for _, name := range []string{"bin/ash", "bin/zcat"} {
		if err := os.Link(filepath.Join(dir, "bin/busybox"), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	records, err := assemble(t.Context(), Input{Tree: dir, Entries: []config.Entry{
		{Kind: config.File, Path: "/bin/ash", Content: "other"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if r := find(t, records, "bin/busybox"); r.Type != File || r.Content.Size != 2 {
		t.Errorf("the first name left is %+v, want the file", r)
	}
	if r := find(t, records, "bin/zcat"); r.Type != Hardlink || r.Target != "bin/busybox" {
		t.Errorf("the second name is %+v, want a hard link", r)
	}
	records, err = assemble(t.Context(), Input{Entries: []config.Entry{{Kind: config.Overlay, Path: "/", Source: dir}}})
	if err != nil {
		t.Fatal(err)
	}
	if r := find(t, records, "bin/zcat"); r.Type != File {
		t.Errorf("an overlay's hard link is %+v, want a file of its own", r)
	}
}

func TestModesOfTheCheckoutHaveNoSay(t *testing.T) {
	listings := make(map[string]bool)
	for _, modes := range [][3]os.FileMode{{0o755, 0o644, 0o755}, {0o700, 0o600, 0o700}, {0o2775, 0o664, 0o775}, {0o777, 0o666, 0o777}} {
		dir := write(t, t.TempDir(), map[string]string{"d/plain": "1", "d/run": "2"})
		for i, name := range []string{"d", "d/plain", "d/run"} {
			mode := modes[i] & 0o777
			if modes[i]&0o2000 != 0 {
				mode |= os.ModeSetgid
			}
			if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
				t.Fatal(err)
			}
		}
		records, err := assemble(t.Context(), Input{Entries: []config.Entry{{Kind: config.Overlay, Path: "/srv", Source: dir}}})
		if err != nil {
			t.Fatal(err)
		}
		listings[list(records)] = true
	}
	if len(listings) != 1 {
		t.Errorf("got %d listings, want one: %v", len(listings), listings)
	}
}
