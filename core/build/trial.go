package build

import (
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/mkmini/mkmini/core/linkage"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// trial is a program of a root file system that is tried out.
type trial struct {
	// what is for people, path where it is in the system.
	what, path string
	args       []string
	// says is what its first line begins with.
	says string
}

var (
	busyboxTrial = trial{what: "busybox", path: "/bin/busybox", says: "BusyBox v"}
	// shellTrial is for systems without busybox.
	shellTrial = trial{what: "shell", path: "/bin/sh", args: []string{"-c", "echo it runs"}, says: "it runs"}
)

// command extracts the program with what it needs into a folder, and returns
// what starts it there: a dynamic one by its own loader, or with the folder as
// the emulator's root. The error is fs.ErrNotExist if there is no such program.
func (t trial) command(layer, dir string, emulator []string) ([]string, error) {
	tree, err := openTree(layer)
	if err != nil {
		return nil, err
	}
	defer tree.Close()
	f, err := tree.Open(t.path)
	if err != nil {
		return nil, err
	}
	program, err := linkage.Read(f)
	isScript := errors.Is(err, linkage.ErrNotELF)
	if err != nil && !isScript {
		return nil, err
	}
	if err := tree.extract(t.path, dir); err != nil {
		return nil, err
	}
	if isScript {
		return append([]string{filepath.Join(dir, t.path)}, t.args...), nil
	}
	needs, err := linkage.Needs(tree, t.path)
	if missing, ok := errors.AsType[*linkage.MissingError](err); err != nil && !ok {
		return nil, err
	} else if ok {
		return nil, missing
	}
	var dirs []string
	for _, need := range needs {
		if err := tree.extract(need.Path, dir); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		if folder := filepath.Join(dir, path.Dir(need.Path)); !slices.Contains(dirs, folder) {
			dirs = append(dirs, folder)
		}
	}
	argv := slices.Clone(emulator)
	switch {
	case program.Interpreter == "":
	case len(emulator) > 0:
		argv = append(argv, "-L", dir)
	default:
		argv = append(argv, filepath.Join(dir, program.Interpreter), "--library-path", strings.Join(dirs, ":"))
	}
	return slices.Concat(argv, []string{filepath.Join(dir, t.path)}, t.args), nil
}

// heard checks what the program said first.
func (t trial) heard(said string) error {
	if !strings.HasPrefix(said, t.says) {
		return fmt.Errorf("did not say %q", t.says)
	}
	return nil
}

// describedRunner says what runs an architecture's executables, by its
// description: for systems that no compiler is looked for.
func describedRunner(info sdk.ToolchainInfo) sdk.Compiler {
	var name unix.Utsname
	if err := unix.Uname(&name); err == nil && slices.Contains(info.HostMachines, unix.ByteSliceToString(name.Machine[:])) {
		return sdk.Compiler{CanRun: true}
	}
	for _, emulator := range info.Emulators {
		if file, err := exec.LookPath(emulator); err == nil {
			return sdk.Compiler{CanRun: true, Emulator: []string{file}}
		}
	}
	return sdk.Compiler{}
}
