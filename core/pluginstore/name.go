// Package pluginstore finds releases of plugins, checks whose they are and
// what is in them, installs them, and makes them.
package pluginstore

import (
	"cmp"
	"fmt"
	"regexp"
	"runtime"
	"strconv"
	"strings"

	"github.com/hashicorp/go-version"
)

// Prefix is the start of the names of plugins' executables and archives.
const Prefix = "mkmini-plugin-"

// The files of a release beside its archives.
const (
	SumsName      = "SHA256SUMS"
	SignatureName = SumsName + ".minisig"
)

// Platform is what an archive is made for, in Go's words.
type Platform struct {
	// OS is "linux", and Arch "amd64"; Arch is "any" for a plugin that is a
	// script.
	OS, Arch string
}

// anyArch is the architecture of what runs on all of them.
const anyArch = "any"

// ThisPlatform is that of the machine that mkmini runs on.
func ThisPlatform() Platform { return Platform{runtime.GOOS, runtime.GOARCH} }

// String returns the platform as os/arch.
func (p Platform) String() string { return p.OS + "/" + p.Arch }

// Archive is what the name of an archive says.
type Archive struct {
	// Plugin is its name, and Version that of the release, without a v.
	Plugin, Version string
	// Protocol is the newest version of the plugin protocol that the plugin
	// speaks.
	Protocol int
	Platform Platform
	// Format is ".tar.gz" or ".zip".
	Format string
}

var archiveSyntax = regexp.MustCompile(`^mkmini-plugin-([a-z0-9][a-z0-9_.-]{0,63})_v([0-9][0-9A-Za-z.+-]{0,63})_p([0-9]{1,4})_([a-z0-9]{1,16})_([a-z0-9]{1,16})(\.tar\.gz|\.zip)$`)

// ParseName reads the name of an archive.
func ParseName(name string) (Archive, error) {
	m := archiveSyntax.FindStringSubmatch(name)
	if m == nil {
		return Archive{}, fmt.Errorf("%q is not called mkmini-plugin-NAME_vVERSION_pPROTOCOL_OS_ARCH.tar.gz or .zip", name)
	}
	if _, err := version.NewSemver(m[2]); err != nil {
		return Archive{}, fmt.Errorf("%q has the version %q, which is no semantic one", name, m[2])
	}
	protocol, err := strconv.Atoi(m[3])
	if err != nil {
		return Archive{}, fmt.Errorf("%q has no protocol version: %w", name, err)
	}
	return Archive{Plugin: m[1], Version: m[2], Protocol: protocol, Platform: Platform{m[4], m[5]}, Format: m[6]}, nil
}

// String returns the archive's name.
func (a Archive) String() string {
	return fmt.Sprintf("%s%s_v%s_p%d_%s_%s%s", Prefix, a.Plugin, a.Version, a.Protocol, a.Platform.OS, a.Platform.Arch, a.Format)
}

// manifestName is the name of the file that describes a release.
func manifestName(plugin, version string) string {
	return fmt.Sprintf("%s%s_v%s_manifest.json", Prefix, plugin, version)
}

// newer orders versions, the newest first. Those that mean the same are
// ordered by their text.
func newer(a, b string) int {
	x, errX := version.NewVersion(a)
	y, errY := version.NewVersion(b)
	if errX != nil || errY != nil {
		return strings.Compare(b, a)
	}
	return cmp.Or(y.Compare(x), strings.Compare(b, a))
}

// Accepts says whether a version meets a constraint, which is empty for any
// version that is no prerelease. A constraint that can't be read meets none.
func Accepts(constraint, text string) bool {
	v, err := version.NewVersion(text)
	if err != nil {
		return false
	}
	if constraint == "" {
		return v.Prerelease() == ""
	}
	c, err := version.NewConstraint(constraint)
	return err == nil && c.Check(v)
}
