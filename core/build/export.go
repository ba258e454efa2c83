package build

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/mkmini/mkmini/core/artifact"
	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/event"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/plan"
	"github.com/mkmini/mkmini/core/provenance"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// exported is the result of an export: artifacts below its out folder.
type exported struct {
	Artifacts []shipped `json:"artifacts"`
}

// shipped is one artifact in the store.
type shipped struct {
	Path   string   `json:"path"`
	Format string   `json:"format"`
	Arch   string   `json:"arch,omitempty"`
	Run    []string `json:"run,omitempty"`
	SHA256 string   `json:"sha256"`
	Size   int64    `json:"size"`
}

// export has a plugin write its artifacts.
func (r *run) export(ctx context.Context, s plan.Step, dir string, c *course) (any, error) {
	e := r.job.Config.Exports[s.Export]
	images, err := r.images(ctx, s)
	if err != nil {
		return nil, err
	}
	plugin, err := r.Plugins.Exporter(ctx, e.Plugin)
	if err != nil {
		return nil, err
	}
	work, out, err := folders(dir)
	if err != nil {
		return nil, err
	}
	result, err := plugin.Export(ctx, sdk.ExportRequest{
		Name: r.job.Config.Name, Images: images, Attributes: e.Attributes[s.Arch],
		WorkDir: work, OutDir: out, Jobs: r.Jobs, Epoch: r.Epoch,
	}, c.report)
	if err != nil {
		return nil, diagnosedExport(e, err)
	}
	c.warn(result.Warnings, placeExport(e))
	var made exported
	for _, a := range result.Artifacts {
		digest, size, err := artifact.Digest(filepath.Join(out, filepath.FromSlash(a.Path)))
		if err != nil {
			return nil, err
		}
		made.Artifacts = append(made.Artifacts, shipped{
			Path: a.Path, Format: a.Format, Arch: a.Arch, Run: a.Run, SHA256: digest, Size: size,
		})
	}
	return made, os.RemoveAll(work)
}

// images returns what an export step reads, in the order of the
// configuration.
func (r *run) images(ctx context.Context, s plan.Step) ([]sdk.Image, error) {
	var images []sdk.Image
	for _, id := range s.Needs {
		need, _ := r.plan.Step(id)
		if need.Kind != plan.Rootfs {
			continue
		}
		target := r.job.Config.Targets[need.Target]
		info := r.job.Toolchains[target.Toolchain.Plugin]
		boot, err := r.boot(ctx, target, info)
		if err != nil {
			return nil, err
		}
		var l layer
		if err := r.Store.Load(need.Key, &l); err != nil {
			return nil, err
		}
		dir := r.Store.Path(need.Key)
		img := sdk.Image{
			Arch: need.Arch, Platform: info.Platform, Boot: boot,
			Layer: filepath.Join(dir, layerName), Digest: l.Digest, Size: l.Size,
		}
		for _, p := range l.Layers {
			img.Layers = append(img.Layers, sdk.Layer{Name: p.Name, Path: filepath.Join(dir, p.File), Digest: p.Digest, Size: p.Size})
		}
		images = append(images, img)
	}
	return images, r.attach(s, images)
}

// placed is an artifact in the output folder.
type placed struct {
	event.Artifact
	// export and target are indices into the configuration, and order the
	// place within the step.
	export, target, order int
	// stamp is the state of what was put there; empty as long as nothing was.
	stamp string
	// sealed identifies what was put there, with what was added to it.
	sealed string
}

// place puts the artifacts of an export into the output folder, but for
// those that are there already.
func (r *run) place(ctx context.Context, s plan.Step, cached bool, start time.Time) ([]event.Artifact, error) {
	var made exported
	if err := r.Store.Load(s.Key, &made); err != nil {
		return nil, err
	}
	var delivery config.Delivery
	export := len(r.job.Config.Exports) // SBOMs come after what exports write
	if s.Kind == plan.Export {
		export, delivery = s.Export, r.job.Config.Exports[s.Export].Delivery(s.Arch)
	}
	var artifacts []event.Artifact
	for i, a := range made.Artifacts {
		dst := filepath.Join(r.job.Out, filepath.FromSlash(a.Path))
		p := placed{export: export, target: s.Target, order: i, Artifact: event.Artifact{
			Path: filepath.Join(r.job.Shown, filepath.FromSlash(a.Path)), Format: a.Format, Arch: a.Arch, Libc: r.libcs(s), SHA256: a.SHA256, Size: a.Size, Run: a.Run, Cached: cached,
			Push: delivery.Push, Load: delivery.Load,
		}}
		if err := r.claim(a.Path, p); err != nil {
			return nil, err
		}
		if err := r.placeOne(ctx, s, a, dst, &p); err != nil {
			return nil, err
		}
		p.Elapsed = r.Now().Sub(start)
		artifacts = append(artifacts, p.Artifact)
		r.mu.Lock()
		r.artifacts[a.Path] = p
		r.mu.Unlock()
	}
	return artifacts, nil
}

// placeOne puts one artifact in its place, with what is added to it, unless all
// of that is there.
func (r *run) placeOne(ctx context.Context, s plan.Step, a shipped, dst string, p *placed) error {
	more, err := r.seal(ctx, s, a)
	if err != nil {
		return err
	}
	p.sealed = more.digest(a)
	was := r.history.placed(a.Path, p.sealed)
	if p.stamp = was.Stamp; p.stamp == "" || p.stamp != artifact.Stamp(dst) {
		src := filepath.Join(r.Store.Path(s.Key), outName, filepath.FromSlash(a.Path))
		if p.SHA256, p.Size, err = r.copy(ctx, src, dst, a, more); err != nil {
			return err
		}
		p.stamp = artifact.Stamp(dst)
	} else if was.Digest != "" {
		p.SHA256, p.Size = was.Digest, was.Size
	}
	if more.envelope != nil {
		p.Provenance = p.Path + provenance.Suffix
	}
	if more.sums != nil {
		p.Sums = p.Path + artifact.SumsSuffix
	}
	return more.beside(dst)
}

// copy puts one artifact in its place and reads it back: it is what the user
// ships. It returns the artifact's digest and size, which are those in the
// store unless something is added to it.
func (r *run) copy(ctx context.Context, src, dst string, a shipped, more seal) (digest string, size int64, err error) {
	if err := os.MkdirAll(filepath.Dir(dst), 0o755); err != nil {
		return "", 0, err
	}
	digest, size = a.SHA256, a.Size
	finish := r.finishing(ctx, more, a.Path)
	if finish != nil {
		add := finish
		finish = func(path string) error {
			if err := intact(path, a.SHA256); err != nil {
				return err
			}
			if err := add(path); err != nil {
				return err
			}
			digest, size, err = artifact.Digest(path)
			return err
		}
	}
	if err := artifact.Place(ctx, src, dst, finish); err != nil {
		return "", 0, err
	}
	return digest, size, intact(dst, digest)
}

// intact checks that an artifact is what it should be.
func intact(path, want string) error {
	digest, _, err := artifact.Digest(path)
	if err == nil && digest != want {
		err = &fault.Error{
			Summary: "An artifact isn't what was written",
			Detail:  fmt.Sprintf("%s has sha256 %s when it is read back, and should have %s.", path, digest, want),
			Remedy:  "Remove the store and build again; if it comes back, the disk or the memory of this machine is at fault.",
		}
	}
	return err
}

// claim keeps two export blocks from writing the same file.
func (r *run) claim(path string, p placed) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	other, taken := r.artifacts[path]
	if !taken {
		r.artifacts[path] = p
		return nil
	}
	first, second := r.writes(min(p.export, other.export)), r.writes(max(p.export, other.export))
	return &fault.Error{
		Summary: "Two exports write the same artifact",
		Detail:  fmt.Sprintf("This block and the one at %s both write %s.", first, path),
		Remedy:  "Remove one of them, or give them attributes that lead to different names.",
		Range:   &second, Related: &first, Usage: true,
	}
}

// writes returns where the block stands that a placed artifact is from.
func (r *run) writes(export int) fault.Range {
	if c := r.job.Config; export == len(c.Exports) {
		return c.SBOM.Range
	}
	return r.job.Config.Exports[export].Range
}

// results returns the artifacts in the order of the configuration.
func (r *run) results() []event.Artifact {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []placed
	for _, p := range r.artifacts {
		if p.stamp != "" {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b placed) int {
		return cmp.Or(cmp.Compare(a.export, b.export), cmp.Compare(a.target, b.target), cmp.Compare(a.order, b.order))
	})
	artifacts := make([]event.Artifact, len(all))
	for i, p := range all {
		artifacts[i] = p.Artifact
	}
	return artifacts
}
