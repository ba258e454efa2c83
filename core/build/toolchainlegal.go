package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/core/event"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/legal"
	"github.com/mkmini/mkmini/core/release"
	"github.com/mkmini/mkmini/core/sbom"
	"github.com/mkmini/mkmini/core/source"
	"github.com/mkmini/mkmini/core/source/apt"
	"github.com/mkmini/mkmini/core/store"
	"github.com/mkmini/mkmini/core/toolchain"
)

// SourcePackages knows the files of a distribution's source packages.
type SourcePackages interface {
	SourceFiles(ctx context.Context, pkg, version string) ([]apt.SourceFile, error)
}

// supplied are the parts of programs that come with a compiler: the files by
// which their packages are found, and what their source packages are called.
var supplied = map[string]struct {
	file   string
	pkg    string
	source *regexp.Regexp
}{
	"glibc":         {"/libc.a", "libc6", regexp.MustCompile(`^glibc$`)},
	"libgcc":        {"/libgcc.a", "libgcc-", regexp.MustCompile(`^gcc-[0-9.]+$`)},
	"linux-headers": {"/linux/version.h", "linux-libc-dev", regexp.MustCompile(`^linux$`)},
}

// supply is a piece of software that came with a compiler.
type supply struct {
	sbom.Program
	arch     string
	compiler toolchain.Probed
	// from is the package that it came in, and name and version its source
	// package; empty if that isn't known.
	from          apt.Origin
	name, version string
}

// legalToolchains returns what compilers put into the programs that they made.
// The source of C libraries comes along if it is asked for, or is there.
func (r *run) legalToolchains(ctx context.Context, o LegalOptions) ([]legal.Program, error) {
	var list []legal.Program
	for _, s := range r.supplies(ctx) {
		p, err := r.legalSupply(ctx, s, o)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(list, func(o legal.Program) bool {
			return o.Name == p.Name && o.Version == p.Version && o.Missing == p.Missing
		})
		if i >= 0 {
			list[i].Archs = append(list[i].Archs, s.arch)
			continue
		}
		p.Archs = []string{s.arch}
		list = append(list, p)
	}
	return list, nil
}

// supplies finds out what came with the compilers, and in which packages.
func (r *run) supplies(ctx context.Context) []supply {
	var list []supply
	for _, t := range r.job.Config.Targets {
		p := r.compilers[t.Arch]
		programs := runtimes(p)
		if t.Musl == nil {
			name, version, _ := strings.Cut(factValue(p.Compiler.Facts, "libc"), " ")
			if c := libcOf(name, version); c != nil {
				programs = append([]sbom.Program{*c}, programs...)
			}
		}
		for _, program := range programs {
			s := supply{Program: program, arch: t.Arch, compiler: p}
			if s.from = r.packageOf(ctx, s); s.from.Package != "" {
				for _, name := range append(sortedKeys(s.from.Using), s.from.Source) {
					if known := supplied[program.Name].source; known != nil && known.MatchString(name) {
						s.name, s.version = name, s.from.Of(name)
					}
				}
			}
			list = append(list, s)
		}
	}
	return list
}

func sortedKeys(m map[string]string) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// packageOf returns the package that a part of a compiler came in.
func (r *run) packageOf(ctx context.Context, s supply) apt.Origin {
	known, ok := supplied[s.Name]
	switch {
	case !ok:
	case s.compiler.Kind == "deb":
		for _, name := range sortedKeys(s.compiler.Pins) {
			_, sum, ok := strings.Cut(s.compiler.Pins[name], "sha256:")
			if !ok || !strings.HasPrefix(name, known.pkg) || !strings.Contains(name, "-dev") {
				continue
			}
			if o, err := apt.PackageOrigin(ctx, filepath.Join(r.Store.Sub(sources), sum)); err == nil {
				return o
			}
		}
	case s.compiler.Kind == "host", s.compiler.Kind == "path":
		for _, file := range s.compiler.Compiler.Files {
			if strings.HasSuffix(file, known.file) {
				if o, ok := apt.Owner(ctx, file); ok {
					return o
				}
			}
		}
	}
	return apt.Origin{}
}

// legalSupply tells of one part, with its source if it has to be there.
func (r *run) legalSupply(ctx context.Context, s supply, o LegalOptions) (legal.Program, error) {
	p := legal.Program{Name: s.Name, Version: s.Version, License: s.License}
	isLibc := s.Name != "libgcc" && s.Name != "linux-headers"
	if s.Name == release.Musl().Name && s.compiler.Kind == "source" {
		if done, err := r.builtMusl(ctx, s, &p); done || err != nil {
			return p, err
		}
	}
	if !isLibc || !o.Toolchains {
		p.Missing = missing(s)
		if isLibc && s.name != "" {
			p.Missing += " mkmini legal --with-toolchain-sources puts it here."
		}
		return p, nil
	}
	if s.name == "" {
		return p, &fault.Error{
			Step: "legal", Summary: "No source of the C library",
			Detail: fmt.Sprintf("The programs for %s have a part of %s %s, of which no source package is known. %s", s.arch, s.Name, s.Version, missing(s)),
			Remedy: "Ask whoever the compiler is from for it, and leave out --with-toolchain-sources.",
		}
	}
	return p, r.packagedSource(ctx, s, o, &p)
}

// builtMusl adds the source of a musl that was built with a compiler. It is
// not done if the tarball is gone.
func (r *run) builtMusl(ctx context.Context, s supply, p *legal.Program) (bool, error) {
	name, sum, ok := strings.Cut(s.compiler.Pins["musl"], " sha256:")
	path := filepath.Join(r.Store.Sub(sources), sum)
	if _, err := os.Stat(path); !ok || err != nil {
		return false, nil
	}
	p.Sources = []legal.Source{{File: legal.File{Name: name, Path: path}, SHA256: sum}}
	var err error
	p.Texts, err = r.textsOf(ctx, path)
	return true, err
}

// packagedSource adds the files of a source package.
func (r *run) packagedSource(ctx context.Context, s supply, o LegalOptions, p *legal.Program) error {
	c := r.course(event.Event{Step: "source " + s.name, Arch: s.arch})
	files, err := r.sourceFiles(ctx, s.name, s.version, o)
	if err != nil {
		return c.fail(ctx, noSource(s, s.name, err))
	}
	blobs := r.Store.Sub(sources)
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		return err
	}
	for _, file := range files {
		path, err := r.Fetcher.Fetch(ctx, source.Request{Name: file.Name, SHA256: file.SHA256, Debian: s.name}, blobs, func(p source.Progress) {
			c.progress("fetch", int(p.Done), int(p.Total), p.From)
		})
		if err != nil {
			return c.fail(ctx, noSource(s, file.Name, err))
		}
		p.Sources = append(p.Sources, legal.Source{File: legal.File{Name: file.Name, Path: path}, SHA256: file.SHA256})
		if strings.Contains(file.Name, ".orig.tar.") && !strings.HasSuffix(file.Name, ".asc") {
			if p.Texts, err = r.textsOf(ctx, path); err != nil {
				return c.fail(ctx, err)
			}
		}
	}
	if c.begun {
		e := c.e
		e.Kind, e.Elapsed = event.Done, r.Now().Sub(c.start)
		r.emit(e)
	}
	return nil
}

// noSource is the error of a source package that can't be had, as a whole or
// for one file.
func noSource(s supply, what string, err error) error {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		what, err = what+": "+f.Summary, f
	}
	f := &fault.Error{
		Step: "legal", Summary: "No source of the C library",
		Detail:  fmt.Sprintf("The programs for %s have a part of %s, whose source package %s %s can't be had.", s.arch, s.Name, s.name, s.version),
		Remedy:  "Upgrade the compiler's packages to those that the mirror has the source of, add a mirror of that time to apt's sources, or leave out --with-toolchain-sources.",
		Excerpt: []string{what}, Err: err,
	}
	if cause, ok := errors.AsType[*fault.Error](err); ok {
		f.Excerpt = append(f.Excerpt, cause.Excerpt...)
	} else {
		f.Excerpt = append(f.Excerpt, err.Error())
	}
	return f
}

// sourceFiles returns the files of a source package. What was found once is
// kept, as it doesn't change.
func (r *run) sourceFiles(ctx context.Context, name, version string, o LegalOptions) ([]apt.SourceFile, error) {
	kept := filepath.Join(r.Store.Sub("apt"), "listed", name+"_"+strings.ReplaceAll(version, ":", "%3a")+".json")
	var files []apt.SourceFile
	if text, err := os.ReadFile(kept); err == nil && json.Unmarshal(text, &files) == nil && len(files) > 0 {
		return files, nil
	}
	if o.Packages == nil {
		return nil, apt.ErrOffline
	}
	files, err := o.Packages.SourceFiles(ctx, name, version)
	if err != nil {
		return nil, err
	}
	return files, errors.Join(os.MkdirAll(filepath.Dir(kept), 0o755), store.WriteJSON(kept, files))
}

// textsOf returns the licences in an archive.
func (r *run) textsOf(ctx context.Context, archive string) ([]legal.File, error) {
	dir, err := os.MkdirTemp(r.Store.Sub("tmp"), "legal.")
	if err != nil {
		return nil, err
	}
	defer store.RemoveAll(dir)
	tree := filepath.Join(dir, treeName)
	if err := source.Unpack(ctx, archive, tree, source.Limits{}); err != nil {
		return nil, err
	}
	texts, err := licenseTexts(tree)
	for i := range texts {
		if err == nil {
			texts[i].Data, err = os.ReadFile(texts[i].Path)
			texts[i].Path = ""
		}
	}
	return texts, err
}

// missing says where the source of a part is that isn't there.
func missing(s supply) string {
	if s.name != "" {
		return fmt.Sprintf("It came with the compiler, in the package %s %s; its source is the source package %s %s of the distribution.",
			s.from.Package, s.from.Version, s.name, s.version)
	}
	switch s.compiler.Kind {
	case "deb":
		return "It came with the compiler, in packages of the distribution, whose source packages are its source."
	case "source":
		return "It came with the compiler, which was built from the tarballs that the configuration names."
	case "host":
		return "It came with the compiler of the machine, whose distribution has its source."
	}
	return "It came with the compiler; whoever the compiler is from has its source."
}
