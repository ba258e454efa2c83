// Package standin makes a stand-in for a sw64 compiler, for tests on machines
// that have none. It is Debian's cross compiler for alpha, the architecture
// that sw64's ABI comes from, under the names of a sw64 one; executables get
// sw64's machine number. It proves the flow, the checks and the archives, and
// nothing about code: what it makes runs nowhere.
package standin

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Prefix is what the names of the tools start with.
const Prefix = "sw_64-sunway-linux-gnu-"

// ErrNoAlpha says that the compiler it stands on is not installed.
var ErrNoAlpha = errors.New("no compiler for alpha: apt-get install gcc-alpha-linux-gnu libc6-dev-alpha-cross")

var (
	//go:embed gcc.sh
	compiler string
	//go:embed elftool.sh
	elfTool string
)

// plainTools stay as they are: they see objects only, which stay alpha's.
var plainTools = []string{"as", "ld", "ar", "ranlib"}

// elfTools see executables, and must take them for alpha's.
var elfTools = []string{"nm", "strip", "objcopy", "objdump", "readelf", "size"}

// Install writes the stand-in's tools into a folder. The error is
// [ErrNoAlpha] if alpha's compiler or its static C library is missing.
func Install(dir string) error {
	gcc, err := exec.LookPath("alpha-linux-gnu-gcc")
	if err != nil {
		return ErrNoAlpha
	}
	out, err := exec.Command(gcc, "-print-file-name=libc.a").Output()
	if err != nil || !filepath.IsAbs(strings.TrimSpace(string(out))) {
		return ErrNoAlpha
	}
	real := strings.TrimSuffix(gcc, "gcc")
	scripts := map[string]string{"gcc": compiler}
	for _, tool := range plainTools {
		scripts[tool] = "#!/bin/sh\nexec @REAL@" + tool + " \"$@\"\n"
	}
	for _, tool := range elfTools {
		scripts[tool] = strings.ReplaceAll(elfTool, "@TOOL@", tool)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("install stand-in: %w", err)
	}
	for tool, script := range scripts {
		name := filepath.Join(dir, Prefix+tool)
		if err := os.WriteFile(name, []byte(strings.ReplaceAll(script, "@REAL@", real)), 0o755); err != nil {
			return fmt.Errorf("install stand-in: %w", err)
		}
		if err := os.Chmod(name, 0o755); err != nil { // whatever the umask
			return fmt.Errorf("install stand-in: %w", err)
		}
	}
	return nil
}
