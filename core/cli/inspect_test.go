package cli

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/capability"
)

// packed writes a tar archive of files with these contents, and of what else
// is given.
func packed(t *testing.T, name string, entries ...tar.Header) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range entries {
		content := h.Uname
		h.Uname, h.Size, h.ModTime = "", int64(len(content)), time.Unix(315532800, 0)
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestInspect(t *testing.T) {
	path := packed(t, "x.tar",
		tar.Header{Name: "bin/", Typeflag: tar.TypeDir, Mode: 0o1777},
		tar.Header{Name: "bin/su", Typeflag: tar.TypeReg, Mode: 0o4755, Uname: "12345"},
		tar.Header{Name: "bin/sg", Typeflag: tar.TypeReg, Mode: 0o2644, Uid: 1000, Gid: 100000},
		tar.Header{Name: "bin/s2", Typeflag: tar.TypeLink, Linkname: "bin/su"},
		tar.Header{Name: "dev/sda", Typeflag: tar.TypeBlock, Mode: 0o660, Gid: 6, Devmajor: 8},
		tar.Header{Name: "a\nb\x1b[1m", Typeflag: tar.TypeSymlink, Linkname: "c\xff", Mode: 0o777},
		tar.Header{Name: "p", Typeflag: tar.TypeFifo, Mode: 0o600, PAXRecords: map[string]string{
			"SCHILY.xattr.user.x": "1", "SCHILY.xattr.security.capability": string(capability.Set{Permitted: 1 << 13, Effective: true}.Encode())}},
	)
	code, out, errs := run(t, "inspect", path)
	want := `x.tar: tar

d????????? -                  -                    -  /
lrwxrwxrwx 0:0                - 1980-01-01T00:00:00Z  "/a\nb\x1b[1m" -> "c\xff"
drwxrwxrwt 0:0                - 1980-01-01T00:00:00Z  /bin
-rwsr-xr-x 0:0                5 1980-01-01T00:00:00Z  /bin/s2
-rw-r-Sr-- 1000:100000          0 1980-01-01T00:00:00Z  /bin/sg
-rwsr-xr-x 0:0                5 1980-01-01T00:00:00Z  /bin/su  (hard link to /bin/s2)
d????????? -                  -                    -  /dev
brw-rw---- 0:6              8,0 1980-01-01T00:00:00Z  /dev/sda
prw------- 0:0                - 1980-01-01T00:00:00Z  /p  [cap_net_raw=ep]  [user.x]

9 entries: 2 files with 5 B (5 bytes), 3 directories, 1 symlinks, 1 hard links, 1 devices, 1 others
`
	if diff := cmp.Diff(want, strings.ReplaceAll(out, path, "x.tar")); diff != "" || code != 0 || errs != "" {
		t.Errorf("%d %s (-want +got):\n%s", code, errs, diff)
	}
	code, out, _ = run(t, "inspect", "--json", "--summary", path)
	var got struct {
		Trees []struct {
			Entries []any
			Totals  map[string]int
		}
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 {
		t.Fatal(code, err)
	}
	if len(got.Trees) != 1 || len(got.Trees[0].Entries) != 0 || got.Trees[0].Totals["entries"] != 9 {
		t.Errorf("%+v", got)
	}
}

func TestDiffExitCodes(t *testing.T) {
	file := func(content string) string {
		return packed(t, "x.tar", tar.Header{Name: "x", Typeflag: tar.TypeReg, Mode: 0o644, Uname: content},
			tar.Header{Name: content, Typeflag: tar.TypeReg, Mode: 0o600})
	}
	a, b := file("a"), file("b")
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("text"), 0o666); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		args []string
		want int
	}{
		{[]string{a, a}, 0},
		{[]string{a, file("a")}, 0},
		{[]string{a, b}, 1},
		{[]string{"--json", a, b}, 1},
		{[]string{a, text}, 2},
		{[]string{a, a + ".no"}, 2},
		{[]string{a}, 2},
		{[]string{a, b, "--ignore", "contents"}, 2},
	}
	for _, test := range tests {
		if code, _, errs := run(t, append([]string{"diff"}, test.args...)...); code != test.want || (code == 2) != (errs != "") {
			t.Errorf("diff %q: exit code %d, want %d: %s", test.args, code, test.want, errs)
		}
	}
	if code, _, _ := run(t, "inspect", text); code != 1 {
		t.Errorf("inspect of what is no artifact: exit code %d", code)
	}
	_, out, _ := run(t, "diff", a, b)
	_, out, _ = strings.Cut(out, "+++ "+b+"\n")
	want := `- -rw------- 0:0                0 1980-01-01T00:00:00Z  /a
+ -rw------- 0:0                0 1980-01-01T00:00:00Z  /b
! /x: sha256 ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb -> 3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d
1 removed, 1 added, 1 changed
`
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	_, out, _ = run(t, "diff", "--json", a, a)
	var same map[string]any
	if err := json.Unmarshal([]byte(out), &same); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{"a": a, "b": a, "same": true, "config": []any{}, "changes": []any{}}, same); diff != "" {
		t.Error(diff)
	}
}
