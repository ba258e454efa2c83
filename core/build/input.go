package build

import (
	"context"
	"fmt"

	"github.com/mkmini/mkmini/core/artifact"
	"github.com/mkmini/mkmini/core/plan"
	"github.com/mkmini/mkmini/core/rootfs"
)

// input returns all that the plan depends on, but for the compilers.
func (b *Builder) input(ctx context.Context, job Job) (plan.Input, error) {
	in := plan.Input{
		Config: job.Config, Mkmini: b.Mkmini, Plugins: job.Plugins, Epoch: b.Epoch,
		Compilers: map[string]string{}, Runners: map[string]string{}, Configs: map[string]string{}, Entries: map[string][]plan.Part{},
	}
	for _, t := range job.Config.Targets {
		if c := t.Busybox.Config; c != "defconfig" && in.Configs[c] == "" {
			digest, _, err := artifact.Digest(c)
			if err != nil {
				return plan.Input{}, fmt.Errorf("read the busybox configuration: %w", err)
			}
			in.Configs[c] = digest
		}
		parts, err := rootfs.Digest(ctx, t.Rootfs)
		if err != nil {
			return plan.Input{}, err
		}
		for _, p := range parts {
			in.Entries[t.Arch] = append(in.Entries[t.Arch], plan.Part{Name: p.Name, Value: p.Digest})
		}
	}
	return in, nil
}
