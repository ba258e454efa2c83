// Package release is what is known of the releases of busybox and musl: data
// only.
package release

import "slices"

// Software is a program whose releases are known.
type Software struct {
	// Name is what its tarballs' names begin with.
	Name string
	// Default is the version of a configuration that names none.
	Default string
	// SourcePackage is the name of Debian's source package, whose upstream
	// tarball is the published one.
	SourcePackage string
	// License is an SPDX expression, and Homepage a URL.
	License, Homepage string
	// CPE is what databases of vulnerabilities call it: part, vendor and
	// product of a CPE name, with colons between them.
	CPE string

	site, ending string
	// known holds the releases whose tarballs were seen, oldest first.
	known []known
	// since holds by architecture the first release that knows it, where
	// that is a later one than the oldest known.
	since map[string]string
}

// known is a release, and the hash of its tarball.
type known struct{ version, sha256 string }

// Busybox returns busybox. Its default is 1.35.0, not the newest, because
// every way of getting the source reaches it: a file, busybox.net, and the
// machine's own package mirror even on Debian 12, whose source package holds
// exactly this upstream tarball.
func Busybox() Software {
	return Software{
		Name: "busybox", Default: "1.35.0", SourcePackage: "busybox",
		License: "GPL-2.0-only", Homepage: "https://busybox.net/", CPE: "a:busybox:busybox",
		site: "https://busybox.net/downloads/", ending: ".tar.bz2",
		known: []known{
			{"1.32.1", "9d57c4bd33974140fd4111260468af22856f12f5b5ef7c70c8d9b75c712a0dee"},
			{"1.35.0", "faeeb244c35a348a334f4a59e44626ee870fb07b6884d68c10ae8bc19f83a694"},
			{"1.36.1", "b8cc24c9574d809e7279c3be349795c5d5ceb6fdf19ca709f80cde50e47de314"},
			{"1.37.0", "3311dff32e746499f4df0d5df04d7eb396382d7e108bb9250e7b519b837043a4"},
			{"1.38.0", "34f9ea6ff8636f2c9241153b9114eefa9e65674a45318ae1ef95bb5f31c53bb2"},
		},
	}
}

// Musl returns the C library. Its default is 1.2.3 for the same reason: it is
// the one that Debian 12's source package holds.
func Musl() Software {
	return Software{
		Name: "musl", Default: "1.2.3", SourcePackage: "musl",
		License: "MIT", Homepage: "https://musl.libc.org/", CPE: "a:musl-libc:musl",
		site: "https://musl.libc.org/releases/", ending: ".tar.gz",
		known: []known{
			{"1.2.3", "7d5b0b6062521e4627e099e4c9dc8248d32a30285e959b7eecaa780cf8cfd4a4"},
			{"1.2.5", "a9a118bbe84d8764da0ea0d28b3ab3fae8477fc7e4085d90102b8596fc7c75e4"},
		},
		since: map[string]string{"loongarch64": "1.2.5"},
	}
}

// DefaultFor returns the version for an architecture, by the software's own
// name of it, of a configuration that names none.
func (s Software) DefaultFor(arch string) string {
	if first := s.since[arch]; first != "" && s.index(first) > s.index(s.Default) {
		return first
	}
	return s.Default
}

// Knows returns false for a known version that is older than the software's
// support of an architecture; first is then the oldest that will do.
func (s Software) Knows(version, arch string) (first string, ok bool) {
	first = s.since[arch]
	return first, first == "" || s.index(version) < 0 || s.index(version) >= s.index(first)
}

// index returns a version's place among the known ones, -1 if it isn't known.
func (s Software) index(version string) int {
	return slices.IndexFunc(s.known, func(k known) bool { return k.version == version })
}

// Versions returns the known versions, the oldest first. The slice is the
// caller's own.
func (s Software) Versions() []string {
	versions := make([]string, len(s.known))
	for i, r := range s.known {
		versions[i] = r.version
	}
	return versions
}

// SHA256 returns the hash of a version's tarball as 64 lower-case hexadecimal
// digits, and false if the version is not known.
func (s Software) SHA256(version string) (string, bool) {
	if i := s.index(version); i >= 0 {
		return s.known[i].sha256, true
	}
	return "", false
}

// URLs returns where the tarball of a version is published, known or not, in
// order of preference.
func (s Software) URLs(version string) []string { return []string{s.site + s.Tarball(version)} }

// Tarball returns the file name of a version's published tarball.
func (s Software) Tarball(version string) string { return s.Name + "-" + version + s.ending }
