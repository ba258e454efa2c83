package image

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// drivers are the names of programs that know of headers and libraries.
var drivers = regexp.MustCompile(`^(.+-)?(gcc|g\+\+|c\+\+)(-[0-9.]+)?$`)

// patience is how long a driver may take for a small task.
const patience = 20 * time.Second

// sysroots finds out which drivers take this machine's own root for the one
// of the system that they compile for, and tells these where the image's is:
// they would mix in headers and libraries of this machine.
func (w *wrapping) sysroots(ctx context.Context) error {
	work, err := os.MkdirTemp(filepath.Dir(w.root), "sysroot-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	for _, p := range w.programs {
		if !drivers.MatchString(filepath.Base(p.path)) {
			continue
		}
		p.sysroot = w.sysroot(ctx, p, work)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if p.sysroot == "" {
			continue
		}
		if err := w.write(p.path, p); err != nil {
			return err
		}
	}
	return nil
}

// sysroot returns the folder that a driver is to be told of, relative to the
// root; empty if it finds its own. One that can't be told, or that doesn't
// run, is left as it is.
func (w *wrapping) sysroot(ctx context.Context, p *program, work string) string {
	cc := filepath.Join(w.root, p.path)
	out, err := run(ctx, work, cc, "-print-sysroot")
	if err != nil {
		return ""
	}
	own := strings.TrimSpace(out)
	if own == w.root || strings.HasPrefix(own, w.root+"/") {
		return ""
	}
	if !plain(own) {
		return ""
	}
	folder := filepath.Join(".", own)
	if info, err := os.Stat(filepath.Join(w.root, folder)); err != nil || !info.IsDir() {
		return ""
	}
	// Drivers and linkers may be made without knowing of such an option.
	_, err = run(ctx, work, cc, "--sysroot="+filepath.Join(w.root, folder), "-nostdlib", "-r", "-o", "a.o", "-x", "c", os.DevNull)
	if err != nil {
		return ""
	}
	return folder
}

// run runs a driver and returns what it prints.
func run(ctx context.Context, dir, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := sdk.Command(ctx, name, args...)
	var out bytes.Buffer
	cmd.Dir, cmd.Stdout = dir, &out
	cmd.Env = []string{"LC_ALL=C", "TMPDIR=" + dir, "PATH=" + os.Getenv("PATH")}
	err := sdk.Run(cmd)
	return out.String(), err
}
