package inspect

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mkmini/mkmini/core/capability"
)

func TestDiff(t *testing.T) {
	left := mustRead(t, put(t, "a", tarOf(t,
		dir("d"), file("d/gone", "1"), file("d/same", "1"), file("d/f", "1"), symlink("l", "a"), file("t", ""),
		&tar.Header{Typeflag: tar.TypeChar, Name: "n", Devmajor: 1, Devminor: 3}, file("x", ""),
		file("h1", "1"), hardlink("h2", "h1"),
		&tar.Header{Typeflag: tar.TypeReg, Name: "z", Mode: 0o755, PAXRecords: map[string]string{xattrRecord + "security.capability": string(capability.Set{Permitted: 1}.Encode())}},
	))).Trees[0]
	right := mustRead(t, put(t, "b", tarOf(t,
		file("d/same", "1"), &tar.Header{Typeflag: tar.TypeReg, Name: "d/f", Mode: 0o4755, Uid: 5, Gid: 1 << 30, Size: 2, Uname: "12", ModTime: time.Unix(60, 0)},
		symlink("l", "\xff"), dir("t"), file("t/new", ""), &tar.Header{Typeflag: tar.TypeChar, Name: "n", Devmajor: 1, Devminor: 5},
		&tar.Header{Typeflag: tar.TypeReg, Name: "x", Mode: 0o644, PAXRecords: map[string]string{xattrRecord + "user.a": "\x01"}},
		file("h1", "1"), file("h2", "1"),
		&tar.Header{Typeflag: tar.TypeReg, Name: "z", Mode: 0o755, PAXRecords: map[string]string{xattrRecord + "security.capability": "odd"}},
	))).Trees[0]
	type change struct {
		Path, Kind string
		Fields     []Field
	}
	short := func(changes []Change) []change {
		var all []change
		for _, c := range changes {
			all = append(all, change{c.Path(), c.Kind, c.Fields})
		}
		return all
	}
	want := []change{
		{"/d/f", Changed, []Field{
			{"mode", "0644", "4755"}, {"uid", "0", "5"}, {"gid", "0", "1073741824"}, {"size", "1", "2"},
			{"sha256", hexOf([]byte("1")), hexOf([]byte("12"))}, {"mtime", "1970-01-01T00:00:00Z", "1970-01-01T00:01:00Z"},
		}},
		{"/d/gone", Removed, nil},
		{"/h2", Changed, []Field{{"hardlink", "/h1", ""}}},
		{"/l", Changed, []Field{{"target", "a", `"\xff"`}}},
		{"/n", Changed, []Field{{"device", "1:3", "1:5"}}},
		{"/t", Changed, []Field{{"type", "file", "directory"}}},
		{"/t/new", Added, nil},
		{"/x", Changed, []Field{{"xattrs", "", `user.a="\x01"`}}},
		{"/z", Changed, []Field{{"xattrs", `security.capability="cap_chown=p"`, `security.capability="odd"`}}},
	}
	if diff := cmp.Diff(want, short(Diff(left, right, nil))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	want[0].Fields = slices.Delete(slices.Delete(want[0].Fields, 5, 6), 0, 3)
	want = append(want[:2], want[3:7]...)
	if diff := cmp.Diff(want, short(Diff(left, right, Ignorable))); diff != "" {
		t.Errorf("nothing but contents (-want +got):\n%s", diff)
	}
}

// A tree is the same whatever format it is in, and one change is one change.
func TestFormatsHoldTheSame(t *testing.T) {
	name := rapid.StringMatching("[a-c\xc3\xa9 \n!-.]{1,3}")
	rapid.Check(t, func(rt *rapid.T) {
		var entries []*tar.Header
		taken := map[string]bool{".": true, "..": true}
		folders := []string{""}
		for range rapid.IntRange(1, 20).Draw(rt, "entries") {
			base := name.Draw(rt, "name")
			at := rapid.SampledFrom(folders).Draw(rt, "folder") + base
			if taken[at] || base == "." || base == ".." || strings.HasPrefix(base, whiteoutPrefix) {
				continue
			}
			taken[at] = true
			h := file(at, rapid.StringN(0, 20, 60).Draw(rt, "content"))
			switch rapid.IntRange(0, 2).Draw(rt, "type") {
			case 1:
				h = dir(at)
				folders = append(folders, at+"/")
			case 2:
				h = symlink(at, rapid.StringMatching("[a-z./]{1,9}").Draw(rt, "target"))
			}
			h.Uid, h.Gid = rapid.IntRange(0, 1<<31).Draw(rt, "uid"), rapid.IntRange(0, 1<<31).Draw(rt, "gid")
			h.ModTime = time.Unix(int64(rapid.Uint32().Draw(rt, "time")), 0)
			h.Mode = int64(rapid.IntRange(0, 0o7777).Draw(rt, "mode"))
			entries = append(entries, h)
		}
		whole := tarOf(t, entries...)
		want := mustRead(t, put(t, "tar", whole)).Trees[0]
		for name, data := range map[string][]byte{"cpio": newcOf(entries...), "image": savedOf(t, whole)} {
			if changes := Diff(want, mustRead(t, put(t, name, data)).Trees[0], nil); len(changes) > 0 {
				rt.Fatalf("%s: %s", name, jsonOf(t, changes))
			}
		}
		if !slices.IsSortedFunc(want.Entries, func(a, b *Entry) int { return comparePaths(a.Path, b.Path) }) {
			rt.Fatalf("%q", paths(want))
		}
		less := mustRead(t, put(t, "less", tarOf(t, append(entries, file("zzzz", ""))...))).Trees[0]
		if changes := Diff(want, less, nil); len(changes) != 1 || changes[0].Kind != Added || changes[0].Path() != "/zzzz" {
			rt.Fatalf("one more: %s", jsonOf(t, changes))
		}
	})
}

func TestJSON(t *testing.T) {
	tree := mustRead(t, put(t, "x", tarOf(t, file("a", "1"), symlink("\xff", "b"),
		&tar.Header{Typeflag: tar.TypeBlock, Name: "n", Devmajor: 8}))).Trees[0]
	var got []fields
	if err := json.Unmarshal([]byte(jsonOf(t, tree.Entries)), &got); err != nil {
		t.Fatal(err)
	}
	want := []fields{
		{"path": "/", "type": "directory", "implied": true, "mode": "0755"},
		{"path": "/a", "type": "file", "mode": "0644", "size": 1.0, "sha256": hexOf([]byte("1"))},
		{"path": "/n", "type": "block device", "mode": "0000", "major": 8.0, "minor": 0.0},
		{"path": "/\ufffd", "path_bytes": "L/8=", "type": "symlink", "mode": "0777", "target": "b"},
	}
	for _, w := range want {
		for _, name := range []string{"uid", "gid", "size", "mtime"} {
			if w[name] == nil {
				w[name] = 0.0
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestQuote(t *testing.T) {
	for name, want := range map[string]string{
		"/a b": "/a b", "/é": "/é", "": `""`, " a": `" a"`, "a ": `"a "`, "a\nb": `"a\nb"`, "\xff": `"\xff"`, `a\nb`: `"a\\nb"`, `"a"`: `"\"a\""`, "\x1b[1m": `"\x1b[1m"`,
	} {
		if got := Quote(name); got != want {
			t.Errorf("Quote(%q) is %s, want %s", name, got, want)
		}
	}
}

// What is written bit by bit is what encoding/json writes at once.
func TestWriteJSON(t *testing.T) {
	b := blobs{}
	layer := tarOf(t, file("a", "1"), symlink("b", "a"))
	b.index(t, b.image(t, "arm64", layer), b.image(t, "amd64", layer))
	for _, path := range []string{put(t, "x", layer), b.write(t)} {
		a := mustRead(t, path)
		for range 2 {
			var got bytes.Buffer
			if err := a.WriteJSON(&got); err != nil {
				t.Fatal(err)
			}
			if lines := bytes.Count(got.Bytes(), []byte("\n{\"path\":")); a.Trees[0].Entries != nil && lines != 3*len(a.Trees) {
				t.Errorf("%d entries begin a line", lines)
			}
			var compact bytes.Buffer
			if err := json.Compact(&compact, got.Bytes()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(jsonOf(t, a), compact.String()); diff != "" {
				t.Errorf("(-json +got):\n%s", diff)
			}
			for _, tree := range a.Trees {
				tree.Entries = nil // as for a summary
			}
		}
	}
}
