package crossgcc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/store"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// prefix is where all is configured to be. There never is such a folder: gcc
// and binutils find their files relative to themselves, and a prefix that is
// always the same leaves no trace of where they were built.
const prefix = "/mkmini"

// work is one part being made.
type work struct {
	*job
	part *part
	in   *input
	// label tells people what is being made.
	label string
	// outside is a folder to remove in the end, if the store's own has a path
	// that makefiles can't take.
	outside string
	// src is the source, obj the folder to build in, root the tree of the
	// parts before, and out the folder that stands for "/" when installing.
	src, obj, root, out, tmp string
	log                      *buildLog
	compiled                 int
	// cpu is the time that processors spent on it.
	cpu time.Duration
}

// work makes the folders that a part is made in, below dir.
func (j *job) work(p *part, in *input, dir string) (*work, error) {
	w := &work{job: j, part: p, in: in}
	if !plain(dir) {
		var err error
		if dir, err = os.MkdirTemp("", "mkmini"); err != nil {
			return nil, fmt.Errorf("make a folder to work in: %w", err)
		}
		w.outside = dir
	}
	for name, path := range map[string]*string{"obj": &w.obj, "root": &w.root, "out": &w.out, "tmp": &w.tmp} {
		*path = filepath.Join(dir, name)
		if err := folder(*path); err != nil {
			return nil, w.close(fmt.Errorf("make a folder to work in: %w", err))
		}
	}
	w.src = filepath.Join(dir, "src")
	var err error
	if w.log, err = newBuildLog(j.Keeper.Store.Log(p.key)); err != nil {
		return nil, w.close(err)
	}
	return w, nil
}

// close ends the work. It returns err, with what went wrong in closing.
func (w *work) close(err error) error {
	if w.log != nil {
		err = errors.Join(err, w.log.close())
	}
	if w.outside != "" {
		err = errors.Join(err, store.RemoveAll(w.outside))
	}
	return err
}

// run unpacks the source, patches it and makes the part of it.
func (w *work) run(ctx context.Context) error {
	if err := room(w.part.input, w.obj); err != nil {
		return err
	}
	if w.part.kit {
		return w.part.make(ctx, w)
	}
	if err := w.unpack(ctx, w.in, w.src, w.tmp); err != nil {
		return err
	}
	for _, path := range w.in.spec.Patches {
		w.report("patch", 0, 0, w.label)
		if err := w.command(ctx, w.src, "patch", "-p1", "-N", "--no-backup-if-mismatch", "-i", path); err != nil {
			return w.problem(ctx, err, "A patch does not apply",
				fmt.Sprintf("%s does not apply to %s", path, w.in.name), "Use a patch that was made for this release.")
		}
	}
	return w.part.make(ctx, w)
}

// sysroot is the folder within a tree that the target's files are in.
func (w *work) sysroot() string { return filepath.Join(w.target, "sysroot") }

// keep moves what was installed to dst.
func (w *work) keep(dst string) error {
	made := filepath.Join(w.out, prefix)
	for _, useless := range []string{"share", "include", "lib/bfd-plugins"} {
		if err := store.RemoveAll(filepath.Join(made, useless)); err != nil {
			return fmt.Errorf("tidy %s: %w", w.part.name, err)
		}
	}
	if w.outside == "" {
		return os.Rename(made, dst)
	}
	return merge(made, dst)
}

// configured runs a configure script in the folder for objects.
func (w *work) configured(ctx context.Context, args ...string) error {
	w.report("configure", 0, 0, w.label)
	// A relative path of the source leaves no trace in what is compiled.
	if err := w.command(ctx, w.obj, "../src/configure", args...); err != nil {
		return w.problem(ctx, err, "Compiler can't be built", fmt.Sprintf("configuring %s failed", w.in.name),
			"Check the options of the block; the log has all that was said.")
	}
	return nil
}

// made runs make in a folder.
func (w *work) made(ctx context.Context, dir string, args ...string) error {
	if err := w.command(ctx, dir, "make", append([]string{fmt.Sprintf("-j%d", max(1, w.Jobs))}, args...)...); err != nil {
		return w.problem(ctx, err, "Compiler can't be built", fmt.Sprintf("making %s failed", w.in.name),
			"Try another release of it, or patch it with patches = […]; the log has all errors.")
	}
	return nil
}

// compile is a command that compiles one file.
var compile = regexp.MustCompile(` -c .*-o (\S+\.l?o)\b|^\s+(?:HOST)?CC\s+(\S+)`)

// command runs a program. What it prints goes to the log.
func (w *work) command(ctx context.Context, dir, name string, args ...string) error {
	w.log.printf("cd %s && %s %s", dir, name, strings.Join(args, " "))
	// Files have the same modes whatever the umask.
	cmd := sdk.Command(ctx, "sh", append([]string{"-c", `umask 022 && exec "$0" "$@"`, name}, args...)...)
	cmd.Dir, cmd.Env = dir, environment(w.tmp, filepath.Join(w.root, "bin"))
	out := w.log.writer(func(line string) {
		if m := compile.FindStringSubmatch(line); m != nil {
			w.compiled++
			w.report("compile", w.compiled, 0, w.label+": "+filepath.Base(m[1]+m[2]))
		}
	})
	cmd.Stdout, cmd.Stderr = out, out
	err := sdk.Run(cmd)
	out.flush()
	if cmd.ProcessState != nil {
		w.cpu += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	return errors.Join(err, out.err)
}

// environment returns the whole environment of a child. Programs in the folder
// first come before all others.
func environment(tmp, first string) []string {
	path := os.Getenv("PATH")
	if first != "" {
		path = first + string(filepath.ListSeparator) + path
	}
	env := []string{"LC_ALL=C", "TZ=UTC", "SOURCE_DATE_EPOCH=315532800", "TMPDIR=" + tmp, "PATH=" + path}
	if home := os.Getenv("HOME"); home != "" {
		env = append(env, "HOME="+home)
	}
	return env
}

// problem explains why a command failed.
func (w *work) problem(ctx context.Context, err error, summary, what, remedy string) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	f := &fault.Error{
		Step: "toolchain from source", Summary: summary, Detail: fmt.Sprintf("%s: %v.", what, err),
		Remedy: remedy, Log: w.log.name, Err: err,
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		f.Remedy = "Free some space on the file system of the store, or choose another folder with --store."
		return f
	}
	message, lines := explain(w.log.last())
	if message != "" {
		f.Detail = fmt.Sprintf("%s: %s.", what, strings.TrimSuffix(message, "."))
	}
	if !slices.Equal(lines, []string{message}) {
		f.Excerpt = lines
	}
	return f
}
