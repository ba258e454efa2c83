package build

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/plan"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// checked is the result of a check.
type checked struct {
	// Ran says whether the busybox was run, and Said what it said; else Why
	// is the reason in one sentence.
	Ran  bool   `json:"ran"`
	Said string `json:"said,omitempty"`
	Why  string `json:"why,omitempty"`
}

// runner describes what runs a compiler's executables here.
func runner(c sdk.Compiler) string {
	switch {
	case !c.CanRun:
		return "nothing"
	case len(c.Emulator) == 0:
		return "this machine"
	default:
		return strings.Join(c.Emulator, " ")
	}
}

// untried says why the busybox of a system can't be tried out; empty if it can.
// One with a single applet is that applet however it is called, and that may be
// reboot.
func (r *run) untried(s plan.Step, t config.Target) (string, error) {
	if t.Busybox.Disabled {
		return "", nil
	}
	key := r.need(s, plan.Busybox)
	var built sdk.BuildResult
	if err := r.Store.Load(key, &built); err != nil {
		return "", err
	}
	if len(built.Applets) == 1 {
		return fmt.Sprintf("the only applet of its busybox is %s, which it always runs", built.Applets[0]), nil
	}
	final, err := os.ReadFile(filepath.Join(r.Store.Path(key), outName, filepath.FromSlash(built.Config)))
	if err == nil && bytes.Contains(final, []byte("\n# CONFIG_BUSYBOX is not set\n")) {
		return "its busybox has CONFIG_BUSYBOX off, and does not say what it is", nil
	}
	return "", nil
}

// check runs the busybox of the layer, or its shell if it is to have no
// busybox, where something here can.
func (r *run) check(ctx context.Context, s plan.Step, dir string, _ *course) (any, error) {
	t := r.job.Config.Targets[s.Target]
	c, one := r.compilers[t.Arch].Compiler, busyboxTrial
	if t.Busybox.Disabled {
		c, one = describedRunner(r.job.Toolchains[t.Toolchain.Plugin]), shellTrial
	}
	if !c.CanRun {
		why := fmt.Sprintf("nothing on this machine runs %s executables", t.Arch)
		return checked{Why: why}, nil
	}
	key := r.need(s, plan.Rootfs)
	var l layer
	if err := r.Store.Load(key, &l); err != nil {
		return nil, err
	}
	if l.Untried != "" {
		return checked{Why: l.Untried}, nil
	}
	work := filepath.Join(dir, workName)
	if err := os.Mkdir(work, 0o755); err != nil {
		return nil, err
	}
	argv, err := one.command(filepath.Join(r.Store.Path(key), layerName), work, c.Emulator)
	if errors.Is(err, fs.ErrNotExist) {
		return checked{Why: "the root file system has no " + strings.TrimPrefix(one.path, "/")}, os.RemoveAll(work)
	}
	if err != nil {
		return nil, err
	}
	said, err := one.try(ctx, argv)
	if err != nil {
		f := &fault.Error{
			Summary: "The busybox that was built doesn't run",
			Detail:  fmt.Sprintf("It was started by %s and %s.", runner(c), err),
			Remedy:  "Look whether the compiler makes code for this very processor: its -mcpu, its libc and its binutils.",
			Range:   &t.Toolchain.Range,
		}
		if t.Busybox.Disabled {
			f.Summary = "The shell of the system doesn't run"
			f.Remedy = "Look whether the installed system that it is from works, and is for this very processor."
		}
		if said = strings.TrimSpace(said); said != "" {
			f.Excerpt = []string{said}
		}
		return nil, f
	}
	return checked{Ran: true, Said: said}, os.RemoveAll(work)
}

// tryTimeout is how long the first word of a program may take: emulated, on
// a busy machine, it takes less than a second.
const tryTimeout = time.Minute

// try starts a program and returns the first line it says.
func (t trial) try(ctx context.Context, argv []string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	out, err := sdk.Command(ctx, argv[0], argv[1:]...).CombinedOutput()
	for errors.Is(err, syscall.ETXTBSY) && ctx.Err() == nil {
		// A process that is just being forked still has the file open for
		// writing; it lets go when it executes its own.
		// Source: https://go.dev/issue/22315
		time.Sleep(10 * time.Millisecond)
		out, err = sdk.Command(ctx, argv[0], argv[1:]...).CombinedOutput()
	}
	said, _, _ := strings.Cut(string(out), "\n")
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil && errors.Is(ctx.Err(), context.DeadlineExceeded):
		return said, fmt.Errorf("said nothing within %s", tryTimeout)
	case errors.As(err, &exit):
		return said, fmt.Errorf("ended with %s", exit.ProcessState)
	case err != nil:
		return said, err
	}
	return said, t.heard(said)
}
