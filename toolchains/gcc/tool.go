package gcc

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// kept are the variables of the environment that a compiler sees. All others
// stay away, as gcc, make and kbuild take orders from dozens of them. Compilers
// that were unpacked find libraries of their own by wrappers or by their
// RUNPATH: a LD_LIBRARY_PATH would be a part of the compiler that no
// fingerprint sees.
var kept = []string{"PATH", "HOME"}

// environment returns the whole environment of a child, with temporary files
// below dir.
func environment(dir string, extra ...string) []string {
	env := []string{"LC_ALL=C", "TZ=UTC", "TMPDIR=" + dir}
	for _, name := range kept {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return append(env, extra...)
}

// tools runs short commands in a folder of their own.
type tools struct {
	dir string
	env []string
}

// commandError is the failure of a command that ran.
type commandError struct {
	command []string
	output  string
	err     error
}

func (e *commandError) Error() string {
	return fmt.Sprintf("run %s: %v", strings.Join(e.command, " "), e.err)
}

func (e *commandError) Unwrap() error { return e.err }

// lines returns the command and the start of what it said, if anything.
func (e *commandError) lines() []string { return said(e.command, e.output) }

// said returns a command and the start of its output, if there is any.
func said(command []string, output string) []string {
	const most = 20
	lines := []string{strings.Join(command, " ")}
	if output = strings.TrimSpace(output); output == "" {
		return lines
	}
	out := strings.Split(output, "\n")
	if len(out) > most {
		out = append(out[:most], "…")
	}
	return append(lines, out...)
}

// output runs a command and returns its standard output.
func (t tools) output(ctx context.Context, name string, args ...string) (string, error) {
	cmd := sdk.Command(ctx, name, args...)
	cmd.Dir, cmd.Env = t.dir, t.env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := sdk.Run(cmd); err != nil {
		if cause := ctx.Err(); cause != nil {
			err = cause
		}
		return "", &commandError{command: cmd.Args, output: stderr.String() + stdout.String(), err: err}
	}
	return stdout.String(), nil
}
