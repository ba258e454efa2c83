package xattr_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/capability"
	"github.com/mkmini/mkmini/core/xattr"
)

func TestCheck(t *testing.T) {
	for _, test := range []struct{ name, value, want string }{
		{"user.mime_type", "text/plain", ""},
		{"trusted.overlay.opaque", "y", ""},
		{"security.capability", string(capability.Set{Permitted: 1}.Encode()), ""},
		{"user." + strings.Repeat("n", 250), strings.Repeat("v", 64<<10), ""},
		{"user.ä\n\xff", "\x00", ""},
		{"security.capability", "cap_net_raw+ep", "capabilities"},
		{"system.posix_acl_access", "", "namespaces"},
		{"mime_type", "", "user.NAME"},
		{"user", "", "user.NAME"},
		{"user.", "", "user.NAME"},
		{"user." + strings.Repeat("n", 251), "", "255 bytes"},
		{"user.v", strings.Repeat("v", 64<<10+1), "65536"},
		{"user.a=b", "", "tar"},
		{"user.100%", "", "tar"},
		{"user.\x00", "", "tar"},
	} {
		err := xattr.Check(test.name, test.value)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%.40q: got %v, want %q", test.name, err, test.want)
		}
	}
}

func TestReadAndSet(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := xattr.Read(name, xattr.Own); got != nil || err != nil {
		t.Errorf("an ordinary file has %q, %v", got, err)
	}
	want := map[string]string{"user.a": "\x00", "user.b": "", "user.c": strings.Repeat("long", 500)}
	if err := xattr.Set(name, want); err != nil {
		t.Skipf("no extended attributes here: %v", err)
	}
	got, err := xattr.Read(name, xattr.Portable)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	got, err = xattr.ReadOpen(int(file.Fd()), name, xattr.Portable)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("open: %v (-want +got):\n%s", err, diff)
	}
	if _, err := xattr.Read(name+"x", xattr.Own); err == nil {
		t.Error("no error for a missing file")
	}
}

func TestOwn(t *testing.T) {
	for name, want := range map[string]bool{
		"user.a": true, "trusted.a": true, "security.capability": true, "security.mine": true,
		"security.selinux": false, "security.ima": false, "security.SMACK64EXEC": false, "system.posix_acl_access": false,
	} {
		if xattr.Own(name) != want {
			t.Errorf("%s is %t", name, !want)
		}
	}
}
