package gcc

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/plugins/sdk"
)

var _ sdk.LibcBuilder = (*Toolchain)(nil)

// muslDir is what BuildLibc leaves in its output folder, beside the log.
const muslDir = "musl"

// muslBuild is one musl in the making.
type muslBuild struct {
	tools
	workspace
	info     sdk.ToolchainInfo
	flags    flags
	req      sdk.LibcRequest
	progress sdk.Progress
	log      *buildLog
}

// BuildLibc compiles musl as a static library and, if it is asked for, as a
// shared one, adds the kernel's headers that the compiler has, and probes the
// compiler with it.
func (t *Toolchain) BuildLibc(ctx context.Context, req sdk.LibcRequest, progress sdk.Progress) (sdk.LibcResult, error) {
	if progress == nil {
		progress = func(sdk.Report) {}
	}
	if req.Name != "musl" || t.info.Musl == "" {
		return sdk.LibcResult{}, sdk.Diagnostics{{
			Summary: "Unknown C library",
			Detail:  fmt.Sprintf("%s can't be built for %s.", req.Name, t.info.Arch),
			Remedy:  "Leave out `libc`.", Path: []string{"attributes", "libc"},
		}}
	}
	f, err := t.flags(req.Attributes)
	if err != nil {
		return sdk.LibcResult{}, err
	}
	space, err := newWorkspace(req.SourceDir, req.WorkDir)
	if err != nil {
		return sdk.LibcResult{}, err
	}
	defer space.remove()
	log, err := newBuildLog(filepath.Join(req.WorkDir, logName))
	if err != nil {
		return sdk.LibcResult{}, err
	}
	defer log.close()
	b := &muslBuild{workspace: space, info: t.info, flags: f, req: req, progress: progress, log: log}
	b.tools = tools{dir: space.tmp, env: environment(space.tmp)}
	result, err := b.run(ctx, t)
	if cause := ctx.Err(); cause != nil {
		return sdk.LibcResult{}, cause
	}
	return result, err
}

// run takes the steps of a build.
func (b *muslBuild) run(ctx context.Context, t *Toolchain) (sdk.LibcResult, error) {
	b.progress(sdk.Report{Phase: "configure", Message: "musl " + b.req.Version})
	if err := b.configure(ctx); err != nil {
		return sdk.LibcResult{}, err
	}
	if err := b.compile(ctx); err != nil {
		return sdk.LibcResult{}, err
	}
	b.progress(sdk.Report{Phase: "install"})
	dir := filepath.Join(b.req.OutDir, muslDir)
	if err := b.install(ctx, dir); err != nil {
		return sdk.LibcResult{}, err
	}
	b.progress(sdk.Report{Phase: "probe"})
	compiler, err := t.Probe(ctx, sdk.ProbeRequest{
		CC: b.req.Compiler.CC, Prefix: b.req.Compiler.Prefix, Attributes: b.req.Attributes,
		Libc: dir, WorkDir: filepath.Join(b.tmp, "probe"),
	})
	if err != nil {
		return sdk.LibcResult{}, err
	}
	loader := ""
	if b.req.Shared {
		if loader, err = b.tryShared(ctx, dir, compiler); err != nil {
			return sdk.LibcResult{}, err
		}
	}
	if err := b.keepLog(); err != nil {
		return sdk.LibcResult{}, err
	}
	facts := slices.DeleteFunc(slices.Clone(compiler.Facts), func(f sdk.Fact) bool {
		return f.Name != "libc" && f.Name != "kernel_headers" && f.Name != "static_run"
	})
	return sdk.LibcResult{Dir: muslDir, Log: logName, Loader: loader, Facts: facts}, nil
}

// keepLog copies the log to what is kept.
func (b *muslBuild) keepLog() error {
	name := filepath.Join(b.req.OutDir, logName)
	if err := copyFile(b.log.name, name); err != nil {
		return err
	}
	return os.Chmod(name, 0o644)
}

// configure runs musl's own script.
func (b *muslBuild) configure(ctx context.Context) error {
	cflags := slices.Concat(muslCompile(b.info.Musl), b.flags.compile, b.prefixMaps(ctx, b.req.Compiler.CC, b.src+"=.", b.obj+"=."))
	options := []string{
		"--target=" + b.info.Musl, "--prefix=", "--disable-shared", "--disable-wrapper", "--enable-optimize=size",
		"CC=" + b.req.Compiler.CC, "AR=" + b.req.Compiler.Prefix + "ar", "RANLIB=" + b.req.Compiler.Prefix + "ranlib",
		"CFLAGS=" + strings.Join(cflags, " "),
	}
	if b.req.Shared {
		options[2] = "--enable-shared"
		options = append(options, "LDFLAGS="+strings.Join(b.flags.link, " "))
	}
	var output []string
	err := b.command(ctx, func(line string) { output = append(output, line) }, filepath.Join(b.src, "configure"), options...)
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	return sdk.Diagnostics{{
		Summary: "Musl can't be configured",
		Detail:  fmt.Sprintf("The configure script of musl %s failed: %v.", b.req.Version, err),
		Remedy:  "Read the log; the compiler and the `cflags` of the toolchain block are the likely causes.",
		Excerpt: tail(output, 5), Log: b.log.name,
	}}
}

// muslObject is the object of a compile's command, and muslFailed that of a
// rule that failed.
var (
	muslObject = regexp.MustCompile(` -c -o (obj/\S+\.l?o) `)
	muslFailed = regexp.MustCompile(`^make\S*: \*\*\* \[(?:[^\]]*[\s:])?(obj/[^\s:\]]+\.l?o)\] Error`)
)

// compile makes the libraries.
func (b *muslBuild) compile(ctx context.Context) error {
	total, done := b.count(ctx), 0
	var output []string
	failed := ""
	err := b.make(ctx, func(line string) {
		output = append(tail(output, watched), line)
		if m := muslObject.FindStringSubmatch(line); m != nil {
			done++ // make prints the command when it starts
			b.progress(sdk.Report{Phase: "compile", Done: max(done-b.req.Jobs, 0), Total: max(total, done), Message: m[1]})
		} else if m := muslFailed.FindStringSubmatch(line); m != nil && failed == "" {
			failed = m[1]
		}
	}, fmt.Sprintf("-j%d", b.req.Jobs))
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	return b.compileProblem(ctx, failed, output, err)
}

// count returns how many files there are to compile, 0 if it can't be known.
func (b *muslBuild) count(ctx context.Context) int {
	t := tools{dir: b.obj, env: b.env}
	out, err := t.output(ctx, "make", "-n")
	if err != nil {
		return 0
	}
	return len(muslObject.FindAllStringIndex(out, -1))
}

// compileProblem explains why make failed. If a compile did, it is done once
// more by itself, for errors that no other job's mix with.
func (b *muslBuild) compileProblem(ctx context.Context, failed string, output []string, err error) error {
	problem := sdk.Diagnostic{
		Summary: "Musl does not compile",
		Detail:  fmt.Sprintf("make failed: %v.", err),
		Remedy:  "Check the `cpu` and `cflags` of the toolchain block, or leave out `libc`; the log has all errors.",
		Excerpt: tail(output, 20),
		Log:     b.log.name,
	}
	if failed == "" {
		return sdk.Diagnostics{problem}
	}
	var again []string
	b.log.printf("%s once more", failed)
	b.make(ctx, func(line string) { again = append(again, line) }, failed)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	command, found, message := explain(again, failed)
	problem.Detail = fmt.Sprintf("The compile of %s failed.", failed)
	if message != "" {
		problem.Detail = fmt.Sprintf("The compile of %s failed: %s.", failed, strings.TrimSuffix(message, "."))
		problem.Excerpt = found
	}
	if command != "" {
		problem.Excerpt = append(problem.Excerpt, command)
	}
	return sdk.Diagnostics{problem}
}

// make runs musl's makefile.
func (b *muslBuild) make(ctx context.Context, watch func(line string), args ...string) error {
	return b.command(ctx, watch, "make", args...)
}

// command runs a program in the object folder. What it prints goes to the
// log, and line by line to watch, which may be nil.
func (b *muslBuild) command(ctx context.Context, watch func(line string), name string, args ...string) error {
	b.log.printf("%s %s", name, strings.Join(args, " "))
	cmd := sdk.Command(ctx, name, args...)
	cmd.Dir, cmd.Env = b.obj, b.env
	out := b.log.writer(watch)
	cmd.Stdout, cmd.Stderr = out, out
	err := sdk.Run(cmd)
	out.flush()
	return err
}
