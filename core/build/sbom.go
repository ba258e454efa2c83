package build

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/core/artifact"
	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/linkage"
	"github.com/mkmini/mkmini/core/plan"
	"github.com/mkmini/mkmini/core/release"
	"github.com/mkmini/mkmini/core/sbom"
	"github.com/mkmini/mkmini/core/toolchain"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// origin says where a compiler came from, as documents tell it.
func origin(p toolchain.Probed) string {
	pins, err := json.Marshal(p.Pins)
	if err != nil {
		return err.Error() // plain data has none
	}
	return p.Kind + " " + string(pins)
}

// sbom writes the documents about what is in an image.
func (r *run) sbom(ctx context.Context, s plan.Step, dir string, c *course) (any, error) {
	_, out, err := folders(dir)
	if err != nil {
		return nil, err
	}
	facts, err := r.facts(ctx, s)
	if err != nil {
		return nil, err
	}
	c.warn(r.owners[s.Arch].unknown, nil)
	var made exported
	for i, name := range r.job.Config.SBOM.Formats {
		c.progress("write", i, len(r.job.Config.SBOM.Formats), name)
		format, err := sbom.Find(name)
		if err != nil {
			return nil, err
		}
		file := r.job.Config.Name + "-" + s.Arch + format.Extension
		if err := writeDocument(filepath.Join(out, file), func(w io.Writer) error { return format.Write(facts, w) }); err != nil {
			return nil, err
		}
		digest, size, err := artifact.Digest(filepath.Join(out, file))
		if err != nil {
			return nil, err
		}
		made.Artifacts = append(made.Artifacts, shipped{Path: file, Format: name, Arch: s.Arch, SHA256: digest, Size: size})
	}
	return made, os.RemoveAll(filepath.Join(dir, workName))
}

// writeDocument writes a file.
func writeDocument(path string, write func(w io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 256<<10)
	return errors.Join(write(w), w.Flush(), f.Close())
}

// attach gives images the documents that an export step reads.
func (r *run) attach(s plan.Step, images []sdk.Image) error {
	for _, id := range s.Needs {
		need, _ := r.plan.Step(id)
		if need.Kind != plan.SBOM {
			continue
		}
		var made exported
		if err := r.Store.Load(need.Key, &made); err != nil {
			return err
		}
		i := slices.IndexFunc(images, func(img sdk.Image) bool { return img.Arch == need.Arch })
		for _, a := range made.Artifacts {
			format, err := sbom.Find(a.Format)
			if err != nil {
				return err
			}
			images[i].Attachments = append(images[i].Attachments, sdk.Attachment{
				Name: a.Path, ArtifactType: format.MediaType, Digest: "sha256:" + a.SHA256, Size: a.Size,
				Path: filepath.Join(r.Store.Path(need.Key), outName, filepath.FromSlash(a.Path)),
			})
		}
	}
	return nil
}

// facts collects what is known of an image.
func (r *run) facts(ctx context.Context, s plan.Step) (sbom.Facts, error) {
	t := r.job.Config.Targets[s.Target]
	asked := r.job.Config.SBOM
	f := sbom.Facts{
		Name: r.job.Config.Name, Arch: t.Arch, Platform: r.job.Toolchains[t.Toolchain.Plugin].Platform.String(),
		Created: r.Epoch, Mkmini: r.Version, Supplier: asked.Supplier, Namespace: asked.Namespace,
		Compiler: compilerFacts(r.compilers[t.Arch]),
	}
	var l layer
	root := r.need(s, plan.Rootfs)
	if err := r.Store.Load(root, &l); err != nil {
		return f, err
	}
	f.Layer = strings.TrimPrefix(l.Digest, "sha256:")
	var err error
	if f.Files, f.Packages, err = sbom.ReadLayer(ctx, filepath.Join(r.Store.Path(root), layerName)); err != nil {
		return f, err
	}
	owned, err := r.owners[t.Arch].inImage(f.Files)
	if err != nil {
		return f, err
	}
	f.Packages = sbom.Together(owned, f.Packages)
	for _, e := range t.Rootfs {
		if e.Kind == config.Program {
			f.Applications = append(f.Applications, sbom.Application{Path: strings.TrimPrefix(e.Path, "/")})
		}
	}
	if t.Busybox.Disabled {
		return f, nil
	}
	if f.Busybox, f.Dynamic, err = r.busyboxFacts(s, t); err != nil {
		return f, err
	}
	f.Libc, err = r.libcFacts(s, t)
	return f, err
}

// compilerFacts tells what a probe found out.
func compilerFacts(p toolchain.Probed) sbom.Compiler {
	c := sbom.Compiler{Target: p.Compiler.Target, Fingerprint: p.Fingerprint, From: p.Kind, Parts: p.Pins}
	c.Name, c.Version, _ = strings.Cut(factValue(p.Compiler.Facts, "version"), " ")
	if headers := factValue(p.Compiler.Facts, "kernel_headers"); headers != "unknown" {
		c.Headers = headers
	}
	return c
}

// busyboxFacts tells of the busybox that was built, and whether it is dynamic.
func (r *run) busyboxFacts(s plan.Step, t config.Target) (sbom.Program, bool, error) {
	p := released(release.Busybox(), t.Busybox.Version)
	var err error
	if p.Source, err = r.sourceFacts(s, t, release.Busybox(), config.Source{
		Version: t.Busybox.Version, SHA256: t.Busybox.SHA256, File: t.Busybox.File, URLs: t.Busybox.URLs,
	}); err != nil {
		return p, false, err
	}
	key := r.need(s, plan.Busybox)
	var built sdk.BuildResult
	if err := r.Store.Load(key, &built); err != nil {
		return p, false, err
	}
	out := filepath.Join(r.Store.Path(key), outName)
	if built.Config != "" {
		if p.Source.Config, _, err = artifact.Digest(filepath.Join(out, filepath.FromSlash(built.Config))); err != nil {
			return p, false, err
		}
	}
	program := filepath.Join(out, filepath.FromSlash(built.Tree), "bin", "busybox")
	if p.SHA256, _, err = artifact.Digest(program); err != nil {
		return p, false, err
	}
	file, err := os.Open(program)
	if err != nil {
		return p, false, err
	}
	defer file.Close()
	b, err := linkage.Read(file)
	if errors.Is(err, linkage.ErrNotELF) {
		return p, false, nil // a vendor's own
	}
	return p, err == nil && b.Interpreter != "", err
}

// libcFacts tells of the C library; nil if nothing is known of it.
func (r *run) libcFacts(s plan.Step, t config.Target) (*sbom.Program, error) {
	if t.Musl != nil {
		p := released(release.Musl(), t.Musl.Version)
		var err error
		p.Source, err = r.sourceFacts(s, t, release.Musl(), *t.Musl)
		return &p, err
	}
	name, version, _ := strings.Cut(factValue(r.compilers[t.Arch].Compiler.Facts, "libc"), " ")
	return libcOf(name, version), nil
}

// libcOf returns what is known of a compiler's own C library.
// Source: LICENSES of glibc; COPYING.LIB of uClibc-ng.
func libcOf(name, version string) *sbom.Program {
	switch name {
	case "":
		return nil
	case "glibc":
		return &sbom.Program{
			Name: name, Version: version, License: "LGPL-2.1-or-later", Homepage: "https://www.gnu.org/software/libc/", CPE: "a:gnu:glibc",
		}
	case "musl":
		p := released(release.Musl(), version)
		return &p
	case "uclibc":
		return &sbom.Program{Name: name, Version: version, License: "LGPL-2.1-or-later"}
	}
	return &sbom.Program{Name: name, Version: version}
}

func released(soft release.Software, version string) sbom.Program {
	return sbom.Program{Name: soft.Name, Version: version, License: soft.License, Homepage: soft.Homepage, CPE: soft.CPE}
}

// sourceFacts tells of a source, and of the patches that a toolchain has for
// it.
func (r *run) sourceFacts(s plan.Step, t config.Target, soft release.Software, from config.Source) (*sbom.Source, error) {
	source := &sbom.Source{Tarball: soft.Tarball(from.Version), SHA256: from.SHA256}
	if known, ok := soft.SHA256(from.Version); ok && known == from.SHA256 {
		source.URL = soft.URLs(from.Version)[0]
	} else {
		source.URL = cmp.Or(append(from.URLs, "")...)
	}
	for _, id := range s.Needs {
		need, _ := r.plan.Step(id)
		if need.Kind != plan.Patch || need.Source.Name != soft.Name {
			continue
		}
		var err error
		if source.Patches, err = r.patches(need.Key); err != nil {
			return nil, fmt.Errorf("read the patches of %s: %w", soft.Name, err)
		}
	}
	return source, nil
}

// patches returns the patches of a step.
func (r *run) patches(key string) ([]sbom.Patch, error) {
	var done patched
	if err := r.Store.Load(key, &done); err != nil {
		return nil, err
	}
	var list []sbom.Patch
	for _, name := range done.Patches {
		text, err := os.ReadFile(filepath.Join(r.Store.Path(key), outName, filepath.FromSlash(name)))
		if err != nil {
			return nil, err
		}
		list = append(list, sbom.Patch{Name: name, Text: text})
	}
	return list, nil
}
