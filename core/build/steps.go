package build

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/event"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/plan"
	"github.com/mkmini/mkmini/core/rootfs"
	"github.com/mkmini/mkmini/core/source"
	"github.com/mkmini/mkmini/core/toolchain"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// Names within results.
const (
	treeName  = "tree"      // an unpacked source
	outName   = "out"       // what a plugin wrote
	layerName = "layer.tar" // a root file system
	workName  = "work"      // gone when the result is complete
)

// probe has the compilers examined that aren't known, all at once.
func (r *run) probe(ctx context.Context) error {
	g, gctx := errgroup.WithContext(ctx)
	var errs []error
	for _, t := range r.unknown() {
		g.Go(func() error {
			err := r.probeOne(gctx, t)
			if err == nil {
				return nil
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			if len(errs) == 0 || !errors.Is(err, context.Canceled) {
				errs = append(errs, err)
			}
			if r.KeepGoing {
				return nil
			}
			return err
		})
	}
	_ = g.Wait() // errs has it
	return errors.Join(errs...)
}

// unknown returns the targets whose compiler isn't known, without those that
// nothing is compiled for.
func (r *run) unknown() []config.Target {
	var targets []config.Target
	for _, t := range r.job.Config.Targets {
		if _, ok := r.compilers[t.Arch]; !ok && (r.lending || !t.Busybox.Disabled) {
			targets = append(targets, t)
		}
	}
	return targets
}

func (r *run) probeOne(ctx context.Context, t config.Target) error {
	c := r.course(event.Event{Step: string(plan.Toolchain), Arch: t.Arch})
	c.begin()
	plugin, err := r.Plugins.Toolchain(ctx, t.Toolchain.Plugin)
	if err != nil {
		return c.fail(ctx, err)
	}
	dir, err := os.MkdirTemp(r.Store.Sub("tmp"), "probe-"+t.Arch+".")
	if err != nil {
		return c.fail(ctx, err)
	}
	defer os.RemoveAll(dir)
	p, remarks, err := r.Toolchains.Obtain(ctx, r.toolchainRequest(t), plugin, dir, c.progress)
	if err != nil {
		return c.fail(ctx, r.keepLogs("probe-"+t.Arch, err))
	}
	var warnings sdk.Diagnostics
	for _, remark := range remarks {
		warnings = append(warnings, sdk.Diagnostic{Severity: sdk.Warning, Summary: "Compiler passed over", Detail: remark})
	}
	c.warn(warnings, placeTarget(t))
	r.know(t.Arch, p)
	e := c.e
	e.Kind, e.Elapsed = event.Done, r.Now().Sub(c.start)
	describe(&e, p)
	r.emit(e)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.probed[t.Arch] = true
	return nil
}

// describe tells what a probe found out.
func describe(e *event.Event, p toolchain.Probed) {
	e.Message, e.Facts = p.Compiler.CC+": "+p.Compiler.Version, p.Compiler.Facts
}

// sources is the folder of the store that fetched files are kept in.
const sources = "sources"

// source fetches and unpacks the source of a program.
func (r *run) source(ctx context.Context, s plan.Step, dir string, c *course) (any, error) {
	archive, err := r.fetch(ctx, s, c)
	if err != nil {
		return nil, err
	}
	c.progress("unpack", 0, 0, s.Source.String())
	if err := source.Unpack(ctx, archive, filepath.Join(dir, treeName), source.Limits{}); err != nil {
		return nil, err
	}
	return digested(dir)
}

// fetch gets the file of a source step, and returns its path in the store. The
// caller holds the lock of the step's key.
func (r *run) fetch(ctx context.Context, s plan.Step, c *course) (string, error) {
	blobs := r.Store.Sub(sources)
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		return "", err
	}
	req := source.Request{
		Name: s.Source.String(), SHA256: s.Source.SHA256, File: s.Source.File,
		Debian: s.Source.Debian, URLs: s.Source.URLs,
	}
	return r.Fetcher.Fetch(ctx, req, blobs, func(p source.Progress) {
		c.progress("fetch", int(p.Done), int(p.Total), p.From)
	})
}

// busybox has the plugin compile busybox.
func (r *run) busybox(ctx context.Context, s plan.Step, dir string, c *course) (any, error) {
	t := r.job.Config.Targets[s.Target]
	b := t.Busybox
	plugin, err := r.Plugins.Toolchain(ctx, t.Toolchain.Plugin)
	if err != nil {
		return nil, err
	}
	work, out, err := folders(dir)
	if err != nil {
		return nil, err
	}
	compiler, err := r.compiler(ctx, s, plugin, work)
	if err != nil {
		return nil, err
	}
	result, err := plugin.Build(ctx, sdk.BuildRequest{
		Compiler: compiler, Attributes: t.Toolchain.Attributes,
		Version: b.Version, SourceDir: r.sourceDir(s),
		WorkDir: work, OutDir: out, Config: b.Config, Set: b.Set, Only: b.Only, Without: b.Without,
		Jobs: r.Jobs, Epoch: r.Epoch, Dynamic: b.Dynamic,
	}, c.report)
	if err != nil {
		return nil, diagnosed(t, err)
	}
	if err := bringLibraries(t, result, filepath.Join(out, filepath.FromSlash(result.Tree))); err != nil {
		return nil, err
	}
	c.warn(result.Warnings, placeTarget(t))
	return result, os.RemoveAll(work)
}

// installTree returns the path of busybox's; "" for a system without it.
func (r *run) installTree(s plan.Step, t config.Target) (string, error) {
	if t.Busybox.Disabled {
		return "", nil
	}
	key := r.need(s, plan.Busybox)
	var built sdk.BuildResult
	err := r.Store.Load(key, &built)
	return filepath.Join(r.Store.Path(key), outName, filepath.FromSlash(built.Tree)), err
}

// rootfs assembles the root file system and writes it as one layer.
func (r *run) rootfs(ctx context.Context, s plan.Step, dir string, c *course) (any, error) {
	t := r.job.Config.Targets[s.Target]
	tree, err := r.installTree(s, t)
	if err != nil {
		return nil, err
	}
	temp := filepath.Join(dir, "content")
	if err := os.Mkdir(temp, 0o700); err != nil {
		return nil, fmt.Errorf("make a folder for contents: %w", err)
	}
	records, err := rootfs.Assemble(ctx, rootfs.Input{
		Tree:   tree,
		Preset: t.Preset, Hostname: r.job.Config.Name,
		Entries: t.Rootfs, Unchecked: t.Unchecked, Temp: temp, Folders: &r.folders,
		Machine: r.job.Toolchains[t.Toolchain.Plugin].ELF,
	})
	if err != nil {
		return nil, err
	}
	var l layer
	if l.Digest, l.Size, err = rootfs.WriteLayer(ctx, filepath.Join(dir, layerName), records, r.Epoch); err != nil {
		return nil, err
	}
	names := rootfs.Layers(t.Rootfs)
	if l.Untried, err = r.untried(s, t); err != nil {
		return nil, err
	}
	if len(names) > 1 {
		if l.Layers, err = r.split(ctx, dir, records, names); err != nil {
			return nil, err
		}
		c.warn(copies(records, names), placeEntry(t))
	}
	if err := os.RemoveAll(temp); err != nil {
		return nil, fmt.Errorf("remove contents: %w", err)
	}
	return l, r.unchanged(ctx, t)
}

// split writes the layers of a file system that has several.
func (r *run) split(ctx context.Context, dir string, records iter.Seq[rootfs.Record], names []string) ([]part, error) {
	var parts []part
	for n, list := range rootfs.Split(records) {
		p := part{Name: names[n], File: fmt.Sprintf("layer-%d.tar", n)}
		var err error
		if p.Digest, p.Size, err = rootfs.WriteLayer(ctx, filepath.Join(dir, p.File), list, r.Epoch); err != nil {
			return nil, err
		}
		parts = append(parts, p)
	}
	return parts, nil
}

// copies warns of files that are in several layers, because of hard links.
func copies(records iter.Seq[rootfs.Record], names []string) (ds sdk.Diagnostics) {
	for _, link := range rootfs.Copies(records) {
		ds = append(ds, sdk.Diagnostic{
			Severity: sdk.Warning, Summary: "A file in two layers",
			Detail: fmt.Sprintf("/%s is another name of /%s, which the layer %q has: the layer %q gets a copy, of %d bytes.",
				link.Path, link.Target, names[link.TargetLayer], names[link.Layer], link.Size),
			Remedy: "Move the hardlink into the layer of the file, or make it a symlink.",
			Path:   []string{"rootfs", "/" + link.Path, "/" + link.Target},
		})
	}
	return ds
}

// unchanged looks whether the files of the rootfs blocks are still those that
// the key was made from: a layer must not be kept under another's name.
func (r *run) unchanged(ctx context.Context, t config.Target) error {
	now, err := r.entries(ctx, r.job.Config.Name, t)
	if err != nil {
		return err
	}
	if changes := plan.Changes(r.input.Entries[t.Arch], now); len(changes) > 0 {
		return &fault.Error{
			Summary: "Files changed during the build",
			Detail:  "While the root file system was put together, " + strings.Join(changes, ", ") + ".",
			Remedy:  "Build again when nothing writes to them.",
		}
	}
	return nil
}

// layer is the result of a rootfs step, beside the file.
type layer struct {
	Digest string `json:"digest"`
	Size   int64  `json:"size"`
	// Untried says why the busybox is not to be run without arguments; empty
	// if it says what it is.
	Untried string `json:"untried,omitempty"`
	// Layers are the parts of a file system that is split.
	Layers []part `json:"layers,omitempty"`
}

// part is one layer of several, in a file beside the whole.
type part struct {
	Name   string `json:"name"`
	File   string `json:"file"`
	Digest string `json:"digest"`
	Size   int64  `json:"size"`
}

// folders makes a plugin's two folders.
func folders(dir string) (work, out string, err error) {
	work, out = filepath.Join(dir, workName), filepath.Join(dir, outName)
	return work, out, errors.Join(os.Mkdir(work, 0o755), os.Mkdir(out, 0o755))
}

// needs returns the keys of the steps of one kind that s reads, in order.
func (r *run) needs(s plan.Step, kind plan.Kind) []string {
	var keys []string
	for _, id := range s.Needs {
		if need, ok := r.plan.Step(id); ok && need.Kind == kind {
			keys = append(keys, need.Key)
		}
	}
	return keys
}

// need returns the key of the one step of that kind that s reads.
func (r *run) need(s plan.Step, kind plan.Kind) string { return r.needs(s, kind)[0] }
