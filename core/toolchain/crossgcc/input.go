package crossgcc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/source"
	"github.com/mkmini/mkmini/core/source/apt"
)

// packaged are the packages that hold a tarball, for parts that a
// configuration says nothing of: those of Debian 12, then of later releases.
var packaged = map[string][]string{
	"binutils": {"binutils-source"},
	"gcc":      {"gcc-12-source", "gcc-14-source", "gcc-13-source", "gcc-15-source"},
	"linux":    {"linux-source-6.1", "linux-source-6.12", "linux-source"},
	glibc:      {"glibc-source"},
}

// tarballs are the names of the tarball of a part in its package, which may
// hold others: gcc-12-source has one of Modula-2 as well.
var tarballs = map[string]*regexp.Regexp{
	"binutils": regexp.MustCompile(`^binutils-[0-9].*\.tar\.[a-z0-9]+$`),
	"gcc":      regexp.MustCompile(`^gcc-[0-9].*\.tar\.[a-z0-9]+$`),
	"linux":    regexp.MustCompile(`^linux-source-[0-9].*\.tar\.[a-z0-9]+$`),
	glibc:      regexp.MustCompile(`^glibc-[0-9].*\.tar\.[a-z0-9]+$`),
}

// input is the source of one part.
type input struct {
	part string
	// name is for people: "gcc-12-source 12.2.0-14".
	name   string
	sha256 string
	// file is a tarball on this machine, and found the package that holds it;
	// of neither, it is fetched from the places of spec.
	file  string
	found *apt.Resolution
	spec  config.Part
	// patches are the sha256 of the patches, in order.
	patches []string
}

// find finds out what all parts are built from.
func (j *job) find(ctx context.Context) error {
	b := j.build
	j.inputs = map[string]*input{}
	libc := b.Musl
	if b.Libc == glibc {
		libc = b.Glibc
	}
	for _, one := range []struct {
		name string
		spec config.Part
	}{{"binutils", b.Binutils}, {"gcc", b.GCC}, {"linux", b.Linux}, {b.Libc, libc}} {
		j.report("find", 0, 0, "the source of "+one.name)
		in, err := j.input(ctx, one.name, one.spec)
		if err != nil {
			return fmt.Errorf("%s: %w", one.name, err)
		}
		for _, path := range one.spec.Patches {
			sum, err := source.Hash(ctx, path)
			if err != nil {
				return err
			}
			in.patches = append(in.patches, sum)
		}
		j.inputs[one.name] = in
	}
	return nil
}

// input finds out what one part is built from.
func (j *job) input(ctx context.Context, name string, spec config.Part) (*input, error) {
	in := &input{part: name, name: strings.TrimSpace(name + " " + spec.Version), sha256: spec.SHA256, file: spec.File, spec: spec}
	switch {
	case spec.File != "":
		sum, err := source.Hash(ctx, spec.File)
		if err != nil {
			return nil, err
		}
		if spec.SHA256 != "" && sum != spec.SHA256 {
			return nil, &fault.Error{
				Summary: "File has another hash", Usage: true,
				Detail: fmt.Sprintf("The file %s has the sha256 %s, but %s is wanted.", spec.File, sum, spec.SHA256),
				Remedy: "Get the tarball anew, or correct sha256 if you trust this one.",
			}
		}
		in.name, in.sha256 = filepath.Base(spec.File), sum
		return in, nil
	case spec.SHA256 != "":
		return in, nil
	case spec.Deb != "":
		return in, j.resolve(ctx, in, spec.Deb, false)
	}
	var unknown *apt.UnknownPackageError
	var err error
	for _, pkg := range packaged[name] {
		if err = j.resolve(ctx, in, pkg, false); !errors.As(err, &unknown) {
			return in, err
		}
	}
	if err == nil {
		err = errors.New("nothing is known of where its source is")
	}
	return nil, fmt.Errorf("%w; say where it is: file, or url and sha256, or deb", err)
}

// resolve finds a package that holds a tarball. What it depends on is of no
// interest.
func (j *job) resolve(ctx context.Context, in *input, pkg string, update bool) error {
	r, err := j.Apt.Resolve(ctx, apt.Query{Packages: []string{pkg}, Update: update}, j.fetched)
	if err != nil {
		return err
	}
	r.Packages = slices.DeleteFunc(r.Packages, func(p apt.Package) bool { return p.Name != pkg })
	if len(r.Packages) != 1 {
		return fmt.Errorf("apt did not settle on %s", pkg)
	}
	in.found, in.sha256 = r, r.Packages[0].SHA256
	in.name = pkg + " " + r.Packages[0].Version
	return nil
}

func (j *job) fetched(what string, done, total int64) { j.report("fetch", int(done), int(total), what) }

// unpack puts the source of a part into the folder dst, which doesn't exist.
// Beside it, the folder tmp may be used.
func (j *job) unpack(ctx context.Context, in *input, dst, tmp string) error {
	tarball, err := j.tarball(ctx, in, tmp)
	if err != nil {
		return err
	}
	if info, err := os.Stat(tarball); err == nil && info.IsDir() {
		return os.Rename(tarball, dst)
	}
	j.report("unpack", 0, 0, in.name)
	return source.Unpack(ctx, tarball, dst, source.Limits{})
}

// tarball returns the path of the tarball of a part, or that of a folder which
// a package has in its place.
func (j *job) tarball(ctx context.Context, in *input, tmp string) (string, error) {
	if in.found != nil {
		return j.packaged(ctx, in, tmp)
	}
	if in.file != "" {
		return in.file, nil
	}
	// Several compilers may be built of one tarball at once.
	unlock, err := j.Keeper.Store.Lock(ctx, "fetch-"+in.sha256, nil)
	if err != nil {
		return "", err
	}
	defer unlock()
	req := source.Request{Name: in.name, SHA256: in.sha256, URLs: in.spec.URLs, Debian: in.spec.Debian}
	return j.Fetcher.Fetch(ctx, req, j.Blobs, func(p source.Progress) { j.report("fetch", int(p.Done), int(p.Total), p.From) })
}

// packaged returns the path of the tarball in a package, once more with a new
// index if the one at hand names a file that has left the mirror.
func (j *job) packaged(ctx context.Context, in *input, tmp string) (string, error) {
	pkg := in.found.Packages[0]
	if err := j.Apt.Download(ctx, in.found, j.Blobs, j.fetched); err != nil {
		if ctx.Err() != nil || in.found.Updated || errors.Is(err, apt.ErrOffline) {
			return "", err
		}
		if again := j.resolve(ctx, in, pkg.Name, true); again != nil || in.sha256 != pkg.SHA256 {
			return "", fmt.Errorf("%w; there is a newer one by now: run again", err)
		}
		if err := j.Apt.Download(ctx, in.found, j.Blobs, j.fetched); err != nil {
			return "", err
		}
	}
	j.report("unpack", 0, 0, in.name)
	dir := filepath.Join(tmp, "package")
	if err := source.UnpackPackages(ctx, []string{filepath.Join(j.Blobs, pkg.SHA256)}, dir, source.Packages{}); err != nil {
		return "", err
	}
	return inPackage(in.part, pkg.Name, dir)
}

// inPackage returns the path of a part's tarball in an unpacked package. The
// headers of Linux need none: packages such as linux-libc-dev-arm64-cross have
// them ready, in a folder "include" which is that of one target.
func inPackage(part, pkg, dir string) (string, error) {
	if part == "linux" {
		ready, _ := filepath.Glob(filepath.Join(dir, "usr/*", versionHeader)) // the pattern is fine
		if len(ready) == 1 {
			return strings.TrimSuffix(ready[0], "/"+versionHeader), nil
		}
	}
	var found, all []string
	err := filepath.WalkDir(filepath.Join(dir, "usr/src"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || !strings.Contains(d.Name(), ".tar.") {
			return err
		}
		all = append(all, d.Name())
		if tarballs[part].MatchString(d.Name()) {
			found = append(found, path)
		}
		return nil
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("look into %s: %w", pkg, err)
	}
	if len(found) == 1 {
		return found[0], nil
	}
	if len(all) == 0 {
		all = []string{"none"}
	}
	return "", fmt.Errorf("the package %s has not just one tarball of %s in /usr/src: it has %s", pkg, part, strings.Join(all, ", "))
}
