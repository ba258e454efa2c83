package build

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/core/artifact"
	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/plan"
	"github.com/mkmini/mkmini/core/rootfs"
)

// input returns all that the plan depends on, but for the compilers.
func (b *Builder) input(ctx context.Context, job Job) (plan.Input, error) {
	in := plan.Input{
		Config: job.Config, Mkmini: b.Mkmini, Plugins: job.Plugins, Epoch: b.Epoch,
		Compilers: map[string]string{}, Libraries: map[string]string{}, Origins: map[string]string{}, Runners: map[string]string{}, Configs: map[string]string{}, Entries: map[string][]plan.Part{},
	}
	for _, t := range job.Config.Targets {
		if c := t.Busybox.Config; c != "defconfig" && in.Configs[c] == "" {
			digest, _, err := artifact.Digest(c)
			if err != nil {
				return plan.Input{}, fmt.Errorf("read the busybox configuration: %w", err)
			}
			in.Configs[c] = digest
		}
		b.settle(job, t)
		parts, err := b.entries(ctx, job.Config.Name, t)
		if err != nil {
			return plan.Input{}, err
		}
		in.Entries[t.Arch] = parts
	}
	return in, nil
}

// settle tells the host blocks of a target what they don't know: what the
// image is for, and which folders mkmini itself writes to.
func (b *Builder) settle(job Job, t config.Target) {
	for _, e := range t.Rootfs {
		if e.Installed == nil {
			continue
		}
		e.Installed.Machine = job.Toolchains[t.Toolchain.Plugin].ELF
		e.Installed.Skip = nil
		for _, dir := range []string{b.Store.Sub(""), job.Out} {
			if real, err := filepath.EvalSymlinks(dir); err == nil {
				e.Installed.Skip = append(e.Installed.Skip, real)
			}
		}
	}
}

// examine looks into the archives that overlays come from before busybox is
// compiled for a system that they don't fit in. Where nothing is compiled, the
// system is put together at once and says the same.
func (r *run) examine(ctx context.Context) error {
	wanted := r.wanted()
	for i, t := range r.job.Config.Targets {
		compiled := slices.ContainsFunc(r.plan.Steps, func(s plan.Step) bool {
			return s.Kind == plan.Busybox && s.Target == i && wanted[s.ID] && !r.cached(s)
		})
		if !compiled {
			continue
		}
		if err := rootfs.Examine(ctx, t.Rootfs); err != nil {
			return err
		}
	}
	return nil
}

// entries digests the layout of a target in a system of that name, the rootfs entries of a target and the files they name.
func (b *Builder) entries(ctx context.Context, name string, t config.Target) ([]plan.Part, error) {
	digests, err := b.folders.Digest(ctx, t.Rootfs)
	if err != nil {
		return nil, err
	}
	var parts []plan.Part
	for _, d := range digests {
		parts = append(parts, plan.Part{Name: d.Name, Value: d.Digest})
	}
	if t.Preset != "" {
		parts = append(parts, plan.Part{Name: "preset", Value: t.Preset}, plan.Part{Name: "hostname", Value: name})
	}
	if len(t.Unchecked) > 0 {
		parts = append(parts, plan.Part{Name: "unchecked", Value: strings.Join(t.Unchecked, " ")})
	}
	return parts, nil
}
