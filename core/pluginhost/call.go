package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// toolchain calls a plugin, explains failures and checks results.
type toolchain client

var _ sdk.Toolchain = (*toolchain)(nil)

func (t *toolchain) call(ctx context.Context, name string, folders []string, progress sdk.Progress, do func(context.Context, sdk.Toolchain, sdk.Progress) error) error {
	return (*client)(t).call(ctx, name, folders, progress, func(ctx context.Context, p *process, progress sdk.Progress) error {
		return do(ctx, p.toolchain, progress)
	})
}

func (t *toolchain) answer(call string, problem error) error {
	return (*client)(t).plugin().answer(call, problem)
}

// Describe implements sdk.Toolchain.
func (t *toolchain) Describe(ctx context.Context) (info sdk.ToolchainInfo, err error) {
	err = t.call(ctx, "describe", nil, nil, func(ctx context.Context, plugin sdk.Toolchain, _ sdk.Progress) (err error) {
		info, err = plugin.Describe(ctx)
		return err
	})
	return info, err
}

// Probe implements sdk.Toolchain.
func (t *toolchain) Probe(ctx context.Context, req sdk.ProbeRequest) (compiler sdk.Compiler, err error) {
	err = t.call(ctx, "probe", []string{req.WorkDir}, nil, func(ctx context.Context, plugin sdk.Toolchain, _ sdk.Progress) (err error) {
		compiler, err = plugin.Probe(ctx, req)
		return err
	})
	if err != nil {
		return compiler, err
	}
	return compiler, t.answer("probe", checkCompiler(compiler))
}

// Build implements sdk.Toolchain.
func (t *toolchain) Build(ctx context.Context, req sdk.BuildRequest, progress sdk.Progress) (result sdk.BuildResult, err error) {
	folders := []string{req.WorkDir, req.OutDir}
	err = t.call(ctx, "build", folders, progress, func(ctx context.Context, plugin sdk.Toolchain, progress sdk.Progress) (err error) {
		result, err = plugin.Build(ctx, req, progress)
		return err
	})
	if err != nil {
		return result, err
	}
	return result, t.answer("build", checkBuild(req.OutDir, result))
}

var _ sdk.LibcBuilder = (*toolchain)(nil)

// BuildLibc implements sdk.LibcBuilder, for plugins that do.
func (t *toolchain) BuildLibc(ctx context.Context, req sdk.LibcRequest, progress sdk.Progress) (result sdk.LibcResult, err error) {
	folders := []string{req.WorkDir, req.OutDir}
	able := true
	err = t.call(ctx, "build libc", folders, progress, func(ctx context.Context, plugin sdk.Toolchain, progress sdk.Progress) (err error) {
		var builder sdk.LibcBuilder
		if builder, able = plugin.(sdk.LibcBuilder); !able {
			return nil
		}
		result, err = builder.BuildLibc(ctx, req, progress)
		return err
	})
	switch {
	case err != nil:
		return result, err
	case !able:
		return result, t.answer("build libc", errors.New("it has no such call"))
	}
	return result, t.answer("build libc", checkLibc(req.OutDir, result))
}

// exporter calls a plugin, explains failures and checks results.
type exporter client

var _ sdk.Exporter = (*exporter)(nil)

func (e *exporter) call(ctx context.Context, name string, folders []string, progress sdk.Progress, do func(context.Context, sdk.Exporter, sdk.Progress) error) error {
	return (*client)(e).call(ctx, name, folders, progress, func(ctx context.Context, p *process, progress sdk.Progress) error {
		return do(ctx, p.exporter, progress)
	})
}

// Describe implements sdk.Exporter.
func (e *exporter) Describe(ctx context.Context) (info sdk.ExporterInfo, err error) {
	err = e.call(ctx, "describe", nil, nil, func(ctx context.Context, plugin sdk.Exporter, _ sdk.Progress) (err error) {
		info, err = plugin.Describe(ctx)
		return err
	})
	return info, err
}

// Export implements sdk.Exporter.
func (e *exporter) Export(ctx context.Context, req sdk.ExportRequest, progress sdk.Progress) (result sdk.ExportResult, err error) {
	folders := []string{req.WorkDir, req.OutDir}
	err = e.call(ctx, "export", folders, progress, func(ctx context.Context, plugin sdk.Exporter, progress sdk.Progress) (err error) {
		result, err = plugin.Export(ctx, req, progress)
		return err
	})
	if err != nil {
		return result, err
	}
	return result, (*client)(e).plugin().answer("export", checkExport(req, result))
}

// answer reports a call that succeeded with a result that can't be true.
func (f *Found) answer(call string, problem error) error {
	if problem == nil {
		return nil
	}
	return f.fail("gave a wrong answer",
		fmt.Sprintf("%s says that the call %q succeeded, but %v.", f.where(), call, problem),
		"Report this to whoever makes the plugin.", problem)
}

func checkCompiler(c sdk.Compiler) error {
	if !filepath.IsAbs(c.CC) {
		return fmt.Errorf("the compiler %q is no absolute path", c.CC)
	}
	if len(c.Files) == 0 {
		return fmt.Errorf("it names no files of the compiler")
	}
	for _, file := range slices.Concat(c.Files, c.Shared) {
		if !filepath.IsAbs(file) {
			return fmt.Errorf("the compiler's file %q is no absolute path", file)
		}
	}
	return checkFacts(c.Facts)
}

func checkFacts(facts []sdk.Fact) error {
	for _, fact := range facts {
		switch fact.Status {
		case sdk.OK, sdk.Warn, sdk.Fail, sdk.Skipped:
		default:
			return fmt.Errorf("the fact %q has the status %q", fact.Name, fact.Status)
		}
	}
	return nil
}

func checkBuild(outDir string, r sdk.BuildResult) error {
	root, err := os.OpenRoot(outDir)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := checkOutput(root, r.Tree, fs.ModeDir); err != nil {
		return err
	}
	if err := checkOutput(root, r.Config, 0); err != nil {
		return err
	}
	if r.Log != "" {
		if err := checkOutput(root, r.Log, 0); err != nil {
			return err
		}
	}
	return checkFacts(r.Facts)
}

func checkLibc(outDir string, r sdk.LibcResult) error {
	root, err := os.OpenRoot(outDir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, dir := range []string{r.Dir, path.Join(r.Dir, "include"), path.Join(r.Dir, "lib")} {
		if err := checkOutput(root, dir, fs.ModeDir); err != nil {
			return err
		}
	}
	if r.Loader != "" {
		if err := checkOutput(root, path.Join(r.Dir, r.Loader), 0); err != nil {
			return err
		}
	}
	if r.Log != "" {
		if err := checkOutput(root, r.Log, 0); err != nil {
			return err
		}
	}
	return checkFacts(r.Facts)
}

func checkExport(req sdk.ExportRequest, r sdk.ExportResult) error {
	if len(r.Artifacts) == 0 {
		return fmt.Errorf("it names no artifact")
	}
	root, err := os.OpenRoot(req.OutDir)
	if err != nil {
		return err
	}
	defer root.Close()
	seen := map[string]bool{}
	for _, a := range r.Artifacts {
		if err := checkOutput(root, a.Path, fs.ModeDir, 0); err != nil {
			return err
		}
		if seen[a.Path] {
			return fmt.Errorf("the artifact %q is there twice", a.Path)
		}
		seen[a.Path] = true
		if a.Format == "" {
			return fmt.Errorf("the artifact %q has no format", a.Path)
		}
		known := slices.ContainsFunc(req.Images, func(i sdk.Image) bool { return i.Arch == a.Arch })
		if a.Arch != "" && !known {
			return fmt.Errorf("the artifact %q is for %q, which nobody asked for", a.Path, a.Arch)
		}
	}
	return nil
}

// checkOutput checks that a path is relative and clean, and leads to a file
// of one of the types without leaving the folder.
func checkOutput(root *os.Root, name string, types ...fs.FileMode) error {
	if name == "." || !filepath.IsLocal(name) || path.Clean(name) != name {
		return fmt.Errorf("the path %q is not a clean path below the output folder", name)
	}
	info, err := root.Stat(name)
	if err != nil {
		return fmt.Errorf("%q can't be read: %w", name, err)
	}
	if !slices.Contains(types, info.Mode().Type()) {
		return fmt.Errorf("%q is no file of the right type", name)
	}
	return nil
}
