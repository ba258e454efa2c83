package apt

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseURIs(t *testing.T) {
	text := "Reading package lists...\n" +
		"'http://m.example.test/pool/z/zlib1g_1.2%2bdfsg-1_amd64.deb' zlib1g_1%3a1.2+dfsg-1_amd64.deb 86684 SHA256:" + hashA + "\n" +
		"'file:/m/x.deb' x1_2_all.deb 7 \n"
	got, err := parseURIs(text)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Package{
		"zlib1g": {Name: "zlib1g", Version: "1:1.2+dfsg-1", Size: 86684, uri: "http://m.example.test/pool/z/zlib1g_1.2%2bdfsg-1_amd64.deb"},
		"x1":     {Name: "x1", Version: "2", Size: 7, uri: "file:/m/x.deb"},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(Package{})); diff != "" {
		t.Errorf("packages (-want +got):\n%s", diff)
	}
	for _, bad := range []string{"'u' x", "'u' x_1.deb 1", "'u' x1_1_all.deb -1", "'u' x1_%_all.deb 1", "'u' -x_1_all.deb 1"} {
		if got, err := parseURIs(bad); err == nil {
			t.Errorf("%q gives %v", bad, got)
		}
	}
}

func TestComplete(t *testing.T) {
	p, err := complete(Package{Name: "a", uri: "u"}, stanza{"SHA256": strings.ToUpper(hashA), "Installed-Size": "3"})
	if err != nil || p.SHA256 != hashA || p.Installed != 3072 {
		t.Errorf("%+v, %v", p, err)
	}
	for _, s := range []stanza{nil, {"SHA256": "ab"}, {"SHA256": hashA[:63] + "x"}} {
		if _, err := complete(Package{uri: "u"}, s); err == nil {
			t.Errorf("%v is complete", s)
		}
	}
}

func TestRelations(t *testing.T) {
	got := relations("a (>= 1), b:any | c [amd64],  d(<<2) , ,|, e")
	want := [][]string{{"a"}, {"b", "c"}, {"d"}, {"e"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
}

func TestChooseBinary(t *testing.T) {
	debian := Repository{URI: "http://m.example.test/debian/", Suite: "bookworm", Components: []string{"main", "contrib"}}
	custom := Repository{URI: "http://m.example.test/d", Suite: "bookworm", Components: []string{"main"}}
	vendor := Repository{URI: "http://vendor.example.test/x", Suite: "stable", Components: []string{"main"}}
	ubuntu := Repository{URI: "http://u.example.test/", Suite: "noble", Components: []string{"main", "universe", "multiverse"}, origin: "Ubuntu"}
	strip := func(r Repository, components ...string) Repository { r.Components = components; return r }
	tests := []struct {
		name        string
		repos, want []Repository
	}{
		{"by the address", []Repository{vendor, debian}, []Repository{strip(debian, "main")}},
		{"by the origin", []Repository{vendor, ubuntu}, []Repository{strip(ubuntu, "main", "universe")}},
		{"nothing is known", []Repository{custom}, []Repository{custom}},
		{"none", nil, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := chooseBinary(test.repos)
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(Repository{})); diff != "" {
				t.Errorf("repositories (-want +got):\n%s", diff)
			}
		})
	}
}

// TestShowFails tells a failure of apt from a package that it doesn't know.
func TestShowFails(t *testing.T) {
	bin := t.TempDir()
	t.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
	for said, fails := range map[string]bool{"E: No packages found": false, "E: Malformed priority line": true} {
		script := "#!/bin/sh\necho '" + said + "' >&2\nexit 100\n"
		if err := os.WriteFile(filepath.Join(bin, "apt-cache"), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
		r := &resolver{private: private{dir: t.TempDir()}}
		got, err := r.show(t.Context(), []string{"aa"})
		if (err != nil) != fails || len(got) > 0 {
			t.Errorf("%s: %v, %v", said, got, err)
		}
		if errors.Is(err, errAbsent) {
			t.Error(err)
		}
	}
}

// FuzzParseURIs checks that nothing that apt prints makes a name that is an
// order or an option to apt.
func FuzzParseURIs(f *testing.F) {
	f.Add("'http://m/x_1_all.deb' x1_1%3a1_all.deb 7 SHA256:" + hashA)
	f.Add("''  ")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseURIs(text)
		if err != nil {
			return
		}
		for name, p := range got {
			if !ValidName(name) || p.Name != name || p.Size < 0 {
				t.Errorf("%q: %+v", name, p)
			}
		}
	})
}

// FuzzClosure checks that a closure ends, and holds what was wanted and
// nothing that was left out.
func FuzzClosure(f *testing.F) {
	f.Add("Package: a\nDepends: b | c, d\nRecommends: libx-dev\n\nPackage: b\nProvides: d\nDepends: a\n\nPackage: libx-dev\n", "a", "c")
	f.Fuzz(func(t *testing.T, text, wanted, without string) {
		all, err := parseStanzas(strings.NewReader(text))
		if err != nil {
			return
		}
		named := map[string]stanza{}
		for _, s := range all {
			named[s["Package"]] = s
		}
		has := map[string]bool{}
		for _, name := range closure(named, []string{wanted}, []string{without}) {
			has[name] = true
			if named[name] == nil || name == without {
				t.Errorf("has %q", name)
			}
		}
		if named[wanted] != nil && wanted != without && !has[wanted] {
			t.Errorf("lacks %q", wanted)
		}
	})
}
