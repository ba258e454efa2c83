package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// Every toolchain of a host has all abilities; those that its plugin lacks
// answer with nothing, so that callers need not ask first.
var (
	_ sdk.Patcher        = (*toolchain)(nil)
	_ sdk.EmulatorFinder = (*toolchain)(nil)
	_ sdk.Booter         = (*toolchain)(nil)
	_ sdk.Validator      = (*toolchain)(nil)
	_ sdk.Validator      = (*exporter)(nil)
)

// can says whether the plugin has an ability.
func (p *process) can(ability string) bool {
	return slices.Contains(p.found.Manifest.Abilities, ability)
}

// Patches implements sdk.Patcher.
func (t *toolchain) Patches(ctx context.Context, req sdk.PatchesRequest) (sdk.PatchesResult, error) {
	patcher, ok := t.process.toolchain.(sdk.Patcher)
	if !ok || !t.can(sdk.AbilityPatches) {
		return sdk.PatchesResult{}, nil
	}
	result, err := patcher.Patches(ctx, req)
	if err != nil {
		return sdk.PatchesResult{}, t.explain(ctx, "patches", err)
	}
	return result, t.answer("patches", checkPatches(req.OutDir, result))
}

func checkPatches(outDir string, r sdk.PatchesResult) error {
	root, err := os.OpenRoot(outDir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, name := range r.Files {
		if err := checkOutput(root, name, fs.FileMode(0)); err != nil {
			return err
		}
	}
	return nil
}

// Emulator implements sdk.EmulatorFinder.
func (t *toolchain) Emulator(ctx context.Context, req sdk.EmulatorRequest) (sdk.EmulatorResult, error) {
	finder, ok := t.process.toolchain.(sdk.EmulatorFinder)
	if !ok || !t.can(sdk.AbilityEmulator) {
		return sdk.EmulatorResult{}, nil
	}
	result, err := finder.Emulator(ctx, req)
	if err != nil {
		return sdk.EmulatorResult{}, t.explain(ctx, "emulator", err)
	}
	return result, t.answer("emulator", checkEmulator(result))
}

func checkEmulator(r sdk.EmulatorResult) error {
	if len(r.Command) > 0 {
		info, err := os.Stat(r.Command[0])
		switch {
		case !filepath.IsAbs(r.Command[0]):
			return fmt.Errorf("the emulator %q is no absolute path", r.Command[0])
		case err != nil:
			return fmt.Errorf("the emulator can't be run: %w", err)
		case !info.Mode().IsRegular() || info.Mode()&0o111 == 0:
			return fmt.Errorf("the emulator %q is not executable", r.Command[0])
		}
	}
	for _, file := range r.Files {
		if !filepath.IsAbs(file) {
			return fmt.Errorf("the emulator's file %q is no absolute path", file)
		}
	}
	return nil
}

// Boot implements sdk.Booter. Without the ability it returns what the
// description says.
func (t *toolchain) Boot(ctx context.Context, req sdk.BootRequest) (*sdk.Boot, error) {
	booter, ok := t.process.toolchain.(sdk.Booter)
	if !ok || !t.can(sdk.AbilityBoot) {
		return t.found.Manifest.Toolchain.Boot, nil
	}
	boot, err := booter.Boot(ctx, req)
	if err != nil {
		return nil, t.explain(ctx, "boot", err)
	}
	if boot != nil && (boot.System == "" || boot.Console == "") {
		return nil, t.answer("boot", errors.New("it names no system or no console"))
	}
	return boot, nil
}

// Validate implements sdk.Validator.
func (t *toolchain) Validate(ctx context.Context, req sdk.ValidateRequest) error {
	return t.validate(ctx, t.process.toolchain, req)
}

// Validate implements sdk.Validator.
func (e *exporter) Validate(ctx context.Context, req sdk.ValidateRequest) error {
	return e.validate(ctx, e.process.exporter, req)
}

func (p *process) validate(ctx context.Context, part any, req sdk.ValidateRequest) error {
	validator, ok := part.(sdk.Validator)
	if !ok || !p.can(sdk.AbilityValidate) {
		return nil
	}
	return p.explain(ctx, "validate", validator.Validate(ctx, req))
}
