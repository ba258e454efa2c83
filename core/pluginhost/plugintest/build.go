// Package plugintest builds plugins outside of mkmini's module for tests.
package plugintest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// module is mkmini's, as plugins require it.
const module = "github.com/mkmini/mkmini"

// Build builds the plugin plugins/examples/SOURCE or testdata/external/SOURCE
// in a temporary folder with a go.mod of its own, as somebody else would, and
// returns the executable's path, which is DIR/NAME. It needs no network: the
// plugin has mkmini's own requirements.
func Build(tb testing.TB, source, dir, name string) string {
	tb.Helper()
	root := filepath.Dir(strings.TrimSpace(run(tb, ".", "go", "env", "GOMOD")))
	work := tb.TempDir()
	from := filepath.Join(root, "plugins", "examples", source)
	if _, err := os.Stat(filepath.Join(from, "go.mod")); err != nil {
		from = filepath.Join(root, "testdata", "external", source)
		borrow(tb, root, work)
	}
	if err := os.CopyFS(work, os.DirFS(from)); err != nil {
		tb.Fatal(err)
	}
	run(tb, work, "go", "mod", "edit", "-require="+module+"@v0.0.0", "-replace="+module+"="+root)
	path := filepath.Join(dir, name)
	run(tb, work, "go", "build", "-mod=mod", "-o", path, ".")
	// Whatever the umask: mkmini refuses what others can write to.
	for _, path := range []string{dir, path} {
		if err := os.Chmod(path, 0o755); err != nil {
			tb.Fatal(err)
		}
	}
	return path
}

// borrow gives a folder mkmini's own requirements, for sources without any.
func borrow(tb testing.TB, root, work string) {
	tb.Helper()
	for _, file := range []string{"go.mod", "go.sum"} {
		b, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(work, file), b, 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	run(tb, work, "go", "mod", "edit", "-module=example.com/plugin")
}

func run(tb testing.TB, dir, name string, args ...string) string {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOPROXY=off", "GOWORK=off")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		tb.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}
