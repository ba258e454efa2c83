package build

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

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

// check runs the busybox of the layer, where something here can.
func (r *run) check(ctx context.Context, s plan.Step, dir string, _ *course) (any, error) {
	t := r.job.Config.Targets[s.Target]
	c := r.compilers[t.Arch].Compiler
	if !c.CanRun {
		why := fmt.Sprintf("nothing on this machine runs %s executables", t.Arch)
		return checked{Why: why}, nil
	}
	work := filepath.Join(dir, workName)
	if err := os.Mkdir(work, 0o755); err != nil {
		return nil, err
	}
	program := filepath.Join(work, "busybox")
	found, err := extract(filepath.Join(r.Store.Path(r.need(s, plan.Rootfs)), layerName), "bin/busybox", program)
	if err != nil {
		return nil, err
	}
	if !found {
		return checked{Why: "the root file system has no bin/busybox"}, os.RemoveAll(work)
	}
	said, err := try(ctx, c.Emulator, program)
	if err != nil {
		f := &fault.Error{
			Summary: "The busybox that was built doesn't run",
			Detail:  fmt.Sprintf("It was started by %s and %s.", runner(c), err),
			Remedy:  "Look whether the compiler makes code for this very processor: its -mcpu, its libc and its binutils.",
			Range:   &t.Toolchain.Range,
		}
		if said = strings.TrimSpace(said); said != "" {
			f.Excerpt = []string{said}
		}
		return nil, f
	}
	return checked{Ran: true, Said: said}, os.RemoveAll(work)
}

// tryTimeout is how long the first word of a busybox may take: emulated, on
// a busy machine, it takes less than a second.
const tryTimeout = time.Minute

// try starts a busybox with no arguments and returns the first line it says.
func try(ctx context.Context, emulator []string, program string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	argv := append(emulator[:len(emulator):len(emulator)], program)
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
	case !strings.HasPrefix(said, "BusyBox v"):
		return said, errors.New("did not introduce itself as BusyBox")
	}
	return said, nil
}

// extract writes one file of a tar archive to dst. found is false if it has
// no such regular file.
func extract(archive, name, dst string) (found bool, err error) {
	f, err := os.Open(archive)
	if err != nil {
		return false, err
	}
	defer f.Close()
	tr := tar.NewReader(f)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("read %s: %w", archive, err)
		}
		if h.Name != name || h.Typeflag != tar.TypeReg {
			continue
		}
		out, err := os.OpenFile(dst, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
		if err != nil {
			return false, err
		}
		_, err = io.Copy(out, tr)
		return true, errors.Join(err, out.Close())
	}
}
