package hostsystem

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/fault"
)

// Package is an installed package, with those of its files that are taken.
type Package struct {
	Kind PackageKind
	Name string
	// Epoch is that of an rpm's version; empty for none. A deb's is a part of
	// Version.
	Epoch, Version, Arch string
	// Distribution is the ID of the root's os-release: "debian"; empty if it
	// has none.
	Distribution string
	// Files are sorted by path.
	Files []OwnedFile
}

// PackageKind is what manages a package.
type PackageKind string

// The kinds of packages, by the types of package URLs.
const (
	Deb PackageKind = "deb"
	RPM PackageKind = "rpm"
)

// OwnedFile is a regular file of a package.
type OwnedFile struct {
	// Path is an Item's, and Disk the absolute path on this machine.
	Path, Disk string
}

// ErrNoRPM says that packages of rpm can't be read without rpm.
var ErrNoRPM = errors.New("the root has a database of rpm, and this machine no rpm to read it")

// Owners returns the packages that the files are of which a host block takes,
// sorted by kind, name and architecture; those without any are left out. With
// ErrNoRPM come those of dpkg.
func Owners(ctx context.Context, h *config.Installed, block fault.Range) ([]Package, error) {
	s, err := collect(ctx, h, block)
	if err != nil {
		return nil, err
	}
	var lack error
	databases, err := s.databases(ctx)
	if errors.Is(err, exec.ErrNotFound) {
		databases, lack = nil, ErrNoRPM
	} else if err != nil {
		return nil, err
	}
	distribution := s.distribution()
	var list []Package
	for _, db := range databases {
		for _, id := range db.ids() {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			p := db.describe(id)
			p.Distribution = distribution
			if p.Files, err = s.owned(db, id); err != nil {
				return nil, err
			}
			if len(p.Files) > 0 {
				list = append(list, p)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b Package) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Arch, b.Arch))
	})
	return list, lack
}

// owned returns the files of a package that are taken.
func (s *selection) owned(db database, id string) ([]OwnedFile, error) {
	names, err := db.files(id)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // the list of its files was left out
	}
	if err != nil {
		return nil, err
	}
	var files []OwnedFile
	for _, name := range names {
		at, err := s.resolve(path.Clean(name), false, nil)
		if err != nil {
			continue // it isn't there
		}
		if item, ok := s.items[at]; ok && item.Info.Mode().IsRegular() {
			files = append(files, OwnedFile{Path: at, Disk: item.Disk})
		}
	}
	slices.SortFunc(files, func(a, b OwnedFile) int { return strings.Compare(a.Path, b.Path) })
	return slices.Compact(files), nil
}

// distribution returns the ID of the root's system; empty if it has none.
// Source: os-release(5).
func (s *selection) distribution() string {
	for _, name := range []string{"etc/os-release", "usr/lib/os-release"} {
		at, err := s.resolve(name, true, nil)
		if err != nil {
			continue
		}
		f, err := os.Open(s.disk(at))
		if err != nil {
			continue
		}
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			if id, ok := strings.CutPrefix(lines.Text(), "ID="); ok {
				return strings.Trim(id, `"'`)
			}
		}
	}
	return ""
}
