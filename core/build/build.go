// Package build runs a plan: it does the steps whose results aren't in the
// store yet, several at once, and puts the artifacts where they are wanted.
package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/event"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/plan"
	"github.com/mkmini/mkmini/core/provenance"
	"github.com/mkmini/mkmini/core/rootfs"
	"github.com/mkmini/mkmini/core/source"
	"github.com/mkmini/mkmini/core/store"
	"github.com/mkmini/mkmini/core/toolchain"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// Plugins starts plugins when a step calls for one.
type Plugins interface {
	Toolchain(ctx context.Context, name string) (sdk.Toolchain, error)
	Exporter(ctx context.Context, name string) (sdk.Exporter, error)
}

// Fetcher gets a file by its hash.
type Fetcher interface {
	Fetch(ctx context.Context, req source.Request, dir string, progress func(source.Progress)) (string, error)
}

// Builder builds systems.
type Builder struct {
	Store      *store.Store
	Plugins    Plugins
	Fetcher    Fetcher
	Toolchains *toolchain.Manager
	Events     event.Sink
	// Mkmini is the "sha256:…" of mkmini itself.
	Mkmini string
	// Version is mkmini's, which documents name.
	Version string
	// Jobs is how many compiles may run at once.
	Jobs int
	// KeepGoing lets the other architectures go on when one fails.
	KeepGoing bool
	// Epoch is the time that goes into whatever carries one.
	Epoch time.Time
	// Now tells the time.
	Now func() time.Time
	// Settled is called once the compilers are known, by architecture, and
	// before anything is made with them; its error ends the build. It may be
	// nil.
	Settled func(compilers map[string]toolchain.Probed) error
	// Provenance makes the envelope with the provenance of an artifact, which
	// is written beside it and into image layouts. The same facts have to give
	// the same envelope; nil for no provenance.
	Provenance func(ctx context.Context, facts provenance.Facts) ([]byte, error)

	// folders remembers what overlays hold.
	folders rootfs.Folders
}

// Job is one system to build.
type Job struct {
	Config *config.Config
	// Plugins holds what is known of each plugin that Config names.
	Plugins map[string]plan.Plugin
	// Toolchains holds the descriptions of the toolchain plugins, by name.
	Toolchains map[string]sdk.ToolchainInfo
	// Out is the absolute path of the folder for the artifacts, and Shown
	// the way the user wrote it, for what the user is told.
	Out, Shown string
}

// run is one build on its way.
type run struct {
	*Builder
	job     Job
	input   plan.Input
	plan    plan.Plan
	history history
	owners  map[string]owners // by architecture
	missing error             // tools that exports can't do without
	slots   chan struct{}     // one for each busybox that may be compiled at once
	ends    []plan.Kind       // the steps whose results have to be there

	// lending says that the compilers are wanted for themselves.
	lending bool

	mu        sync.Mutex
	compilers map[string]toolchain.Probed // by architecture
	probed    map[string]bool             // by architecture: during this build
	artifacts map[string]placed           // by path relative to Out
}

// Build builds job and returns its artifacts in the order of the
// configuration, also those of a build that failed for other architectures.
// Errors of several steps are joined.
func (b *Builder) Build(ctx context.Context, job Job) ([]event.Artifact, error) {
	if err := writable(job.Out); err != nil {
		return nil, err
	}
	// A folder that was read for the plan isn't read again for the layer.
	defer b.folders.Hold(b.Store.Sub("tmp"))()
	r, err := b.start(ctx, job)
	if err != nil {
		return nil, err
	}
	if r.missing != nil {
		return nil, r.missing
	}
	r.distrust()
	if err := r.intact(ctx); err != nil {
		return nil, err
	}
	if err := r.examine(ctx); err != nil {
		return nil, err
	}
	r.emit(event.Event{Kind: event.Plan, Steps: r.rows()})
	probeErr := r.probe(ctx)
	if probeErr != nil && (!b.KeepGoing || ctx.Err() != nil) {
		return nil, probeErr
	}
	if b.Settled != nil {
		if err := b.Settled(r.compilers); err != nil {
			return nil, errors.Join(probeErr, err)
		}
	}
	r.plan = plan.Make(r.input)
	err = r.execute(ctx)
	return r.results(), errors.Join(probeErr, err, r.history.save(r.artifacts, r.folders.Known()))
}

// start collects what the plan depends on.
func (b *Builder) start(ctx context.Context, job Job) (*run, error) {
	r := &run{
		Builder: b, job: job, slots: make(chan struct{}, min(2, b.Jobs)), ends: []plan.Kind{plan.Export, plan.SBOM, plan.Check},
		compilers: map[string]toolchain.Probed{}, probed: map[string]bool{}, artifacts: map[string]placed{},
	}
	r.history = b.history(job)
	b.folders.Remember(r.history.data.Folders)
	var err error
	if r.input, err = b.input(ctx, job); err != nil {
		return nil, err
	}
	if err := r.findOwners(ctx); err != nil {
		return nil, err
	}
	if r.input.Tools, r.missing, err = tools(job); err != nil {
		return nil, err
	}
	for _, t := range job.Config.Targets {
		if t.Busybox.Disabled {
			r.input.Runners[t.Arch] = runner(describedRunner(job.Toolchains[t.Toolchain.Plugin]))
			continue
		}
		if p, ok := b.Toolchains.Known(r.toolchainRequest(t)); ok {
			r.know(t.Arch, p)
		}
	}
	return r, nil
}

func (r *run) toolchainRequest(t config.Target) toolchain.Request {
	return toolchain.Request{
		Toolchain: t.Toolchain,
		Info:      r.job.Toolchains[t.Toolchain.Plugin],
		Plugin:    r.job.Plugins[t.Toolchain.Plugin].Digest,
	}
}

// know notes the compiler of an architecture.
func (r *run) know(arch string, p toolchain.Probed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.compilers[arch] = p
	r.input.Compilers[arch] = p.Fingerprint
	r.input.Libraries[arch] = p.Shared
	r.input.Runners[arch] = runner(p.Compiler)
	r.input.Origins[arch] = origin(p)
}

// writable makes the output folder and tries to write there: better to fail
// now than after the compile.
func writable(dir string) error {
	err := os.MkdirAll(dir, 0o755)
	if err == nil {
		var probe string
		if probe, err = os.MkdirTemp(dir, ".mkmini-*"); err == nil {
			err = os.Remove(probe)
		}
	}
	if err == nil {
		return nil
	}
	return &fault.Error{
		Step: "output", Summary: "The output folder can't be written",
		Detail: fmt.Sprintf("mkmini puts its artifacts into %s, and %s.", dir, cause(err)),
		Remedy: "Give another folder with --out DIR, or make this one writable.",
		Err:    err,
	}
}

// emit sends an event with the time.
func (b *Builder) emit(e event.Event) {
	e.Time = b.Now()
	b.Events.Event(e)
}
