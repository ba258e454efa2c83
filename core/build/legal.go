package build

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/core/artifact"
	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/legal"
	"github.com/mkmini/mkmini/core/plan"
	"github.com/mkmini/mkmini/core/release"
	"github.com/mkmini/mkmini/core/sbom"
	"github.com/mkmini/mkmini/core/toolchain"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// LegalOptions say what is wanted beside the sources of what was built.
type LegalOptions struct {
	// Toolchains asks for the source of the compilers' own C libraries too.
	Toolchains bool
	// Packages knows source packages; nil if the network is off.
	Packages SourcePackages
}

// Legal returns what the licences of a job's programs ask for. What isn't
// built yet is built; nothing is exported. The facts name files of the store.
func (b *Builder) Legal(ctx context.Context, job Job, o LegalOptions) (legal.Facts, error) {
	r, err := b.start(ctx, job)
	if err != nil {
		return legal.Facts{}, err
	}
	r.distrust()
	if err := r.probe(ctx); err != nil {
		return legal.Facts{}, err
	}
	if b.Settled != nil {
		if err := b.Settled(r.compilers); err != nil {
			return legal.Facts{}, err
		}
	}
	r.ends = []plan.Kind{plan.Source, plan.Patch, plan.Libc, plan.Busybox}
	r.plan = plan.Make(r.input)
	r.plan.Steps = slices.DeleteFunc(r.plan.Steps, func(s plan.Step) bool {
		return s.Kind != plan.Toolchain && !slices.Contains(r.ends, s.Kind)
	})
	if err := errors.Join(r.execute(ctx), r.history.save(r.artifacts, r.folders.Known())); err != nil {
		return legal.Facts{}, err
	}
	f := legal.Facts{Name: job.Config.Name, Mkmini: b.Version, Epoch: b.Epoch}
	if f.Programs, err = r.legalSources(ctx); err != nil {
		return f, err
	}
	for _, t := range job.Config.Targets {
		if t.Busybox.Disabled {
			continue // nothing was built
		}
		one, err := r.legalBuild(ctx, t)
		if err != nil {
			return f, fmt.Errorf("tell how %s was built: %w", t.Arch, err)
		}
		f.Builds = append(f.Builds, one)
	}
	supplied, err := r.legalToolchains(ctx, o)
	f.Programs = append(f.Programs, supplied...)
	return f, err
}

// legalSources returns what was compiled here, with its sources and licences.
func (r *run) legalSources(ctx context.Context) ([]legal.Program, error) {
	var list []legal.Program
	for _, s := range r.plan.Steps {
		if s.Kind != plan.Source {
			continue
		}
		file, err := r.fetchSource(ctx, s)
		if err != nil {
			return nil, err
		}
		soft := release.Busybox()
		if s.Source.Name == release.Musl().Name {
			soft = release.Musl()
		}
		p := legal.Program{Name: soft.Name, Version: s.Source.Version, License: soft.License, Archs: r.readers(s)}
		one := legal.Source{File: legal.File{Name: tarballName(s.Source), Path: file}, SHA256: s.Source.SHA256}
		if known, ok := soft.SHA256(s.Source.Version); ok && known == s.Source.SHA256 {
			one.URL = soft.URLs(s.Source.Version)[0]
		} else if n := len(s.Source.URLs) - len(soft.URLs(s.Source.Version)); n > 0 {
			one.URL = s.Source.URLs[0]
		}
		p.Sources = []legal.Source{one}
		if p.Texts, err = licenseTexts(filepath.Join(r.Store.Path(s.Key), treeName)); err != nil {
			return nil, err
		}
		if len(p.Texts) == 0 {
			return nil, &fault.Error{
				Step: "legal", Summary: "No licence in the source", Detail: fmt.Sprintf("The source of %s holds no file LICENSE, COPYING or COPYRIGHT.", s.Source),
				Remedy: "Use the published source.",
			}
		}
		list = append(list, p)
	}
	return list, nil
}

// tarballName is the name of a source in the folder. Two of one version that
// differ have names that do.
func tarballName(t *plan.Tarball) string {
	soft := release.Busybox()
	if t.Name == release.Musl().Name {
		soft = release.Musl()
	}
	name := soft.Tarball(t.Version)
	if known, ok := soft.SHA256(t.Version); !ok || known != t.SHA256 {
		if t.File != "" {
			name = filepath.Base(t.File)
		}
		name = t.SHA256[:12] + "-" + name
	}
	return name
}

// readers returns the architectures that a source is for.
func (r *run) readers(source plan.Step) []string {
	var archs []string
	for _, s := range r.plan.Steps {
		if s.Arch != "" && slices.Contains(s.Needs, source.ID) && !slices.Contains(archs, s.Arch) {
			archs = append(archs, s.Arch)
		}
	}
	return archs
}

// licenseTexts returns the licences in a source, by the names that they have
// there.
func licenseTexts(tree string) ([]legal.File, error) {
	var list []legal.File
	err := filepath.WalkDir(tree, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		stem, _, _ := strings.Cut(strings.ToUpper(d.Name()), ".")
		if !slices.Contains([]string{"LICENSE", "LICENSES", "LICENCE", "COPYING", "COPYRIGHT", "COPYING3"}, stem) {
			return nil
		}
		name, err := filepath.Rel(tree, path)
		list = append(list, legal.File{Name: filepath.ToSlash(name), Path: path})
		return err
	})
	return list, err
}

// legalBuild tells how a busybox was built.
func (r *run) legalBuild(ctx context.Context, t config.Target) (legal.Build, error) {
	s, _ := r.plan.Step(string(plan.Busybox) + "/" + t.Arch)
	p := r.compilers[t.Arch]
	info := r.job.Toolchains[t.Toolchain.Plugin]
	b := legal.Build{
		Arch: t.Arch, CC: filepath.Base(p.Compiler.CC), Prefix: p.Compiler.Prefix[strings.LastIndexByte(p.Compiler.Prefix, '/')+1:],
		Compiler: p.Compiler.Version + " for " + cmp.Or(p.Compiler.Target, t.Arch), Fingerprint: p.Fingerprint, Pins: p.Pins,
		KernelArch: info.KernelArch, Flags: p.Compiler.CFlags, Link: p.Compiler.LDFlags, Dynamic: t.Busybox.Dynamic, Patches: map[string][]legal.File{},
	}
	var built sdk.BuildResult
	if err := r.Store.Load(s.Key, &built); err != nil {
		return b, err
	}
	out := filepath.Join(r.Store.Path(s.Key), outName)
	if built.Config == "" {
		return b, &fault.Error{
			Step: "legal", Summary: "No configuration of busybox",
			Detail: fmt.Sprintf("The plugin %q did not leave the final configuration of busybox, without which it can't be built again.", t.Toolchain.Plugin),
			Remedy: "Report this to whoever makes the plugin.", Range: &t.Toolchain.Range,
		}
	}
	b.Config = legal.File{Path: filepath.Join(out, filepath.FromSlash(built.Config))}
	var err error
	if b.SHA256, _, err = artifact.Digest(filepath.Join(out, filepath.FromSlash(built.Tree), "bin", "busybox")); err != nil {
		return b, err
	}
	for _, one := range r.plan.Steps {
		if one.Kind != plan.Patch || one.Arch != t.Arch {
			continue
		}
		patches, err := r.patches(one.Key)
		if err != nil {
			return b, err
		}
		b.Patches[one.Source.Name] = patchFiles(patches)
	}
	b.Busybox = r.sourceName(t, release.Busybox(), t.Busybox.SHA256)
	if t.Musl == nil {
		return b, nil
	}
	b.Musl, b.MuslArch = r.sourceName(t, release.Musl(), t.Musl.SHA256), info.Musl
	b.MuslFlags, err = r.libcFlags(ctx, s, t)
	return b, err
}

func patchFiles(patches []sbom.Patch) []legal.File {
	var files []legal.File
	for _, p := range patches {
		files = append(files, legal.File{Name: p.Name, Data: p.Text})
	}
	return files
}

// sourceName returns the name in the folder of a program's source.
func (r *run) sourceName(t config.Target, soft release.Software, sum string) string {
	for _, s := range r.plan.Steps {
		if s.Kind == plan.Source && s.Source.Name == soft.Name && s.Source.SHA256 == sum && slices.Contains(r.readers(s), t.Arch) {
			return tarballName(s.Source)
		}
	}
	return ""
}

// libcFlags returns the options that a compile with a built C library has in
// addition to those that say where the library is.
func (r *run) libcFlags(ctx context.Context, s plan.Step, t config.Target) ([]string, error) {
	plugin, err := r.Plugins.Toolchain(ctx, t.Toolchain.Plugin)
	if err != nil {
		return nil, err
	}
	work, err := os.MkdirTemp(r.Store.Sub("tmp"), "legal-"+t.Arch+".")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	c, err := r.withLibc(ctx, t, r.need(s, plan.Libc), plugin, work)
	if err != nil {
		return nil, err
	}
	own := r.compilers[t.Arch].Compiler.CFlags
	i := slices.IndexFunc(c.CFlags, func(option string) bool { return strings.HasPrefix(option, "-B"+c.Libc+"/") })
	if i < 0 || len(c.CFlags)-len(own) <= i {
		return nil, fmt.Errorf("the options %q don't say which are for the C library", c.CFlags)
	}
	return c.CFlags[i+1 : len(c.CFlags)-len(own)], nil
}

// runtimes returns what a compiler puts into programs beside the C library.
func runtimes(p toolchain.Probed) []sbom.Program {
	c := compilerFacts(p)
	var list []sbom.Program
	if c.Name == "gcc" {
		list = append(list, sbom.Libgcc(c.Version))
	}
	if c.Headers != "" {
		list = append(list, sbom.Headers(c.Headers))
	}
	return list
}
