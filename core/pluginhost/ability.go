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
func (f *Found) can(ability string) bool {
	return slices.Contains(f.Manifest.Abilities, ability)
}

// Patches implements sdk.Patcher.
func (t *toolchain) Patches(ctx context.Context, req sdk.PatchesRequest) (result sdk.PatchesResult, err error) {
	if !(*client)(t).plugin().can(sdk.AbilityPatches) {
		return result, nil
	}
	err = t.call(ctx, "patches", []string{req.OutDir}, nil, func(ctx context.Context, plugin sdk.Toolchain, _ sdk.Progress) (err error) {
		if patcher, ok := plugin.(sdk.Patcher); ok {
			result, err = patcher.Patches(ctx, req)
		}
		return err
	})
	if err != nil {
		return sdk.PatchesResult{}, err
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
func (t *toolchain) Emulator(ctx context.Context, req sdk.EmulatorRequest) (result sdk.EmulatorResult, err error) {
	if !(*client)(t).plugin().can(sdk.AbilityEmulator) {
		return result, nil
	}
	err = t.call(ctx, "emulator", nil, nil, func(ctx context.Context, plugin sdk.Toolchain, _ sdk.Progress) (err error) {
		if finder, ok := plugin.(sdk.EmulatorFinder); ok {
			result, err = finder.Emulator(ctx, req)
		}
		return err
	})
	if err != nil {
		return sdk.EmulatorResult{}, err
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
	f := (*client)(t).plugin()
	boot := f.Manifest.Toolchain.Boot
	if !f.can(sdk.AbilityBoot) {
		return boot, nil
	}
	err := t.call(ctx, "boot", nil, nil, func(ctx context.Context, plugin sdk.Toolchain, _ sdk.Progress) (err error) {
		if booter, ok := plugin.(sdk.Booter); ok {
			boot, err = booter.Boot(ctx, req)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if boot != nil && (boot.System == "" || boot.Console == "") {
		return nil, t.answer("boot", errors.New("it names no system or no console"))
	}
	return boot, nil
}

// Validate implements sdk.Validator.
func (t *toolchain) Validate(ctx context.Context, req sdk.ValidateRequest) error {
	if !(*client)(t).plugin().can(sdk.AbilityValidate) {
		return nil
	}
	return t.call(ctx, "validate", nil, nil, func(ctx context.Context, plugin sdk.Toolchain, _ sdk.Progress) error {
		return validate(ctx, plugin, req)
	})
}

// Validate implements sdk.Validator.
func (e *exporter) Validate(ctx context.Context, req sdk.ValidateRequest) error {
	if !(*client)(e).plugin().can(sdk.AbilityValidate) {
		return nil
	}
	return e.call(ctx, "validate", nil, nil, func(ctx context.Context, plugin sdk.Exporter, _ sdk.Progress) error {
		return validate(ctx, plugin, req)
	})
}

func validate(ctx context.Context, part any, req sdk.ValidateRequest) error {
	if validator, ok := part.(sdk.Validator); ok {
		return validator.Validate(ctx, req)
	}
	return nil
}
