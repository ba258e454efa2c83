package build

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/mkmini/mkmini/core/artifact"
	"github.com/mkmini/mkmini/core/hostsystem"
	"github.com/mkmini/mkmini/core/sbom"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// findOwners finds the packages that the files of host blocks are of, if there are
// to be documents about them.
func (r *run) findOwners(ctx context.Context) error {
	if r.job.Config.SBOM == nil {
		return nil
	}
	r.owners, r.input.Owners = map[string]owners{}, map[string]string{}
	for _, t := range r.job.Config.Targets {
		var found owners
		for _, e := range t.Rootfs {
			if e.Installed == nil {
				continue
			}
			list, err := hostsystem.Owners(ctx, e.Installed, e.Range)
			if errors.Is(err, hostsystem.ErrNoRPM) {
				at := e.Range
				found.unknown = append(found.unknown, sdk.Diagnostic{
					Severity: sdk.Warning, Summary: "Packages of the host not known", Detail: fmt.Sprintf("%s: %v.", at, err),
					Remedy: "Install the package rpm on this machine, and the SBOM lists them.",
				})
			} else if err != nil {
				return err
			}
			found.packages = append(found.packages, list...)
		}
		if found.packages == nil && found.unknown == nil {
			continue
		}
		hash := sha256.New()
		if err := json.NewEncoder(hash).Encode(found.packages); err != nil {
			return err
		}
		r.owners[t.Arch], r.input.Owners[t.Arch] = found, fmt.Sprintf("sha256:%x", hash.Sum(nil))
	}
	return nil
}

// owners are the packages of the host that files of an image are of, and why
// they aren't known of some.
type owners struct {
	packages []hostsystem.Package
	unknown  sdk.Diagnostics
}

// inImage returns the packages with those of their files that are in an image as
// they are on the host: another block may have put something else in their place.
func (o owners) inImage(files []sbom.File) ([]sbom.Package, error) {
	known := make(map[string]*sbom.File, len(files))
	for i := range files {
		known[files[i].Path] = &files[i]
	}
	var list []sbom.Package
	for _, p := range o.packages {
		one := sbom.Package{Kind: string(p.Kind), Name: p.Name, Epoch: p.Epoch, Version: p.Version, Arch: p.Arch, Distribution: p.Distribution}
		for _, f := range p.Files {
			file := known[f.Path]
			if file == nil {
				continue
			}
			digest, size, err := artifact.Digest(f.Disk)
			if err != nil {
				return nil, fmt.Errorf("read a file of the package %s: %w", p.Name, err)
			}
			if size == file.Size && strings.TrimPrefix(digest, "sha256:") == file.SHA256 {
				one.Files = append(one.Files, f.Path)
			}
		}
		if one.Files != nil {
			list = append(list, one)
		}
	}
	return list, nil
}
