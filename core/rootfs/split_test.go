package rootfs

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mkmini/mkmini/core/config"
)

// in puts entries into a layer.
func in(layer string, entries ...config.Entry) []config.Entry {
	for i := range entries {
		entries[i].Layer = layer
	}
	return entries
}

// split assembles entries and returns the whole, and the names of the records
// in each layer.
func split(t *testing.T, entries ...[]config.Entry) ([]Record, map[string][]Record) {
	t.Helper()
	list := slices.Concat(entries...)
	records, err := assemble(t.Context(), Input{Preset: "minimal", Entries: list})
	if err != nil {
		t.Fatal(err)
	}
	names, layers := Layers(list), map[string][]Record{}
	for n, l := range Split(slices.Values(records)) {
		layers[names[n]] = slices.Collect(l)
	}
	return records, layers
}

func paths(records []Record) []string {
	var list []string
	for _, r := range records {
		list = append(list, r.Path)
	}
	return list
}

func file(path, content string) config.Entry {
	return config.Entry{Kind: config.File, Path: path, Content: content}
}

func TestSplit(t *testing.T) {
	whole, layers := split(t,
		[]config.Entry{
			file("/srv/base", "1"), file("/srv/common", "2"), file("/etc/passwd", "root:x:0:0:::\n"),
			{Kind: config.Directory, Path: "/srv", Mode: ptr(uint32(0o700)), UID: ptr(7)},
		},
		in("lib", file("/opt/lib/a", "3"), file("/opt/lib/gone", "4")),
		in("app", file("/opt/app", "5"), file("/srv/x/y", "6"), config.Entry{Kind: config.Remove, Path: "/opt/lib/gone"},
			config.Entry{Kind: config.User, Account: &config.Account{Name: "web", Home: "/home/web", Shell: "/bin/sh"}},
			config.Entry{Kind: config.Directory, Path: "/tmp", Mode: ptr(uint32(0o700))}),
		in("nothing", config.Entry{Kind: config.Remove, Path: "/proc"}),
		[]config.Entry{file("/opt/late", "7")},
	)
	got := map[string][]string{"whole": paths(whole)}
	for name, l := range layers {
		got[name] = paths(l)
		for _, r := range l {
			if r.Path == "srv" && (r.Mode != 0o700 || r.UID != 7) {
				t.Errorf("%s: /srv is %+v", name, r)
			}
		}
	}
	want := map[string][]string{
		"whole": {"dev", "etc", "etc/group", "etc/passwd", "etc/shadow", "home", "home/web", "opt", "opt/app", "opt/late", "opt/lib", "opt/lib/a",
			"srv", "srv/base", "srv/common", "srv/x", "srv/x/y", "sys", "tmp"},
		"base": {"dev", "etc", "opt", "opt/late", "srv", "srv/base", "srv/common", "sys"},
		"lib":  {"opt", "opt/lib", "opt/lib/a"},
		"app":  {"etc", "etc/group", "etc/passwd", "etc/shadow", "home", "home/web", "opt", "opt/app", "srv", "srv/x", "srv/x/y", "tmp"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestSplitHardlinks has names of a file in three layers.
func TestSplitHardlinks(t *testing.T) {
	link := func(path string) config.Entry {
		return config.Entry{Kind: config.Hardlink, Path: path, Target: "/m"}
	}
	whole, layers := split(t, []config.Entry{file("/m", "content"), link("/a")}, in("one", link("/b"), link("/z")), in("two", link("/c")))
	copies := []Copy{{"b", "a", 1, 0, 7}, {"c", "a", 2, 0, 7}}
	if diff := cmp.Diff(copies, Copies(slices.Values(whole))); diff != "" {
		t.Error(diff)
	}
	type name struct {
		Path   string
		Type   Type
		Target string
		Data   string
	}
	got := map[string][]name{}
	for layer, l := range layers {
		for _, r := range l {
			if r.Type != Directory {
				got[layer] = append(got[layer], name{r.Path, r.Type, r.Target, r.Content.Data})
			}
		}
	}
	want := map[string][]name{
		"base": {{"a", File, "", "content"}, {"m", Hardlink, "a", ""}},
		"one":  {{"b", File, "", "content"}, {"z", Hardlink, "b", ""}},
		"two":  {{"c", File, "", "content"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestOneLayerIsNotSplit(t *testing.T) {
	if _, layers := split(t, []config.Entry{file("/x", "")}); len(layers) > 0 {
		t.Errorf("got %v", layers)
	}
	if _, layers := split(t, in("app", config.Entry{Kind: config.Remove, Path: "/tmp"})); len(layers) > 0 {
		t.Errorf("a layer that holds nothing: %v", layers)
	}
}

// TestLayersMakeTheWhole puts the layers of random systems on top of each
// other, in any order.
func TestLayersMakeTheWhole(t *testing.T) {
	part := rapid.SampledFrom([]string{"a", "b", "a-b", "c", "tmp"})
	rapid.Check(t, func(rt *rapid.T) {
		var entries []config.Entry
		for range rapid.IntRange(0, 12).Draw(rt, "entries") {
			entry := config.Entry{
				Kind:    rapid.SampledFrom([]config.Kind{config.Directory, config.File, config.File, config.Symlink, config.Hardlink, config.Remove}).Draw(rt, "kind"),
				Layer:   rapid.SampledFrom([]string{"", "one", "two", "three"}).Draw(rt, "layer"),
				Content: rapid.StringN(0, 5, 20).Draw(rt, "content"),
			}
			name := rapid.SliceOfN(part, 1, 3)
			join := func(what string) (path string) {
				for _, p := range name.Draw(rt, what) {
					path += "/" + p
				}
				return path
			}
			entry.Path, entry.Target = join("path"), join("target")
			if entry.Kind == config.Directory {
				entry.Mode = ptr(uint32(rapid.IntRange(0, 0o7777).Draw(rt, "mode")))
			}
			if _, err := assemble(t.Context(), Input{Entries: append(slices.Clone(entries), entry)}); err == nil {
				entries = append(entries, entry)
			}
		}
		whole, err := assemble(t.Context(), Input{Entries: entries})
		if err != nil {
			rt.Fatal(err)
		}
		var layers [][]Record
		for _, l := range Split(slices.Values(whole)) {
			layers = append(layers, slices.Collect(l))
		}
		if len(layers) == 0 {
			layers = append(layers, whole)
		}
		if rapid.Bool().Draw(rt, "backwards") {
			slices.Reverse(layers)
		}
		if diff := cmp.Diff(plainNames(t, whole), stacked(rt, t, layers)); diff != "" {
			rt.Error(diff)
		}
	})
}

// stacked puts layers on top of each other as they are written, and holds what
// is said of them.
func stacked(rt *rapid.T, t *testing.T, layers [][]Record) map[string]Record {
	all := map[string]Record{}
	for _, l := range layers {
		var archive bytes.Buffer
		if err := WriteTar(t.Context(), &archive, slices.Values(l), epoch); err != nil {
			rt.Fatal(err)
		}
		read, err := readTar(&archive)
		if err != nil {
			rt.Fatal(err)
		}
		seen := map[string]bool{"": true}
		for path, r := range plainNames(t, read) {
			if old, ok := all[path]; ok && r.Type != Directory {
				rt.Errorf("%s is in two layers: %+v", path, old)
			}
			all[path] = r
		}
		for _, r := range read {
			parent := r.Path[:max(0, strings.LastIndexByte(r.Path, '/'))]
			if !seen[parent] {
				rt.Errorf("%s comes before its folder", r.Path)
			}
			seen[r.Path] = true
		}
	}
	return all
}

// plainNames returns records by path, hard links as copies, with the contents
// in memory.
func plainNames(t *testing.T, records []Record) map[string]Record {
	t.Helper()
	all := map[string]Record{}
	for _, r := range records {
		if r.Type == Hardlink {
			target := all[r.Target]
			r.Type, r.Target, r.Content = File, "", target.Content
		}
		if r.Type == File {
			content, err := r.Content.open()
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(content)
			if err := content.Close(); err != nil {
				t.Fatal(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			r.Content = Content{Data: string(data), Size: int64(len(data))}
		}
		r.Layer = 0
		all[r.Path] = r
	}
	return all
}

func TestLayerIsInTheDigest(t *testing.T) {
	digest := func(layer string) string {
		parts, err := new(Folders).Digest(t.Context(), in(layer, file("/x", "")))
		if err != nil {
			t.Fatal(err)
		}
		return parts[0].Digest
	}
	if digest("") == digest("a") || digest("a") == digest("b") {
		t.Error("entries of different layers have one digest")
	}
}
