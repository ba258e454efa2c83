package build

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/plan"
	"github.com/mkmini/mkmini/core/source/patch"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// patched is the result of a patch step, beside the tree.
type patched struct {
	unpacked
	Patches []string `json:"patches"`
}

// patch makes a copy of a source with the patches of a toolchain plugin.
func (r *run) patch(ctx context.Context, s plan.Step, dir string, report *course) (any, error) {
	t := r.job.Config.Targets[s.Target]
	plugin, err := r.Plugins.Toolchain(ctx, t.Toolchain.Plugin)
	if err != nil {
		return nil, err
	}
	patcher, ok := plugin.(sdk.Patcher)
	if !ok {
		return nil, fmt.Errorf("plugin %s has no patches, and says that it has", t.Toolchain.Plugin)
	}
	work, out, err := folders(dir)
	if err != nil {
		return nil, err
	}
	result, err := patcher.Patches(ctx, sdk.PatchesRequest{
		Attributes: t.Toolchain.Attributes, Name: s.Source.Name, Version: s.Source.Version, OutDir: out,
	})
	if err != nil {
		return nil, fromPlugin(err, t.Toolchain.Range, placeTarget(t))
	}
	tree := filepath.Join(dir, treeName)
	if err := patch.Copy(ctx, filepath.Join(r.Store.Path(r.need(s, plan.Source)), treeName), tree); err != nil {
		return nil, err
	}
	for i, name := range result.Files {
		if err := applyPatch(out, name, tree); err != nil {
			return nil, &fault.Error{
				Summary: "A patch does not apply",
				Detail: fmt.Sprintf("The plugin %q has the patch %s for %s, which can't be applied: %v.",
					t.Toolchain.Plugin, name, s.Source, err),
				Remedy: fmt.Sprintf("Use a version of %s that the plugin has patches for, or report this to whoever makes the plugin.", s.Source.Name),
				Range:  &t.Toolchain.Range, Err: err,
			}
		}
		report.progress("patch", i+1, len(result.Files), name)
	}
	if err := os.RemoveAll(work); err != nil {
		return nil, err
	}
	noted, err := digested(dir)
	return patched{unpacked: noted, Patches: result.Files}, err
}

// maxPatch is the largest patch in bytes.
const maxPatch = 16 << 20

func applyPatch(dir, name, tree string) error {
	f, err := os.OpenInRoot(dir, filepath.FromSlash(name))
	if err != nil {
		return err
	}
	defer f.Close()
	diff, err := io.ReadAll(io.LimitReader(f, maxPatch+1))
	if err != nil {
		return err
	}
	if len(diff) > maxPatch {
		return fmt.Errorf("it is larger than %d MiB", maxPatch>>20)
	}
	_, err = patch.Apply(tree, diff)
	return err
}

// boot returns how QEMU starts a target's system: as the plugin says for the
// block's attributes, or as its description does.
func (r *run) boot(ctx context.Context, t config.Target, info sdk.ToolchainInfo) (*sdk.Boot, error) {
	if !r.job.Plugins[t.Toolchain.Plugin].Can(sdk.AbilityBoot) {
		return info.Boot, nil
	}
	plugin, err := r.Plugins.Toolchain(ctx, t.Toolchain.Plugin)
	if err != nil {
		return nil, err
	}
	booter, ok := plugin.(sdk.Booter)
	if !ok {
		return info.Boot, nil
	}
	boot, err := booter.Boot(ctx, sdk.BootRequest{Attributes: t.Toolchain.Attributes})
	if err != nil {
		return nil, fromPlugin(err, t.Toolchain.Range, placeTarget(t))
	}
	return boot, nil
}
