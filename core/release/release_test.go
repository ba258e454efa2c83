package release

import (
	"net/url"
	"path"
	"regexp"
	"slices"
	"testing"
)

func TestKnown(t *testing.T) {
	digest := regexp.MustCompile(`^[0-9a-f]{64}$`)
	seen := map[string]string{}
	for _, version := range Versions() {
		hash, ok := SHA256(version)
		if !ok || !digest.MatchString(hash) {
			t.Errorf("SHA256(%q) = %q, %v, want 64 lower-case hexadecimal digits", version, hash, ok)
		}
		if other, dup := seen[hash]; dup {
			t.Errorf("%s and %s have the same hash", version, other)
		}
		seen[hash] = version
	}
	if !slices.IsSorted(Versions()) {
		t.Errorf("Versions() = %v, want the oldest first", Versions())
	}
}

func TestDefaultIsKnown(t *testing.T) {
	if !slices.Contains(Versions(), Default) {
		t.Errorf("Default %q is not among %v", Default, Versions())
	}
}

func TestUnknown(t *testing.T) {
	for _, version := range []string{"", "1.35", "1.35.0 ", "2.0.0"} {
		if hash, ok := SHA256(version); ok || hash != "" {
			t.Errorf("SHA256(%q) = %q, %v, want none", version, hash, ok)
		}
	}
}

func TestVersionsIsACopy(t *testing.T) {
	Versions()[0] = "spoiled"
	if Versions()[0] == "spoiled" {
		t.Error("a caller can change the known versions")
	}
}

func TestURLs(t *testing.T) {
	for _, text := range URLs("1.35.0") {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "https" || path.Base(u.Path) != "busybox-1.35.0.tar.bz2" {
			t.Errorf("URLs gave %q (%v)", text, err)
		}
	}
}
