package doctor

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/mkmini/mkmini/plugins/sdk"
	"github.com/mkmini/mkmini/plugins/sdk/distro"
)

// programs are what busybox's makefiles call, and the Debian packages that
// hold them.
var programs = []struct{ name, packages string }{
	{"make", "make"},
	{"gcc", "gcc libc6-dev"},
	{"ar", "binutils"},
	{"sed", "sed"},
	{"awk", "mawk"},
	{"grep", "grep"},
	{"find", "findutils"},
	{"cmp", "diffutils"},
	{"od", "coreutils"},
	{"tar", "tar"},
	{"bzip2", "bzip2"},
}

// programs looks for the programs that every build needs.
func (m Machine) programs(context.Context) []sdk.Fact {
	var facts []sdk.Fact
	for _, p := range programs {
		path := look(p.name)
		if path == "" {
			facts = append(facts, fail(p.name, "not on PATH", distro.Here().Install("it", strings.Fields(p.packages)...))...)
			continue
		}
		facts = append(facts, ok(p.name, path)...)
	}
	return facts
}

const hostSource = `#include <stdio.h>
int main(void) { return puts("works") < 0; }
`

// hostCompiler says whether gcc makes programs that run here: busybox compiles
// helpers with it.
func (m Machine) hostCompiler(ctx context.Context) []sdk.Fact {
	const name = "host_compiler"
	gcc := look("gcc")
	if gcc == "" {
		return fail(name, "there is no gcc", distro.Here().Install("it", "gcc", "libc6-dev")+" A cross compiler alone is not enough, as busybox compiles helpers.")
	}
	dir, err := os.MkdirTemp("", "mkmini-doctor-")
	if err != nil {
		return fail(name, "not tried: "+err.Error(), "Make the folder for temporary files writable, or name another in TMPDIR.")
	}
	defer os.RemoveAll(dir)
	source, program := filepath.Join(dir, "a.c"), filepath.Join(dir, "a")
	if err := os.WriteFile(source, []byte(hostSource), 0o644); err != nil {
		return fail(name, "not tried: "+err.Error(), "Free some space in the folder for temporary files, or name another in TMPDIR.")
	}
	if _, err := output(ctx, gcc, "-o", program, source); err != nil {
		return fail(name, "gcc makes no program: "+err.Error(), distro.Here().Install("its C library and linker", "gcc", "libc6-dev"))
	}
	// Not in a temporary folder that is mounted noexec, which is no fault of
	// the compiler: busybox's helpers are made in the store.
	if out, err := output(ctx, program); err != nil && !os.IsPermission(err) || err == nil && strings.TrimSpace(out) != "works" {
		return fail(name, "what gcc makes does not run here", "Put a gcc for this machine before others on PATH.")
	}
	version, err := output(ctx, gcc, "-dumpfullversion", "-dumpversion")
	if err != nil {
		version = "of unknown version"
	}
	return ok(name, "gcc "+strings.TrimSpace(version))
}

// output runs a program to its end, for a while, and returns what it prints.
// The error holds the first line that it complains with.
func output(ctx context.Context, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := sdk.Command(ctx, name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := sdk.Run(cmd)
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		if line, _, _ := strings.Cut(strings.TrimSpace(stderr.String()), "\n"); line != "" {
			err = fmt.Errorf("%w: %s", err, line)
		}
	}
	return stdout.String(), err
}
