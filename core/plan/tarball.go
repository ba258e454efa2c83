package plan

import (
	"fmt"
	"slices"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/release"
)

// Tarball is the source of a program, and where it may be.
type Tarball struct {
	// Name and Version are the program's.
	Name, Version string
	// SHA256 is 64 hexadecimal digits.
	SHA256 string
	// File is an absolute path, empty if not given.
	File string
	// URLs are in order of preference, the user's before the publisher's.
	URLs []string
	// Debian is the name of Debian's source package.
	Debian string
}

func tarball(soft release.Software, s config.Source) Tarball {
	return Tarball{
		Name: soft.Name, Version: s.Version, SHA256: s.SHA256, File: s.File,
		URLs: slices.Concat(s.URLs, soft.URLs(s.Version)), Debian: soft.SourcePackage,
	}
}

func busyboxTarball(b config.Busybox) Tarball {
	return tarball(release.Busybox(), config.Source{Version: b.Version, SHA256: b.SHA256, File: b.File, URLs: b.URLs})
}

// String returns the program's name and version.
func (t Tarball) String() string { return t.Name + " " + t.Version }

// id names the step that gets it.
func (t Tarball) id() string {
	return fmt.Sprintf("%s/%s-%s-%.12s", Source, t.Name, t.Version, t.SHA256)
}
