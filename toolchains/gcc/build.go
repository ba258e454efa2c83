package gcc

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/mkmini/mkmini/plugins/sdk"
	"github.com/mkmini/mkmini/toolchains/gcc/applet"
	"github.com/mkmini/mkmini/toolchains/gcc/kconfig"
)

// The makefiles that a build adds to busybox's.
var (
	//go:embed mkmini.mk
	hooks []byte
	//go:embed count.mk
	counter []byte
)

// What a build leaves in its output folder.
const (
	treeName   = "tree"
	configName = "config"
	logName    = "build.log"
)

// build is one busybox in the making.
type build struct {
	tools
	workspace
	info     sdk.ToolchainInfo
	flags    flags
	req      sdk.BuildRequest
	progress sdk.Progress
	log      *buildLog
	request  *request
	final    kconfig.Values
	// plainKbuild leaves compiling and linking to busybox's makefiles alone;
	// the result is the same, and comes later.
	plainKbuild bool
	// unlike are the objects that take no precompiled header.
	unlike []string
	// shared are the options of a link with a shared C library of the request.
	shared []string
	// sysroot and libraries are where a dynamic program's are.
	sysroot   string
	libraries []string
	mapsOnce  sync.Once
	maps      []string
}

// Build configures, compiles and installs busybox.
func (t *Toolchain) Build(ctx context.Context, req sdk.BuildRequest, progress sdk.Progress) (sdk.BuildResult, error) {
	return t.build(ctx, req, progress, false)
}

func (t *Toolchain) build(ctx context.Context, req sdk.BuildRequest, progress sdk.Progress, plainKbuild bool) (sdk.BuildResult, error) {
	if progress == nil {
		progress = func(sdk.Report) {}
	}
	f, err := t.flags(req.Attributes)
	if err != nil {
		return sdk.BuildResult{}, err
	}
	space, err := newWorkspace(req.SourceDir, req.WorkDir)
	if err != nil {
		return sdk.BuildResult{}, err
	}
	defer space.remove()
	log, err := newBuildLog(filepath.Join(req.WorkDir, logName))
	if err != nil {
		return sdk.BuildResult{}, err
	}
	defer log.close()
	b := &build{
		workspace: space, info: t.info, flags: f, req: req, progress: progress, log: log, plainKbuild: plainKbuild,
	}
	b.tools = tools{dir: space.tmp, env: environment(space.tmp)}
	if err := b.useLibc(ctx); err != nil {
		return sdk.BuildResult{}, err
	}
	result, err := b.run(ctx)
	if cause := ctx.Err(); cause != nil {
		return sdk.BuildResult{}, cause
	}
	return result, err
}

// useLibc has all compiles and links take the C library of the request, by a
// path that busybox's makefiles can pass on.
func (b *build) useLibc(ctx context.Context) error {
	c := b.req.Compiler
	if c.Libc == "" {
		return nil
	}
	link := filepath.Join(b.tmp, "libc")
	if err := os.Symlink(c.Libc, link); err != nil {
		return fmt.Errorf("link the C library: %w", err)
	}
	var err error
	if b.flags, err = b.flags.withLibc(ctx, b.tools, c.CC, b.info, link); err != nil || !b.req.Dynamic {
		return err
	}
	loader := muslLoader(c.Libc)
	if loader == "" {
		return sdk.Diagnostics{{
			Summary: "Musl is only static",
			Detail:  fmt.Sprintf("A busybox with static = false needs a shared library, and there is none in %s.", c.Libc),
			Remedy:  "Leave out static = false, or `libc`.", Path: []string{"busybox", "static"},
		}}
	}
	b.shared, err = b.sharedOptions(ctx, c.CC, loader)
	return err
}

// run takes the steps of a build.
func (b *build) run(ctx context.Context) (sdk.BuildResult, error) {
	b.progress(sdk.Report{Phase: "configure", Message: "busybox " + b.req.Version})
	if err := b.plan(ctx); err != nil {
		return sdk.BuildResult{}, err
	}
	if err := b.configure(ctx); err != nil {
		return sdk.BuildResult{}, err
	}
	if err := b.compile(ctx); err != nil {
		return sdk.BuildResult{}, err
	}
	b.progress(sdk.Report{Phase: "install"})
	applets, err := b.install(ctx)
	if err != nil {
		return sdk.BuildResult{}, err
	}
	if err := b.findLibraries(ctx); err != nil {
		return sdk.BuildResult{}, err
	}
	facts, err := b.check(ctx, applets)
	if err != nil {
		return sdk.BuildResult{}, err
	}
	if err := b.keep(); err != nil {
		return sdk.BuildResult{}, err
	}
	return sdk.BuildResult{
		Tree: treeName, Config: configName, Log: logName,
		Applets: applets, Facts: append(b.request.facts, facts...),
		Sysroot: b.sysroot, Libraries: b.libraries,
	}, nil
}

// plan reads what the source has, finds out about the compiler's headers, and
// makes a request of it.
func (b *build) plan(ctx context.Context) error {
	var tree *kconfig.Tree
	var applets []applet.Applet
	var macros map[string]string
	var treeErr, appletErr, unlikeErr error
	var group sync.WaitGroup
	group.Go(func() { tree, treeErr = kconfig.Load(b.src) })
	group.Go(func() { applets, appletErr = applet.Load(b.src) })
	group.Go(func() { b.unlike, unlikeErr = unlikePCH(b.src) })
	group.Go(func() { macros = b.headerMacros(ctx, b.req.Compiler.CC, b.flags.compile) })
	group.Wait()
	for _, err := range []error{treeErr, appletErr, unlikeErr} {
		if err != nil {
			return sdk.Diagnostics{{
				Summary: "Source is not that of busybox",
				Detail:  fmt.Sprintf("The source of busybox %s can't be read: %v.", b.req.Version, err),
				Remedy:  "Check `version`, `file` and `urls`.",
				Path:    []string{"busybox", "version"},
			}}
		}
	}
	s := situation{version: parseVersion(b.req.Version), kernelArch: b.info.KernelArch, macros: macros, dynamic: b.req.Dynamic}
	for _, fact := range b.req.Compiler.Facts {
		if fact.Name == "libc" {
			s.libc, s.libcVersion = parseLibc(fact.Value)
		}
	}
	var err error
	b.request, err = newRequest(b.req, b.info, s, tree, applets)
	return err
}

// make runs busybox's makefiles in the object folder. What they print goes to
// the log, and line by line to watch.
func (b *build) make(ctx context.Context, watch func(line string), args ...string) error {
	all := []string{
		"-f", filepath.Join(b.src, "Makefile"), "-f", filepath.Join(b.obj, "mkmini.mk"),
		// What `make O=` does before it runs make again in the object folder.
		"O=" + b.obj, "KBUILD_SRC=" + b.src,
		"ARCH=" + b.info.KernelArch, "CROSS_COMPILE=" + b.req.Compiler.Prefix, "CC=" + b.req.Compiler.CC,
		// Helpers run for seconds: compiling them well takes longer.
		"HOSTCC=gcc", "HOSTCFLAGS=-O0 -w",
		// oldconfig sleeps a second to tell the times of files apart.
		"MTIME_IS_COARSE=@exit 0",
		"MKMINI_PCH=" + yesNo(!b.plainKbuild),
	}
	for _, object := range b.unlike {
		all = append(all, "CFLAGS_"+object+"=-DMKMINI_NO_PCH")
	}
	if len(b.flags.compile) > 0 {
		all = append(all, "EXTRA_CFLAGS="+strings.Join(b.flags.compile, " "))
	}
	cmd := sdk.Command(ctx, "make", append(all, args...)...)
	cmd.Dir = b.obj
	cmd.Env = environment(b.tmp,
		"SOURCE_DATE_EPOCH="+strconv.FormatInt(b.req.Epoch.Unix(), 10), "KCONFIG_NOTIMESTAMP=1",
		"KBUILD_BUILD_USER=mkmini", "KBUILD_BUILD_HOST=mkmini",
		"CFLAGS="+strings.Join(slices.Concat(b.flags.compile, b.mapOptions(ctx)), " "),
		"AFLAGS="+strings.Join(b.flags.compile, " "),
		"LDFLAGS="+strings.Join(b.flags.link, " "),
	)
	input, err := os.Open(filepath.Join(b.obj, "mkmini-answers"))
	if err != nil {
		return err
	}
	defer input.Close()
	cmd.Stdin = input
	out := b.log.writer(watch)
	cmd.Stdout, cmd.Stderr = out, out
	err = sdk.Run(cmd)
	out.flush()
	return err
}

// mapOptions keep the names of the build's folders out of what is compiled.
func (b *build) mapOptions(ctx context.Context) []string {
	b.mapsOnce.Do(func() { b.maps = b.prefixMaps(ctx, b.req.Compiler.CC, b.src+"=.", b.obj+"=.") })
	return b.maps
}

// prefixMaps are the options that keep the names of folders out of what is
// compiled, as far as the compiler has them. maps are "FOLDER=NAME".
func (t tools) prefixMaps(ctx context.Context, cc string, maps ...string) []string {
	for _, option := range []string{"-ffile-prefix-map=", "-fdebug-prefix-map="} {
		var options []string
		for _, one := range maps {
			options = append(options, option+one)
		}
		if _, err := t.output(ctx, cc, append(slices.Clone(options), "-E", "-x", "c", os.DevNull)...); err == nil {
			return options
		}
	}
	return nil
}

func yesNo(yes bool) string {
	if yes {
		return "y"
	}
	return "n"
}
