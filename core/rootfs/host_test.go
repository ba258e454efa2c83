package rootfs_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/mkmini/mkmini/core/capability"
	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/rootfs"
)

// installed makes a small installed system, of the merged kind.
func installed(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, err := range []error{
		os.MkdirAll(filepath.Join(dir, "usr/bin"), 0o755), os.Symlink("usr/bin", filepath.Join(dir, "bin")),
		os.MkdirAll(filepath.Join(dir, "var/mail"), 0o755), os.Chmod(filepath.Join(dir, "var/mail"), 0o2775|os.ModeSetgid),
		os.Mkdir(filepath.Join(dir, "root"), 0o755), os.Chmod(filepath.Join(dir, "root"), 0o711),
		os.WriteFile(filepath.Join(dir, "usr/bin/ls"), []byte("#!/bin/sh\n"), 0o755), os.Chmod(filepath.Join(dir, "usr/bin/ls"), 0o4755|os.ModeSetuid),
		os.Link(filepath.Join(dir, "usr/bin/ls"), filepath.Join(dir, "usr/bin/dir")),
		unix.Mkfifo(filepath.Join(dir, "var/pipe"), 0o600), os.Chmod(filepath.Join(dir, "var/pipe"), 0o600),
		os.Chmod(filepath.Join(dir, "usr"), 0o755), os.Chmod(filepath.Join(dir, "usr/bin"), 0o755), os.Chmod(filepath.Join(dir, "var"), 0o755),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// overlay makes a folder with a file in a folder.
func overlay(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "sub"), 0o755), os.WriteFile(filepath.Join(dir, "sub/over"), nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestHost puts an installed system over the layout and busybox: its merged
// /bin takes in what was there, and what the configuration states stays.
func TestHost(t *testing.T) {
	busybox := t.TempDir()
	for _, err := range []error{
		os.MkdirAll(filepath.Join(busybox, "bin"), 0o755),
		os.WriteFile(filepath.Join(busybox, "bin/busybox"), []byte("x"), 0o755),
		os.Symlink("busybox", filepath.Join(busybox, "bin/ls")), os.Symlink("busybox", filepath.Join(busybox, "bin/sh")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	dir, zero := installed(t), 0
	mode := uint32(0o700)
	records, err := rootfs.Assemble(t.Context(), rootfs.Input{Tree: busybox, Entries: []config.Entry{
		{Kind: config.Directory, Path: "/root", Mode: &mode},
		{Kind: config.Overlay, Path: "/bin", Source: overlay(t)},
		{Kind: config.Host, Path: "/", UID: &zero, GID: &zero, Installed: &config.Installed{Root: dir, All: true}},
		{Kind: config.File, Path: "/bin/own", Content: "mine"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	type record struct {
		Type   rootfs.Type
		Mode   uint32
		Target string
	}
	got := make(map[string]record)
	for r := range records {
		if r.Path == "usr/bin/sub/over" && !strings.HasSuffix(r.Content.Path, "/sub/over") {
			t.Errorf("a file that moved is read from %q", r.Content.Path)
		}
		got[r.Path] = record{r.Type, r.Mode, r.Target}
	}
	for path, want := range map[string]record{
		"bin":              {rootfs.Symlink, 0o777, "usr/bin"},
		"bin/sh":           {},
		"usr/bin/busybox":  {rootfs.File, 0o755, ""},
		"usr/bin/sh":       {rootfs.Symlink, 0o777, "busybox"},
		"usr/bin/dir":      {rootfs.File, 0o4755, ""},
		"usr/bin/ls":       {rootfs.Hardlink, 0o4755, "usr/bin/dir"},
		"usr/bin/sub/over": {rootfs.File, 0o644, ""},
		"usr/bin/own":      {rootfs.File, 0o644, ""},
		"var/mail":         {rootfs.Directory, 0o2775, ""},
		"var/pipe":         {rootfs.Fifo, 0o600, ""},
		"root":             {rootfs.Directory, 0o700, ""},
		"lib":              {rootfs.Symlink, 0o777, "usr/lib"},
	} {
		if diff := cmp.Diff(want, got[path]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
}

// TestHostDigest changes with whatever is taken, and with nothing else.
func TestHostDigest(t *testing.T) {
	dir := installed(t)
	digest := func() string {
		t.Helper()
		parts, err := new(rootfs.Folders).Digest(t.Context(), []config.Entry{
			{Kind: config.Host, Path: "/", Installed: &config.Installed{Root: dir, Paths: []string{"/bin", "/var"}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		return parts[0].Digest
	}
	last := digest()
	if err := os.Chmod(filepath.Join(dir, "root"), 0o700); err != nil || digest() != last {
		t.Errorf("what isn't taken has a say: %v", err)
	}
	for name, change := range map[string]func() error{
		"mode":    func() error { return os.Chmod(filepath.Join(dir, "var/pipe"), 0o644) },
		"content": func() error { return os.WriteFile(filepath.Join(dir, "usr/bin/ls"), []byte("#!/bin/xx\n"), 0o755) },
		"links":   func() error { return os.Link(filepath.Join(dir, "usr/bin/ls"), filepath.Join(dir, "usr/bin/more")) },
		"a link in the place of a file": func() error {
			name := filepath.Join(dir, "usr/bin/dir")
			return errors.Join(os.Remove(name), os.Symlink("ls", name))
		},
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		now := digest()
		if now == last {
			t.Errorf("%s: the digest stayed", name)
		}
		last = now
	}
}

// TestHostCapabilities keeps what a program may do without being root's.
func TestHostCapabilities(t *testing.T) {
	dir := installed(t)
	set, err := capability.Parse("cap_net_raw+ep")
	if err != nil {
		t.Fatal(err)
	}
	value := string(set.Encode())
	if err := unix.Setxattr(filepath.Join(dir, "usr/bin/ls"), capability.Attribute, []byte(value), 0); err != nil {
		t.Skipf("file capabilities can't be set: %v", err)
	}
	records, err := rootfs.Assemble(t.Context(), rootfs.Input{Unchecked: []string{"/usr"}, Entries: []config.Entry{
		{Kind: config.Host, Path: "/", Installed: &config.Installed{Root: dir, Commands: []string{"ls"}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for r := range records {
		if r.Path == "usr/bin/ls" && r.Xattrs[capability.Attribute] == value {
			return
		}
	}
	t.Error("the program lost its capability")
}

// TestHostIsChecked says what a taken program lacks.
func TestHostIsChecked(t *testing.T) {
	dir := installed(t)
	_, err := rootfs.Assemble(t.Context(), rootfs.Input{Entries: []config.Entry{
		{Kind: config.Host, Path: "/", Installed: &config.Installed{Root: dir, Commands: []string{"ls"}}},
	}})
	if err == nil || !strings.Contains(err.Error(), "begins with #!/bin/sh, and there is no such file") {
		t.Errorf("got %v", err)
	}
}
