package pluginstore

import (
	"context"
	"log/slog"
	"slices"

	"github.com/mkmini/mkmini/core/source"
	"github.com/mkmini/mkmini/core/source/oci"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// Store finds and installs releases of plugins.
type Store struct {
	// Fetcher fetches files, and Registry those in registries.
	Fetcher  *source.Fetcher
	Registry *oci.Reader
	// Blobs is the absolute path of the folder of fetched files by sha256.
	// No two processes may work there at once.
	Blobs string
	// Mirror is a folder that is looked into before any source; empty for
	// none.
	Mirror string
	// Platform is that of the plugins to install.
	Platform Platform
	// Protocols are the versions of the plugin protocol that mkmini speaks.
	Protocols []int
	// Keys are the public keys that are trusted, by name. With
	// SignatureRequired a release must be signed by one of them.
	Keys              map[string]string
	SignatureRequired bool
	// Describe runs the plugin of a name in a folder for its description.
	Describe func(ctx context.Context, dir, name string) (sdk.Manifest, error)
	// Logger may be nil.
	Logger *slog.Logger
}

// Request asks for a release of a plugin.
type Request struct {
	Name string
	// Source is an https URL that ends in a slash, an "oci://" reference, or
	// the absolute path of a folder or an archive.
	Source string
	// Version is a constraint; empty for any version that is no prerelease.
	Version string
	// Locked is what the lock pins; nil if it pins nothing.
	Locked *Locked
	// Listed asks for a release whose list of hashes is read anew.
	Listed bool
	// Upgrade looks for a newer version than the locked one.
	Upgrade bool
}

// Locked is a release as the lock pins it.
type Locked struct {
	// Path is that of the lock, for messages.
	Path    string
	Version string
	// Source is as the configuration has it.
	Source string
	// Key is the public key that it was signed by; empty if it was not
	// verified.
	Key string
	// Archives are the sha256 of archives by their names, and Executables
	// those of the executables in them by platform, as far as they are known.
	Archives, Executables map[string]string
}

// accepts says whether a version will do.
func (r Request) accepts(version string) bool {
	if r.Locked != nil && !r.Upgrade {
		return version == r.Locked.Version
	}
	return Accepts(r.Version, version)
}

// Release is a release of a plugin that can be installed. It has an archive
// for the platform.
type Release struct {
	Name, Version string
	// Where says where it is, for people.
	Where string
	// Key is the public key that it is signed by, and Signer what the user
	// calls it; empty if it is not signed by a key that is trusted.
	Key, Signer string
	// Unverified is the number of the key that it says it is signed by, but
	// which is not trusted.
	Unverified string
	// Archives are the sha256 of its archives of the protocol version that was
	// chosen, for all platforms, by name.
	Archives map[string]string
	// Executables are the sha256 of what is in them by platform, as far as
	// they are known.
	Executables map[string]string
	// PassedOver are newer versions that will not do, each with the reason.
	PassedOver []string
	// archive is the one for the platform.
	archive Archive
	origin  origin
	// sums are the text of the list of hashes, and its signature; nil for a
	// release that is known from the lock.
	sums, signature []byte
	manifest        string
}

// Platforms returns the platforms that the release has archives for, sorted.
func (r *Release) Platforms() []string {
	var archives []Archive
	for name := range r.Archives {
		if a, err := ParseName(name); err == nil {
			archives = append(archives, a)
		}
	}
	return platforms(archives)
}

// platforms returns what archives are for, sorted.
func platforms(archives []Archive) []string {
	var all []string
	for _, a := range archives {
		all = append(all, a.Platform.String())
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// pick returns the archive for a platform: its own, or one for any.
func pick(archives []Archive, p Platform) (Archive, bool) {
	for _, want := range []Platform{p, {p.OS, anyArch}} {
		if i := slices.IndexFunc(archives, func(a Archive) bool { return a.Platform == want }); i >= 0 {
			return archives[i], true
		}
	}
	return Archive{}, false
}

// For returns the value for a platform: its own, or that for any.
func (p Platform) For(values map[string]string) string {
	if v, ok := values[p.String()]; ok {
		return v
	}
	return values[Platform{p.OS, anyArch}.String()]
}
