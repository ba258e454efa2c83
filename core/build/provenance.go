package build

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/mkmini/mkmini/core/artifact"
	"github.com/mkmini/mkmini/core/plan"
	"github.com/mkmini/mkmini/core/provenance"
	"github.com/mkmini/mkmini/core/referrer"
	"github.com/mkmini/mkmini/core/registry"
	"github.com/mkmini/mkmini/core/store"
)

// formatOCI is what exporters call an OCI image layout.
const formatOCI = "oci"

// seal is what is added to an artifact when it takes its place; the zero value
// adds nothing.
type seal struct {
	// envelope is its provenance.
	envelope []byte
	// attach says that the envelope also goes into the artifact.
	attach bool
	// sums are the checksums of a folder, to which the provenance refers.
	sums []byte
}

// seal makes what is added to an artifact of an export step.
func (r *run) seal(ctx context.Context, s plan.Step, a shipped) (seal, error) {
	if r.Provenance == nil {
		return seal{}, nil
	}
	var made seal
	path := filepath.Join(r.Store.Path(s.Key), outName, filepath.FromSlash(a.Path))
	subjects, sums, err := subjects(ctx, path, a)
	if err != nil {
		return seal{}, err
	}
	made.sums, made.attach = sums, a.Format == formatOCI
	if made.envelope, err = r.Provenance(ctx, r.whence(s, a, subjects)); err != nil {
		return seal{}, err
	}
	return made, nil
}

// digest identifies an artifact together with what is added to it.
func (s seal) digest(a shipped) string {
	if s.envelope == nil {
		return a.SHA256
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%t\n%s", a.SHA256, s.attach, s.envelope)
	return hex.EncodeToString(h.Sum(nil))
}

// finishing adds to a copy of an artifact, before it takes its place.
func (r *run) finishing(ctx context.Context, s seal, name string) func(path string) error {
	if !s.attach {
		return nil
	}
	return func(path string) error {
		return referrer.Attach(ctx, path, referrer.Provenance(name, s.envelope, r.Epoch))
	}
}

// beside writes what stands beside an artifact, unless it is there already.
func (s seal) beside(path string) error {
	for suffix, text := range map[string][]byte{provenance.Suffix: s.envelope, artifact.SumsSuffix: s.sums} {
		if text == nil {
			continue
		}
		if there, err := os.ReadFile(path + suffix); err == nil && bytes.Equal(there, text) {
			continue
		}
		if err := store.WriteFile(path+suffix, text); err != nil {
			return err
		}
	}
	return nil
}

// subjects returns what an artifact is known by: a file by its bytes, images by
// their manifests, and any other folder by its checksums, which are returned
// too. A layout is known by its images alone, as it is about to hold the
// statement itself.
func subjects(ctx context.Context, path string, a shipped) ([]provenance.Subject, []byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	named := func(name, digest string) provenance.Subject {
		return provenance.Subject{Name: name, Digests: provenance.Digests{provenance.SHA256: digest}}
	}
	var list []provenance.Subject
	switch {
	case a.Format == formatOCI:
	case info.IsDir():
		var sums bytes.Buffer
		if err := artifact.WriteSums(ctx, &sums, path); err != nil {
			return nil, nil, err
		}
		sum := sha256.Sum256(sums.Bytes())
		return []provenance.Subject{named(a.Path+artifact.SumsSuffix, hex.EncodeToString(sum[:]))}, sums.Bytes(), nil
	default:
		list = append(list, named(a.Path, a.SHA256))
	}
	if a.Format != formatOCI && a.Format != "docker" {
		return list, nil, nil
	}
	images, err := images(ctx, path)
	if err != nil {
		return nil, nil, fmt.Errorf("look into %s: %w", a.Path, err)
	}
	for _, d := range images {
		list = append(list, named(strings.TrimSuffix(a.Path+":"+d.Annotations[refAnnotation], ":"), d.Digest.Hex))
	}
	return list, nil, nil
}

// refAnnotation names an image in a layout.
// Source: image-spec annotations.md.
const refAnnotation = "org.opencontainers.image.ref.name"

// images returns the images of an artifact that holds some.
func images(ctx context.Context, path string) (_ []v1.Descriptor, err error) {
	l, err := registry.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	return l.Images()
}

// whence collects what is known of where an artifact is from.
func (r *run) whence(s plan.Step, a shipped, subjects []provenance.Subject) provenance.Facts {
	f := provenance.Facts{
		Subjects: subjects, Format: a.Format, Artifact: a.Path, Epoch: r.Epoch, Version: r.Version,
		Mkmini:        strings.TrimPrefix(r.Mkmini, "sha256:"),
		Configuration: provenance.FromOrigin(r.job.Config.Origin),
	}
	m := materials{run: r}
	f.Exporter = string(s.Kind)
	if s.Kind == plan.Export {
		f.Exporter = r.job.Config.Exports[s.Export].Plugin
	}
	steps := r.before(s)
	for _, s := range r.plan.Steps {
		if !steps[s.ID] {
			continue
		}
		switch s.Kind {
		case plan.Source:
			m.source(*s.Source)
		case plan.Toolchain:
			f.Architectures = append(f.Architectures, s.Arch)
			m.compiler(s.Arch)
			m.plugin(r.job.Config.Targets[s.Target].Toolchain.Plugin)
			continue // its key says where the compiler is on this machine
		case plan.Busybox:
			m.config(r.job.Config.Targets[s.Target].Busybox.Config)
		case plan.Rootfs:
			if !slices.Contains(f.Architectures, s.Arch) {
				f.Architectures = append(f.Architectures, s.Arch) // without a compiler
			}
			m.entries(s.Arch)
		case plan.Export:
			m.plugin(r.job.Config.Exports[s.Export].Plugin)
		}
		f.Steps = append(f.Steps, provenance.Step{ID: s.ID, Key: s.Key})
	}
	f.Materials = m.list
	return f
}

// before returns a step and all that it is made from, by ID.
func (r *run) before(s plan.Step) map[string]bool {
	set := map[string]bool{s.ID: true}
	for _, step := range slices.Backward(r.plan.Steps) {
		if set[step.ID] {
			for _, need := range step.Needs {
				set[need] = true
			}
		}
	}
	return set
}

// materials collects what artifacts are made from.
type materials struct {
	*run
	list []provenance.Material
}

// add notes a material, unless one of its name is there.
func (m *materials) add(one provenance.Material) {
	if !slices.ContainsFunc(m.list, func(o provenance.Material) bool { return o.Name == one.Name }) {
		m.list = append(m.list, one)
	}
}

func sum(digest string) provenance.Digests {
	return provenance.Digests{provenance.SHA256: strings.TrimPrefix(digest, "sha256:")}
}

func (m *materials) source(t plan.Tarball) {
	uri := ""
	if len(t.URLs) > 0 {
		uri = t.URLs[0]
	}
	m.add(provenance.Material{Name: t.Name + "-" + t.Version, URI: uri, Digests: sum(t.SHA256)})
}

// plugin notes a plugin, unless it is mkmini itself.
func (m *materials) plugin(name string) {
	if digest := m.job.Plugins[name].Digest; digest != m.Mkmini {
		m.add(provenance.Material{Name: "plugin " + name, Digests: sum(digest)})
	}
}

// config notes a configuration of busybox that is a file.
func (m *materials) config(path string) {
	if digest, ok := m.input.Configs[path]; ok {
		m.add(provenance.Material{Name: "busybox configuration " + filepath.Base(path), Digests: sum(digest)})
	}
}

// entries notes the blocks of a root file system.
func (m *materials) entries(arch string) {
	for _, part := range m.input.Entries[arch] {
		if digest, ok := strings.CutPrefix(part.Value, "sha256:"); ok {
			m.add(provenance.Material{Name: "rootfs for " + arch + ": " + part.Name, Digests: provenance.Digests{provenance.Entry: digest}})
		}
	}
}

// hash finds a sha256 in what is known of a compiler.
var hash = regexp.MustCompile(`\b[0-9a-f]{64}\b`)

// compiler notes a compiler, and the packages, archives or images that it is
// from.
func (m *materials) compiler(arch string) {
	p := m.compilers[arch]
	name := "compiler for " + arch
	one := provenance.Material{
		Name: name, Digests: provenance.Digests{provenance.Compiler: strings.TrimPrefix(p.Fingerprint, "sha256:")},
		Annotations: map[string]string{"target": p.Compiler.Target, "version": p.Compiler.Version, "from": p.Kind},
	}
	var parts []provenance.Material
	for _, pin := range slices.Sorted(maps.Keys(p.Pins)) {
		value := p.Pins[pin]
		digest := hash.FindString(value)
		if digest == "" {
			one.Annotations[pin] = value
			continue
		}
		part := provenance.Material{Name: name + ": " + pin, Digests: sum(digest), Annotations: map[string]string{"pin": value}}
		if a := p.Block.Archive; a != nil && len(a.URLs) > 0 && digest == a.SHA256 {
			part.URI = a.URLs[0]
		}
		parts = append(parts, part)
	}
	m.add(one)
	for _, part := range parts {
		m.add(part)
	}
}
