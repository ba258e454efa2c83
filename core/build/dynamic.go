package build

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/linkage"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// bringLibraries puts what a dynamic busybox needs into its install tree, so
// that the result of the step is complete whatever becomes of the compiler.
func bringLibraries(t config.Target, result sdk.BuildResult, tree string) error {
	if !t.Busybox.Dynamic {
		return nil
	}
	problem := &fault.Error{
		Summary: "Libraries of busybox not found", Range: &t.Busybox.Range,
		Remedy: "Leave busybox static, or use a compiler with the libraries that its programs load.",
	}
	program := filepath.Join(tree, "bin", "busybox")
	list, err := linkage.Closure(linkage.Program{
		Path: program, At: "/bin/busybox", Sysroot: cmp.Or(result.Sysroot, tree), Folders: result.Libraries,
	})
	if err != nil {
		problem.Detail, problem.Err = fmt.Sprintf("The dynamic busybox can't be started: %v.", err), err
		return problem
	}
	if len(list) == 0 {
		problem.Summary = "Busybox is static"
		problem.Detail = fmt.Sprintf("The plugin %q made a static busybox, and a dynamic one was asked for.", t.Toolchain.Plugin)
		problem.Remedy = "Leave out static = false, or get a newer release of the plugin."
		return problem
	}
	for _, l := range list {
		if err := copyLibrary(l.Path, filepath.Join(tree, filepath.FromSlash(l.At))); err != nil {
			return fmt.Errorf("bring %s along with busybox: %w", l.At, err)
		}
	}
	return nil
}

// copyLibrary copies a file, which may be executed as loaders are.
func copyLibrary(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Chmod(0o755), out.Close())
}
