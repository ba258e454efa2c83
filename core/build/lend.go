package build

import (
	"context"
	"maps"
	"os"
	"slices"

	"github.com/mkmini/mkmini/core/plan"
	"github.com/mkmini/mkmini/core/toolchain"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// Lend returns a job's compilers, by architecture, for other build systems.
// One whose block asks for another C library uses that, which is built if it
// isn't there.
func (b *Builder) Lend(ctx context.Context, job Job) (map[string]toolchain.Probed, error) {
	r, err := b.lender(ctx, job)
	if err != nil {
		return nil, err
	}
	r.plan = plan.Make(r.input)
	lent := maps.Clone(r.compilers)
	for _, s := range r.plan.Steps {
		if s.Kind != plan.Libc {
			continue
		}
		p := lent[s.Arch]
		if p.Compiler, err = r.lend(ctx, s); err != nil {
			return nil, err
		}
		lent[s.Arch] = p
	}
	return lent, nil
}

// lend builds the C library of a step, and returns a compiler that uses it.
func (r *run) lend(ctx context.Context, s plan.Step) (sdk.Compiler, error) {
	for _, one := range r.plan.Steps {
		if one.ID != s.ID && !(one.Kind == plan.Source && slices.Contains(s.Needs, one.ID) && !r.Store.Has(s.Key)) {
			continue
		}
		if err := r.step(ctx, one, true); err != nil {
			return sdk.Compiler{}, err
		}
	}
	t := r.job.Config.Targets[s.Target]
	plugin, err := r.Plugins.Toolchain(ctx, t.Toolchain.Plugin)
	if err != nil {
		return sdk.Compiler{}, err
	}
	work, err := os.MkdirTemp(r.Store.Sub("tmp"), "lend-"+s.Arch+".")
	if err != nil {
		return sdk.Compiler{}, err
	}
	defer os.RemoveAll(work)
	c, err := r.withLibc(ctx, t, s.Key, plugin, work)
	if err != nil {
		return sdk.Compiler{}, err
	}
	return toolchain.Lend(ctx, r.Store, c, t.Toolchain.Libc)
}
