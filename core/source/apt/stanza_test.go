package apt

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const index = `Package: busybox
Binary: busybox,
 busybox-static
Directory: pool/main/b/busybox
Checksums-Sha256:
 ` + hashA + ` 2324 busybox_1.dsc
 ` + hashB + ` 2480624 busybox_1.orig.tar.bz2


Package: other
Checksums-Sha256:
 ` + hashC + ` 12 other_1.orig.tar.gz
Directory: .
`

const (
	hashA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	hashB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	hashC = "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
)

func TestFindFile(t *testing.T) {
	tests := []struct {
		pkg, hash string
		want      file
		err       error
	}{
		{"busybox", hashB, file{"busybox_1.orig.tar.bz2", "pool/main/b/busybox/busybox_1.orig.tar.bz2", 2480624}, nil},
		{"busybox", strings.ToUpper(hashB), file{"busybox_1.orig.tar.bz2", "pool/main/b/busybox/busybox_1.orig.tar.bz2", 2480624}, nil},
		{"other", hashC, file{"other_1.orig.tar.gz", "other_1.orig.tar.gz", 12}, nil},
		{"busybox", hashC, file{}, errAbsent},
		{"other", hashB, file{}, errAbsent},
	}
	for _, tt := range tests {
		got, err := findFile(strings.NewReader(index), tt.pkg, tt.hash)
		if got != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%s %s gives %+v, %v, want %+v, %v", tt.pkg, tt.hash, got, err, tt.want, tt.err)
		}
	}
}

func TestSignedBy(t *testing.T) {
	dir := t.TempDir()
	list, sources := filepath.Join(dir, "a.list"), filepath.Join(dir, "a.sources")
	for path, text := range map[string]string{
		list:    "deb file:/x y main\n\ndeb [ arch=amd64 signed-by=/k.gpg,/l.gpg ] file:/x y main\n",
		sources: "Types: deb\nsigned-by: /k.gpg\n\n# comment\n\nTypes: deb\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n -----END PGP PUBLIC KEY BLOCK-----\nURIs: file:/x\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	tests := map[string]string{
		list + ":1":    "",
		list + ":3":    "/k.gpg /l.gpg",
		list + ":9":    "",
		sources + ":1": "/k.gpg",
		sources + ":2": "\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n -----END PGP PUBLIC KEY BLOCK-----",
		sources + ":3": "",
		"":             "",
		"nowhere:1":    "",
		list + ":x":    "",
	}
	for entry, want := range tests {
		if diff := cmp.Diff(want, signedBy(entry)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", entry, diff)
		}
	}
}

func TestChoose(t *testing.T) {
	targets := []stanza{
		{"Repo-URI": "http://m.example.test/debian-security/", "Release": "bookworm-security", "Component": "main", "Origin": "Debian"},
		{"Repo-URI": "http://m.example.test/debian/", "Release": "bookworm", "Component": "main", "Origin": "Debian"},
		{"Repo-URI": "http://m.example.test/debian/", "Release": "bookworm", "Component": "contrib", "Origin": "Debian"},
		{"Repo-URI": "http://m.example.test/debian/", "Release": "bookworm", "Component": "main"},
		{"Repo-URI": "http://vendor.example.test/", "Release": "stable", "Component": "main", "Origin": "Vendor"},
		{"Repo-URI": "http://vendor.example.test/x/", "Release": "stable", "Component": "tools"},
		{"Repo-URI": "http://flat.example.test/", "Release": "./", "Component": ""},
	}
	got := choose(addTargets(nil, targets))
	var names []string
	for _, r := range got {
		names = append(names, r.String())
	}
	want := []string{"apt, bookworm of http://m.example.test/debian", "apt, bookworm-security of http://m.example.test/debian-security"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("repositories (-want +got):\n%s", diff)
	}
}

func TestReason(t *testing.T) {
	text := "Get:1 x\nE: Failed to fetch http://x  404  Not Found\nE: Some index files failed\n"
	if got := reason("W: first\n"+text, nil); got != "Failed to fetch http://x  404  Not Found" {
		t.Errorf("got %q", got)
	}
	if got := reason("W: first\nE: second\n", nil); got != "first" {
		t.Errorf("got %q", got)
	}
}

// FuzzFindFile checks that no index makes a path that leaves the mirror's
// folder for a file, or a size below zero.
func FuzzFindFile(f *testing.F) {
	f.Add(index)
	f.Add("Package: busybox\nDirectory: /\nChecksums-Sha256: " + hashB + " 1 a/../b")
	f.Add("Package: busybox\nChecksums-Sha256: " + hashB + " -1 b\n\n\n\n \n#")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := findFile(strings.NewReader(text), "busybox", hashB)
		if err != nil {
			return
		}
		if got.Size < 0 || got.Name == "" || strings.Contains(got.Name, "/") || !strings.HasSuffix(got.Path, got.Name) {
			t.Errorf("got %+v", got)
		}
		if !strings.Contains(strings.ToLower(text), hashB) {
			t.Error("found a hash that is not there")
		}
	})
}
