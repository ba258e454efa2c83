package rootfs

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/mkmini/mkmini/core/capability"
	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/xattr"
)

// attributed is a folder with extended attributes, those that go along and
// those that don't. It skips the test where the file system has none.
func attributed(t *testing.T) string {
	t.Helper()
	dir := write(t, t.TempDir(), map[string]string{"d/": "", "d/plain": "p", "d/tool": "t"})
	for name, list := range map[string]map[string]string{
		"d":      {"user.folder": "yes"},
		"d/tool": {"user.b": "\x00\xff", "user.a": ""},
	} {
		if err := xattr.Set(filepath.Join(dir, name), list); err != nil {
			t.Skipf("no extended attributes here: %v", err)
		}
	}
	if os.Geteuid() == 0 {
		if err := xattr.Set(filepath.Join(dir, "d/tool"), map[string]string{"trusted.machine": "x", "security.other": "y"}); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestXattrsOfEntries(t *testing.T) {
	set := map[string]string{"user.a": "\x00b", "security.capability": string(capability.Set{Permitted: 1}.Encode())}
	records, err := assemble(t.Context(), Input{Entries: []config.Entry{
		{Kind: config.Hardlink, Path: "/aa", Target: "/bb"},
		{Kind: config.File, Path: "/bb", Xattrs: set},
		{Kind: config.Directory, Path: "/tmp", Xattrs: map[string]string{"user.t": "1"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	// The first name of a file is the file, whichever was written as the link.
	for path, want := range map[string]map[string]string{"aa": set, "bb": nil, "tmp": {"user.t": "1"}, "dev": nil} {
		if diff := cmp.Diff(want, find(t, records, path).Xattrs); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
}

func TestXattrsOfOverlay(t *testing.T) {
	dir := attributed(t)
	overlay := config.Entry{Kind: config.Overlay, Path: "/", Source: dir}
	records, err := assemble(t.Context(), Input{Entries: []config.Entry{
		overlay, {Kind: config.Directory, Path: "/d", Xattrs: map[string]string{"user.more": "too"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]map[string]string{
		"d": {"user.folder": "yes", "user.more": "too"}, "d/plain": nil, "d/tool": {"user.b": "\x00\xff", "user.a": ""},
	} {
		if diff := cmp.Diff(want, find(t, records, path).Xattrs); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	digest := func() string {
		t.Helper()
		parts, err := new(Folders).Digest(t.Context(), []config.Entry{overlay})
		if err != nil {
			t.Fatal(err)
		}
		return parts[0].Digest
	}
	before := digest()
	if err := unix.Setxattr(filepath.Join(dir, "d/plain"), "user.new", nil, 0); err != nil {
		t.Fatal(err)
	}
	if digest() == before {
		t.Error("an attribute doesn't change the digest")
	}
	if err := unix.Setxattr(filepath.Join(dir, "d/plain"), "user.a=b", nil, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := assemble(t.Context(), Input{Entries: []config.Entry{overlay}}); err == nil || !strings.Contains(err.Error(), "user.a=b") {
		t.Errorf("an attribute that tar can't hold: %v", err)
	}
}

// TestGNUTarSetsXattrs unpacks a layer with attributes, and finds them.
func TestGNUTarSetsXattrs(t *testing.T) {
	gnutar, err := exec.LookPath("tar")
	if err != nil {
		t.Skip("needs GNU tar (Debian package tar)")
	}
	dir := attributed(t)
	records, err := assemble(t.Context(), Input{Entries: []config.Entry{{Kind: config.Overlay, Path: "/", Source: dir}}})
	if err != nil {
		t.Fatal(err)
	}
	var first, again bytes.Buffer
	for _, b := range []*bytes.Buffer{&first, &again} {
		if err := WriteTar(t.Context(), b, slices.Values(records), epoch); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first.Bytes(), again.Bytes()) {
		t.Error("two archives differ")
	}
	out := t.TempDir()
	cmd := exec.CommandContext(t.Context(), gnutar, "--xattrs", "--xattrs-include=user.*", "-xf", "-", "-C", out, "d")
	cmd.Stdin = &first
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	for _, name := range []string{"d", "d/plain", "d/tool"} {
		want, err := xattr.Read(filepath.Join(dir, name), xattr.Portable)
		if err != nil {
			t.Fatal(err)
		}
		got, err := xattr.Read(filepath.Join(out, name), xattr.Portable)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}
