package build

import (
	"context"

	"github.com/mkmini/mkmini/core/event"
	"github.com/mkmini/mkmini/core/plan"
	"github.com/mkmini/mkmini/core/toolchain"
)

// Preview is what a build would do.
type Preview struct {
	Steps []event.Step
	// Compilers holds the compilers that are known, by architecture.
	Compilers map[string]toolchain.Probed
}

// Preview returns what Build would do, without doing any of it.
func (b *Builder) Preview(ctx context.Context, job Job) (Preview, error) {
	r, err := b.start(ctx, job)
	if err != nil {
		return Preview{}, err
	}
	if b.Settled != nil {
		if err := b.Settled(r.compilers); err != nil {
			return Preview{}, err
		}
	}
	r.plan = plan.Make(r.input)
	if err := r.examine(ctx); err != nil {
		return Preview{}, err
	}
	return Preview{Steps: r.rows(), Compilers: r.compilers}, nil
}

// rows returns the plan for people.
func (r *run) rows() []event.Step {
	var rows []event.Step
	wanted := r.wanted()
	for _, s := range r.plan.Steps {
		row := event.Step{
			Number: len(rows) + 1, Step: s.Title(r.job.Config), Arch: s.Arch, Key: s.Hash(), State: event.StateCached,
		}
		switch {
		case r.cached(s):
		case s.Key == "" && s.Kind == plan.Toolchain:
			row.State, row.Why = event.StateRun, r.history.whyProbe(s)
		case s.Key == "":
			row.State, row.Why = event.StateRun, "it depends on the compiler"
		case !wanted[s.ID]:
			row.Why = "nothing needs it"
		default:
			row.State, row.Why = event.StateRun, r.history.why(s)
		}
		rows = append(rows, row)
	}
	return rows
}
