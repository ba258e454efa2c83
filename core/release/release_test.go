package release

import (
	"net/url"
	"path"
	"regexp"
	"slices"
	"testing"
)

func all() []Software { return []Software{Busybox(), Musl()} }

func TestKnown(t *testing.T) {
	digest := regexp.MustCompile(`^[0-9a-f]{64}$`)
	seen := map[string]string{}
	for _, s := range all() {
		for _, version := range s.Versions() {
			hash, ok := s.SHA256(version)
			if !ok || !digest.MatchString(hash) {
				t.Errorf("SHA256(%q) = %q, %v, want 64 lower-case hexadecimal digits", version, hash, ok)
			}
			if other, dup := seen[hash]; dup {
				t.Errorf("%s %s and %s have the same hash", s.Name, version, other)
			}
			seen[hash] = s.Name + " " + version
		}
		if !slices.IsSorted(s.Versions()) {
			t.Errorf("Versions() = %v, want the oldest first", s.Versions())
		}
		if !slices.Contains(s.Versions(), s.Default) {
			t.Errorf("Default %q is not among %v", s.Default, s.Versions())
		}
		for arch, first := range s.since {
			if !slices.Contains(s.Versions(), first) {
				t.Errorf("%s is known since %q, which is not among %v", arch, first, s.Versions())
			}
		}
	}
}

func TestUnknown(t *testing.T) {
	for _, version := range []string{"", "1.35", "1.35.0 ", "2.0.0"} {
		if hash, ok := Busybox().SHA256(version); ok || hash != "" {
			t.Errorf("SHA256(%q) = %q, %v, want none", version, hash, ok)
		}
	}
}

func TestURLs(t *testing.T) {
	for _, s := range all() {
		for _, text := range s.URLs("1.35.0") {
			u, err := url.Parse(text)
			if err != nil || u.Scheme != "https" || path.Base(u.Path) != s.Tarball("1.35.0") {
				t.Errorf("URLs gave %q (%v)", text, err)
			}
		}
	}
	if got := Musl().Tarball("1.2.3"); got != "musl-1.2.3.tar.gz" {
		t.Errorf("Tarball = %q", got)
	}
}

func TestArchitectures(t *testing.T) {
	m := Musl()
	for arch, want := range map[string]string{"aarch64": "1.2.3", "loongarch64": "1.2.5"} {
		if got := m.DefaultFor(arch); got != want {
			t.Errorf("DefaultFor(%s) = %s, want %s", arch, got, want)
		}
	}
	for _, test := range []struct {
		version, arch string
		ok            bool
	}{
		{"1.2.3", "aarch64", true},
		{"1.2.3", "loongarch64", false},
		{"1.2.5", "loongarch64", true},
		{"1.2.9", "loongarch64", true}, // nothing is known of it
	} {
		if first, ok := m.Knows(test.version, test.arch); ok != test.ok || !ok && first != "1.2.5" {
			t.Errorf("Knows(%s, %s) = %q, %v", test.version, test.arch, first, ok)
		}
	}
}
