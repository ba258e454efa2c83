// Package release is what is known of busybox's releases: data only.
package release

// Default is the version of a configuration that names none. It is 1.35.0,
// not the newest, because every way of getting the source reaches it: a file,
// busybox.net, and the machine's own package mirror even on Debian 12, whose
// source package holds exactly this upstream tarball.
const Default = "1.35.0"

// SourcePackage is the name of Debian's source package, whose upstream
// tarball is the one that busybox.net publishes.
const SourcePackage = "busybox"

// site is where busybox publishes its releases.
const site = "https://busybox.net/downloads/"

// known holds the releases whose tarballs were seen, oldest first. The hashes
// are of busybox-VERSION.tar.bz2.
var known = [...]struct{ version, sha256 string }{
	{"1.32.1", "9d57c4bd33974140fd4111260468af22856f12f5b5ef7c70c8d9b75c712a0dee"},
	{"1.35.0", "faeeb244c35a348a334f4a59e44626ee870fb07b6884d68c10ae8bc19f83a694"},
	{"1.36.1", "b8cc24c9574d809e7279c3be349795c5d5ceb6fdf19ca709f80cde50e47de314"},
	{"1.37.0", "3311dff32e746499f4df0d5df04d7eb396382d7e108bb9250e7b519b837043a4"},
	{"1.38.0", "34f9ea6ff8636f2c9241153b9114eefa9e65674a45318ae1ef95bb5f31c53bb2"},
}

// Versions returns the known versions, the oldest first. The slice is the
// caller's own.
func Versions() []string {
	versions := make([]string, len(known))
	for i, r := range known {
		versions[i] = r.version
	}
	return versions
}

// SHA256 returns the hash of a version's tarball as 64 lower-case hexadecimal
// digits, and false if the version is not known.
func SHA256(version string) (string, bool) {
	for _, r := range known {
		if r.version == version {
			return r.sha256, true
		}
	}
	return "", false
}

// URLs returns where busybox publishes the tarball of a version, known or
// not, in order of preference.
func URLs(version string) []string {
	return []string{site + Tarball(version)}
}

// Tarball returns the file name that busybox gives to a version's tarball.
func Tarball(version string) string {
	return "busybox-" + version + ".tar.bz2"
}
