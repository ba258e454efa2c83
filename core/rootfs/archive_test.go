package rootfs

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/capability"
	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/fault"
)

// pack writes a tar archive whose files hold their own names.
func pack(t *testing.T, headers ...tar.Header) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if h.Typeflag == tar.TypeReg {
			h.Size = int64(len(h.Name))
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			if _, err := io.WriteString(w, h.Name); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "overlay.tar")
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// squeeze compresses an archive with a tool.
func squeeze(t *testing.T, tool, path string) string {
	t.Helper()
	name, err := exec.LookPath(tool)
	if err != nil {
		t.Skipf("needs %s", tool)
	}
	out, err := exec.CommandContext(t.Context(), name, "-c", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	squeezed := filepath.Join(t.TempDir(), "overlay")
	if err := os.WriteFile(squeezed, out, 0o644); err != nil {
		t.Fatal(err)
	}
	return squeezed
}

// packed is an archive with a bit of everything.
func packed(t *testing.T) string {
	t.Helper()
	return pack(t,
		tar.Header{Name: "./", Typeflag: tar.TypeDir, Mode: 0o700, Uid: 9},
		tar.Header{Name: "srv/", Typeflag: tar.TypeDir, Mode: 0o2750, Uid: 33, Gid: 33},
		tar.Header{Name: "srv/run", Mode: 0o4711, Uid: 33, Gid: 34},
		tar.Header{Name: "srv/also", Typeflag: tar.TypeLink, Linkname: "./srv/run"},
		tar.Header{Name: "srv/link", Typeflag: tar.TypeSymlink, Linkname: "/../../etc/passwd", Uid: 1},
		tar.Header{Name: "srv/link2", Typeflag: tar.TypeLink, Linkname: "srv/link"},
		tar.Header{Name: "/lib/absolute", Mode: 0o640},
		tar.Header{Name: "dev/null", Typeflag: tar.TypeChar, Mode: 0o666, Devmajor: 1, Devminor: 3},
		tar.Header{Name: "dev/pipe", Typeflag: tar.TypeFifo, Mode: 0o600},
		tar.Header{Name: "srv/twice", Mode: 0o600, PAXRecords: map[string]string{"SCHILY.xattr.user.a": "1", "SCHILY.xattr.trusted.b": "2"}},
		tar.Header{Name: "srv/twice", Mode: 0o604, PAXRecords: map[string]string{"SCHILY.xattr.user.a": "3", "SCHILY.xattr.trusted.b": "4"}},
	)
}

const packedList = `directory 0755 0:0 /opt
directory 0755 0:0 /opt/dev
char      0666 0:0 /opt/dev/null 1,3
fifo      0600 0:0 /opt/dev/pipe
directory 0755 0:0 /opt/lib
file      0640 0:0 /opt/lib/absolute 13 bytes
directory 2750 0:0 /opt/srv
file      4711 0:0 /opt/srv/also 7 bytes
symlink   0777 0:0 /opt/srv/link -> /../../etc/passwd
symlink   0777 0:0 /opt/srv/link2 -> /../../etc/passwd
hardlink  4711 0:0 /opt/srv/run -> opt/srv/also
file      0604 0:0 /opt/srv/twice 9 bytes
`

// only returns the records of /opt, and what is in their files.
func only(t *testing.T, records []Record) (string, map[string]string) {
	t.Helper()
	var some []Record
	contents := make(map[string]string)
	for _, r := range records {
		if r.Path != "opt" && !strings.HasPrefix(r.Path, "opt/") {
			continue
		}
		some = append(some, r)
		if r.Type != File {
			continue
		}
		f, err := r.Content.open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(f)
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		contents[r.Path] = string(text)
	}
	return list(some), contents
}

func TestArchiveOverlay(t *testing.T) {
	plain := packed(t)
	for _, tool := range []string{"", "gzip", "bzip2", "xz", "zstd"} {
		t.Run(tool, func(t *testing.T) {
			path := plain
			if tool != "" {
				path = squeeze(t, tool, plain)
			}
			records, err := assemble(t.Context(), Input{Temp: t.TempDir(), Entries: []config.Entry{
				{Kind: config.Overlay, Path: "/opt", Source: path}}})
			if err != nil {
				t.Fatal(err)
			}
			got, contents := only(t, records)
			if diff := cmp.Diff(packedList, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			want := map[string]string{"opt/lib/absolute": "/lib/absolute", "opt/srv/also": "srv/run", "opt/srv/twice": "srv/twice"}
			if diff := cmp.Diff(want, contents); diff != "" {
				t.Errorf("contents (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(map[string]string{"user.a": "3"}, find(t, records, "opt/srv/twice").Xattrs); diff != "" {
				t.Errorf("attributes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOverlayRules(t *testing.T) {
	path := packed(t)
	capabilities := map[string]string{capability.Attribute: string(capability.Set{Permitted: 1}.Encode())}
	entry := config.Entry{
		Kind: config.Overlay, Path: "/opt", Source: path, KeepOwner: true, GID: ptr(100), FileMode: ptr(uint32(0o640)),
		Rules: []config.Rule{
			{Pattern: "/opt/srv/**", UID: ptr(7), DirectoryMode: ptr(uint32(0o711)), Xattrs: map[string]string{"user.r": "r"}, Capabilities: capabilities},
			{Pattern: "/opt/**/null", FileMode: ptr(uint32(0o622)), UID: ptr(8), GID: ptr(8)},
			{Pattern: "/opt/srv/run", FileMode: ptr(uint32(0o755))},
		},
	}
	records, err := assemble(t.Context(), Input{Temp: t.TempDir(), Entries: []config.Entry{entry}})
	if err != nil {
		t.Fatal(err)
	}
	got, _ := only(t, records)
	want := `directory 0755 0:100 /opt
directory 0755 0:0 /opt/dev
char      0622 8:8 /opt/dev/null 1,3
fifo      0640 0:100 /opt/dev/pipe
directory 0755 0:0 /opt/lib
file      0640 0:100 /opt/lib/absolute 13 bytes
directory 0711 7:100 /opt/srv
file      0755 7:100 /opt/srv/also 7 bytes
symlink   0777 7:100 /opt/srv/link -> /../../etc/passwd
symlink   0777 7:100 /opt/srv/link2 -> /../../etc/passwd
hardlink  0755 7:100 /opt/srv/run -> opt/srv/also
file      0640 7:100 /opt/srv/twice 9 bytes
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for path, want := range map[string]map[string]string{
		"opt/srv": {"user.r": "r"}, "opt/srv/link": nil, "opt/dev/null": nil,
		"opt/srv/twice": {"user.a": "3", "user.r": "r", capability.Attribute: capabilities[capability.Attribute]},
	} {
		if diff := cmp.Diff(want, find(t, records, path).Xattrs); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	entry.Rules = append(entry.Rules, config.Rule{Pattern: "/srv/*", UID: ptr(1), Range: fault.Range{File: "mini.hcl", Start: fault.Position{Line: 9}}})
	_, err = assemble(t.Context(), Input{Temp: t.TempDir(), Entries: []config.Entry{entry}})
	if fe, ok := errors.AsType[*fault.Error](err); !ok || fe.Range.Start.Line != 9 || !strings.Contains(fe.Detail, "/srv/*") {
		t.Errorf("a rule for nothing: %v", err)
	}
}

// TestOverlayKeepsOwners takes a folder's owners, and sees them in the digest.
func TestOverlayKeepsOwners(t *testing.T) {
	dir := write(t, t.TempDir(), map[string]string{"d/f": "x"})
	uid := os.Getuid()
	if uid == 0 {
		uid = 1234
		if err := os.Chown(filepath.Join(dir, "d/f"), uid, 1); err != nil {
			t.Fatal(err)
		}
	}
	for _, keep := range []bool{true, false} {
		records, err := assemble(t.Context(), Input{Entries: []config.Entry{{Kind: config.Overlay, Path: "/", Source: dir, KeepOwner: keep}}})
		if err != nil {
			t.Fatal(err)
		}
		if r := find(t, records, "d/f"); (r.UID == uid) != keep {
			t.Errorf("keep %t: the owner is %d", keep, r.UID)
		}
	}
}

func TestArchiveRefuses(t *testing.T) {
	file := tar.Header{Name: "d/f", Mode: 0o644}
	link := tar.Header{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "../../etc", Mode: 0o777}
	for name, test := range map[string]struct {
		headers []tar.Header
		want    string
	}{
		"upwards":              {[]tar.Header{{Name: "../f"}}, "outside"},
		"through its own link": {[]tar.Header{link, {Name: "l/passwd"}}, "symlink in the same archive"},
		"deep in its own link": {[]tar.Header{link, {Name: "l/a/b/passwd"}}, "symlink in the same archive"},
		"link to nothing":      {[]tar.Header{{Name: "h", Typeflag: tar.TypeLink, Linkname: "d/f"}}, "no file before it"},
		"link to another's":    {[]tar.Header{{Name: "h", Typeflag: tar.TypeLink, Linkname: "init"}}, "no file before it"},
		"link to a folder":     {[]tar.Header{{Name: "d/", Typeflag: tar.TypeDir}, {Name: "h", Typeflag: tar.TypeLink, Linkname: "d"}}, "no file before it"},
		"link outside":         {[]tar.Header{{Name: "h", Typeflag: tar.TypeLink, Linkname: "../../x"}}, "outside"},
		"file over a folder":   {[]tar.Header{file, {Name: "d"}}, `a folder of overlay "/" and holds "/d/f"`},
		"below a file":         {[]tar.Header{{Name: "d"}, file}, "to be a folder"},
		"file over a layout's": {[]tar.Header{{Name: "usr"}}, "folder of the base layout"},
		"device number":        {[]tar.Header{{Name: "n", Typeflag: tar.TypeChar, Devmajor: 4096}}, "4096:0"},
		"minor number":         {[]tar.Header{{Name: "n", Typeflag: tar.TypeBlock, Devminor: 1 << 20}}, "0:1048576"},
		"owner":                {[]tar.Header{{Name: "n", Uid: 1<<32 - 1}}, "4294967295:0"},
		"negative owner":       {[]tar.Header{{Name: "n", Gid: -1, Format: tar.FormatGNU}}, "0:-1"},
		"long name":            {[]tar.Header{{Name: strings.Repeat("n", 256)}}, "longer than 255"},
		"long path":            {[]tar.Header{{Name: strings.Repeat("name/", 1000) + "n"}}, "longer than 4095"},
		"attribute":            {[]tar.Header{{Name: "n", PAXRecords: map[string]string{"SCHILY.xattr.security.capability": "x"}}}, "security.capability"},
		"circle":               {[]tar.Header{{Name: "l/x"}}, "in a circle"},
	} {
		t.Run(name, func(t *testing.T) {
			entries := []config.Entry{at(1, config.Entry{Kind: config.Overlay, Path: "/", Source: pack(t, test.headers...)})}
			if name == "circle" {
				entries = []config.Entry{{Kind: config.Symlink, Path: "/l", Target: "m"}, {Kind: config.Symlink, Path: "/m", Target: "/l"}, entries[0]}
			}
			_, err := assemble(t.Context(), Input{Entries: entries})
			fe, ok := errors.AsType[*fault.Error](err)
			if !ok {
				t.Fatalf("got %v, want a *fault.Error", err)
			}
			last := test.headers[len(test.headers)-1].Name
			if !strings.Contains(fe.Detail, test.want) || !strings.Contains(fe.Detail, fmt.Sprintf("%q", last)[:min(40, len(last)+1)]) || fe.Range == nil || fe.Remedy == "" {
				t.Errorf("got %q at %v, want %q", fe.Detail, fe.Range, test.want)
			}
			// What doesn't depend on the system is told without one, in the same words.
			early := Examine(t.Context(), entries)
			switch found, ok := errors.AsType[*fault.Error](early); {
			case slices.Contains([]string{"no file before it", "folder of the base layout", "to be a folder", "longer than 4095", "in a circle"}, test.want) || name == "file over a folder":
				if early != nil {
					t.Errorf("without a system there is %v", early)
				}
			case !ok || found.Detail != fe.Detail || found.Range != fe.Range:
				t.Errorf("without a system there is %v, and with one %v", early, err)
			}
		})
	}
}

// TestExamine finds no fault with an archive that there is none with, and says
// so of a damaged one before all of it is put anywhere.
func TestExamine(t *testing.T) {
	good := packed(t)
	whole, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	entry := func(source string) []config.Entry {
		return []config.Entry{{Kind: config.File, Path: "/x"}, at(3, config.Entry{Kind: config.Overlay, Path: "/", Source: source})}
	}
	if err := Examine(t.Context(), entry(good)); err != nil {
		t.Error(err)
	}
	if err := Examine(t.Context(), entry(t.TempDir())); err != nil {
		t.Error(err)
	}
	cut := filepath.Join(t.TempDir(), "cut.tar")
	if err := os.WriteFile(cut, whole[:1540], 0o644); err != nil {
		t.Fatal(err)
	}
	for _, archive := range []string{cut, squeeze(t, "gzip", cut)} {
		err := Examine(t.Context(), entry(archive))
		if fe, ok := errors.AsType[*fault.Error](err); !ok || fe.Range == nil || !strings.Contains(fe.Detail, "unexpected EOF") {
			t.Errorf("got %v", err)
		}
	}
}

// TestArchiveIntoLinks puts an archive's files where symlinks of the system
// lead, as those of folders go.
func TestArchiveIntoLinks(t *testing.T) {
	records, err := assemble(t.Context(), Input{Entries: []config.Entry{
		{Kind: config.Overlay, Path: "/", Source: pack(t, tar.Header{Name: "lib/", Typeflag: tar.TypeDir, Mode: 0o700}, tar.Header{Name: "lib/x"},
			tar.Header{Name: "lib/y", Typeflag: tar.TypeLink, Linkname: "lib/x"})}}})
	if err != nil {
		t.Fatal(err)
	}
	if r := find(t, records, "lib"); r.Type != Symlink {
		t.Errorf("/lib is a %s", r.Type)
	}
	if r := find(t, records, "usr/lib/y"); r.Type != Hardlink || r.Target != "usr/lib/x" {
		t.Errorf("/usr/lib/y is %+v", r)
	}
}

// TestArchiveChanges has an archive that is shorter than it was.
func TestArchiveChanges(t *testing.T) {
	path := packed(t)
	records, err := assemble(t.Context(), Input{Entries: []config.Entry{{Kind: config.Overlay, Path: "/", Source: path}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 700); err != nil {
		t.Fatal(err)
	}
	if err := WriteTar(t.Context(), io.Discard, slices.Values(records), epoch); err == nil || !strings.Contains(err.Error(), "changed while it was read") {
		t.Errorf("got %v", err)
	}
}

// TestSparseOverlay has the content of a file with holes right, and holes in
// what is kept of a compressed archive.
func TestSparseOverlay(t *testing.T) {
	gnutar, err := exec.LookPath("tar")
	if err != nil {
		t.Skip("needs GNU tar (Debian package tar)")
	}
	const size = 40 << 20
	dir := t.TempDir()
	file, err := os.Create(filepath.Join(dir, "holes"))
	if err != nil {
		t.Fatal(err)
	}
	_, errA := file.WriteAt([]byte("middle"), 20<<20+5)
	if err := errors.Join(errA, file.Truncate(size), file.Close()); err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(t.TempDir(), "a.tar.gz")
	if out, err := exec.CommandContext(t.Context(), gnutar, "-Sczf", archive, "-C", dir, "holes").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var sums []string
	for _, source := range []string{dir, archive} {
		temp := t.TempDir()
		records, err := assemble(t.Context(), Input{Temp: temp, Entries: []config.Entry{{Kind: config.Overlay, Path: "/opt", Source: source}}})
		if err != nil {
			t.Fatal(err)
		}
		_, contents := only(t, records)
		text := contents["opt/holes"]
		if len(text) != size || strings.Index(text, "middle") != 20<<20+5 || strings.Count(text, "\x00") != size-6 {
			t.Errorf("%s: the content is another one of %d bytes", source, len(text))
		}
		sums = append(sums, text)
		kept, err := filepath.Glob(filepath.Join(temp, "*"))
		if err != nil || len(kept) != len(sums)-1 {
			t.Fatalf("%s: %v is kept, %v", source, kept, err)
		}
		if len(kept) > 0 {
			used := strings.Fields(string(output(t, "du", "-k", kept[0])))[0]
			if used != "4" && used != "8" {
				t.Errorf("what is kept takes %s KiB", used)
			}
		}
	}
}

// output runs a command.
func output(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestLinkLoops takes symlinks as they are, wherever they lead.
func TestLinkLoops(t *testing.T) {
	dir := write(t, t.TempDir(), map[string]string{"d/self": "->self", "d/up": "->..", "d/out": "->../../../../etc", "d/a": "->b", "d/b": "->/d/a"})
	archive := pack(t,
		tar.Header{Name: "e/self", Typeflag: tar.TypeSymlink, Linkname: "self"}, tar.Header{Name: "e/a", Typeflag: tar.TypeSymlink, Linkname: "b"},
		tar.Header{Name: "e/b", Typeflag: tar.TypeSymlink, Linkname: "/e/a"}, tar.Header{Name: "e/again", Typeflag: tar.TypeLink, Linkname: "e/again"})
	records, err := assemble(t.Context(), Input{Entries: []config.Entry{{Kind: config.Overlay, Path: "/", Source: dir}}})
	if err != nil {
		t.Fatal(err)
	}
	for path, target := range map[string]string{"d/self": "self", "d/up": "..", "d/out": "../../../../etc", "d/a": "b", "d/b": "/d/a"} {
		if r := find(t, records, path); r.Type != Symlink || r.Target != target {
			t.Errorf("%+v", r)
		}
	}
	_, err = assemble(t.Context(), Input{Entries: []config.Entry{at(1, config.Entry{Kind: config.Overlay, Path: "/", Source: archive})}})
	if fe, ok := errors.AsType[*fault.Error](err); !ok || !strings.Contains(fe.Detail, `"e/again", which is no file before it`) {
		t.Errorf("a hard link to itself: %v", err)
	}
}
