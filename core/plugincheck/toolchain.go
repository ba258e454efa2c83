package plugincheck

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/mkmini/mkmini/core/pluginhost"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// compiling are the checks of toolchains.
var compiling = []check{
	{
		name: "probe_bad", kind: sdk.KindToolchain,
		remedy: "What is no compiler is refused with diagnostics that have a summary and a remedy.",
		run:    refusesCompilers,
	},
	{
		name: "probe", kind: sdk.KindToolchain,
		remedy: "The probe of a good compiler returns its facts and the absolute paths of its files.",
		run:    probes,
	},
	{
		name: "probe_again", kind: sdk.KindToolchain,
		remedy: "The same compiler is described in the same words each time: what is built depends on it.",
		run:    probesTheSame,
	},
	{
		name: "probe_confined", kind: sdk.KindToolchain,
		remedy: "A plugin writes to work_dir, out_dir and $TMPDIR alone: mkmini lets it write nowhere else.",
		run:    probesConfined,
	},
	{
		name: "build", kind: sdk.KindToolchain,
		remedy: "A build leaves an install tree with bin/busybox and the final configuration below out_dir, and names both.",
		run:    builds,
	},
	{
		name: "build_again", kind: sdk.KindToolchain,
		remedy: "The same request gives the same install tree: in any folder, with any umask and any number of jobs.",
		run:    buildsTheSame,
	},
	{
		name: "build_diagnostics", kind: sdk.KindToolchain,
		remedy: `A setting or an applet that doesn't exist is a diagnostic with the path "busybox", "set", NAME or "busybox", "applets", "only", INDEX.`,
		run:    diagnosesSettings,
	},
	{
		name: "build_cancel", kind: sdk.KindToolchain,
		remedy: "A call that is cancelled ends within a second, with all processes that it started, and writes nothing afterwards.",
		run:    cancelsBuild,
	},
}

// probeRequest returns a request to probe a compiler.
func (s *subject) probeRequest(c Compiler) (sdk.ProbeRequest, error) {
	values, err := s.attributes(s.manifest.Toolchain.Attributes)
	if err != nil {
		return sdk.ProbeRequest{}, err
	}
	work, err := s.folder("probe")
	return sdk.ProbeRequest{CC: c.CC, Prefix: c.Prefix, Attributes: encode(values), WorkDir: work}, err
}

// probe makes a call on a running plugin.
func (s *subject) probe(ctx context.Context, p *pluginhost.Inspection, c Compiler) (sdk.Compiler, error) {
	req, err := s.probeRequest(c)
	if err != nil {
		return sdk.Compiler{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.CallTimeout)
	defer cancel()
	compiler, err := p.Toolchain().Probe(ctx, req)
	if err != nil && ctx.Err() == context.DeadlineExceeded {
		err = fmt.Errorf("it did not end within %v", s.opts.CallTimeout)
	}
	return compiler, s.note(err)
}

// impostors are programs that are no compiler, as scripts.
var impostors = map[string]string{
	"a program that fails":       "#!/bin/sh\necho 'cc: fatal error: no input files' >&2\nexit 1\n",
	"a program that says yes":    "#!/bin/sh\necho y\n",
	"a compiler of another kind": "#!/bin/sh\ncase $1 in -dumpmachine) echo pdp11-unknown-aout ;; *) echo 'gcc 1.0' ;; esac\n",
}

func refusesCompilers(ctx context.Context, s *subject) (string, error) {
	dir, err := s.folder("impostors")
	if err != nil {
		return "", err
	}
	prefix := filepath.Join(dir, "none-")
	tries := map[string]Compiler{"a file that isn't there": {CC: filepath.Join(dir, "missing-gcc"), Prefix: filepath.Join(dir, "missing-")}}
	for _, name := range sortedKeys(impostors) {
		prefix := fmt.Sprintf("%s%d-", prefix, len(tries))
		script := filepath.Join(dir, "script")
		if err := os.WriteFile(script, []byte(impostors[name]), 0o755); err != nil {
			return "", err
		}
		if err := copyProgram(script, prefix+"gcc"); err != nil {
			return "", err
		}
		tries[name] = Compiler{CC: prefix + "gcc", Prefix: prefix}
	}
	for _, name := range sortedKeys(tries) {
		p, err := s.plugin(ctx)
		if err != nil {
			return "", err
		}
		_, err = s.probe(ctx, p, tries[name])
		if reason := skip(""); errors.As(err, &reason) {
			return "", err
		}
		if err == nil {
			return "", fmt.Errorf("it takes %s", name)
		}
		if err := explained(err); err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
	}
	return fmt.Sprintf("%d refused", len(tries)), nil
}

// probes looks for a compiler that the plugin takes.
func probes(ctx context.Context, s *subject) (string, error) {
	tries := []Compiler{{CC: s.opts.CC, Prefix: strings.TrimSuffix(s.opts.CC, "gcc")}}
	if s.opts.CC == "" {
		if tries = nil; s.opts.Compilers != nil {
			tries = s.opts.Compilers(*s.manifest.Toolchain)
		}
	}
	if len(tries) == 0 {
		return "", skip(fmt.Sprintf("there is no compiler for %s: install one, or name one with --cc FILE", s.manifest.Toolchain.Arch))
	}
	var last error
	for _, c := range tries {
		p, err := s.plugin(ctx)
		if err != nil {
			return "", err
		}
		compiler, err := s.probe(ctx, p, c)
		var refused sdk.Diagnostics
		switch {
		case err == nil:
			s.compiler = &compiler
			return fmt.Sprintf("%s: %s", compiler.CC, compiler.Version), s.childless()
		case !errors.As(err, &refused):
			return "", err
		}
		last = fmt.Errorf("%s: %w", c.CC, err)
	}
	if s.opts.CC == "" {
		return "", skip("it takes none of the compilers here: " + last.Error())
	}
	return "", last
}

func probesTheSame(ctx context.Context, s *subject) (string, error) {
	if s.compiler == nil {
		return "", skip("there is no compiler")
	}
	p, err := s.plugin(ctx)
	if err != nil {
		return "", err
	}
	again, err := s.probe(ctx, p, Compiler{CC: s.compiler.CC, Prefix: s.compiler.Prefix})
	if err != nil {
		return "", err
	}
	first, second := fmt.Sprintf("%+v", *s.compiler), fmt.Sprintf("%+v", again)
	if first != second {
		n := 0
		for n < min(len(first), len(second)) && first[n] == second[n] {
			n++
		}
		from := max(0, n-20)
		return "", fmt.Errorf("first it says …%s…, then …%s…", clip(first[from:]), clip(second[from:]))
	}
	return "", nil
}

// probesConfined probes as builds do.
func probesConfined(ctx context.Context, s *subject) (string, error) {
	if s.compiler == nil {
		return "", skip("there is no compiler")
	}
	host, err := s.confinedHost()
	if err != nil {
		return "", err
	}
	defer host.Close()
	toolchain, err := host.Toolchain(ctx, s.manifest.Name)
	if err != nil {
		return "", err
	}
	req, err := s.probeRequest(Compiler{CC: s.compiler.CC, Prefix: s.compiler.Prefix})
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.CallTimeout)
	defer cancel()
	_, err = toolchain.Probe(ctx, req)
	return s.opts.Sandbox.String(), s.note(err)
}

// buildRequest returns a request for a small busybox with new folders.
func (s *subject) buildRequest(jobs int) (sdk.BuildRequest, error) {
	if s.compiler == nil {
		return sdk.BuildRequest{}, skip("there is no compiler")
	}
	if s.opts.Source == "" {
		return sdk.BuildRequest{}, skip("there are no sources of busybox: name them with --busybox FILE")
	}
	values, err := s.attributes(s.manifest.Toolchain.Attributes)
	if err != nil {
		return sdk.BuildRequest{}, err
	}
	if s.inputs[s.opts.Source] == nil {
		if s.inputs[s.opts.Source], err = listing(s.opts.Source); err != nil {
			return sdk.BuildRequest{}, err
		}
	}
	req := sdk.BuildRequest{
		Compiler: *s.compiler, Attributes: encode(values), Version: s.opts.Version, SourceDir: s.opts.Source,
		Config: "defconfig", Only: []string{"ash", "cat", "echo"}, Jobs: jobs, Epoch: epoch,
	}
	if req.WorkDir, err = s.folder("work"); err != nil {
		return req, err
	}
	req.OutDir, err = s.folder("out")
	return req, err
}

func (s *subject) build(ctx context.Context, p *pluginhost.Inspection, req sdk.BuildRequest, each func()) (sdk.BuildResult, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.CallTimeout)
	defer cancel()
	result, err := p.Toolchain().Build(ctx, req, s.progress("build", each))
	if err != nil && ctx.Err() == context.DeadlineExceeded {
		err = fmt.Errorf("it did not end within %v", s.opts.CallTimeout)
	}
	return result, s.note(err)
}

func builds(ctx context.Context, s *subject) (string, error) {
	req, err := s.buildRequest(s.opts.Jobs)
	if err != nil {
		return "", err
	}
	p, err := s.plugin(ctx)
	if err != nil {
		return "", err
	}
	result, err := s.build(ctx, p, req, nil)
	if err != nil {
		return "", err
	}
	if err := s.childless(); err != nil {
		return "", err
	}
	tree := filepath.Join(req.OutDir, result.Tree)
	info, err := os.Stat(filepath.Join(tree, "bin", "busybox"))
	if err != nil {
		return "", fmt.Errorf("the install tree has no bin/busybox: %w", err)
	}
	s.built = tree
	return fmt.Sprintf("%d applets, %d bytes", len(result.Applets), info.Size()), nil
}

func buildsTheSame(ctx context.Context, s *subject) (string, error) {
	if s.built == "" {
		return "", skip("nothing was built")
	}
	req, err := s.buildRequest(s.opts.Jobs + 1)
	if err != nil {
		return "", err
	}
	host := s.newHost(true)
	defer host.Close()
	if s.other, err = host.Inspect(ctx, s.manifest.Name); err != nil {
		return "", err
	}
	defer func() { s.other = nil }()
	result, err := s.build(ctx, s.other, req, nil)
	if err != nil {
		return "", err
	}
	first, err := listing(s.built)
	if err != nil {
		return "", err
	}
	again, err := listing(filepath.Join(req.OutDir, result.Tree))
	if err != nil {
		return "", err
	}
	if change := difference(first, again); change != "" {
		return "", fmt.Errorf("the second time, %s", change)
	}
	return fmt.Sprintf("%d files", len(first)), nil
}

func diagnosesSettings(ctx context.Context, s *subject) (string, error) {
	if s.built == "" {
		return "", skip("nothing was built")
	}
	refused := 0
	for _, wrong := range []struct {
		change func(*sdk.BuildRequest)
		path   []string
	}{
		{func(r *sdk.BuildRequest) { r.Set = map[string]string{"NO_SUCH_SETTING": "y"} }, []string{"busybox", "set", "NO_SUCH_SETTING"}},
		{func(r *sdk.BuildRequest) { r.Only = []string{"cat", "no_such_applet"} }, []string{"busybox", "applets", "only", "1"}},
	} {
		req, err := s.buildRequest(s.opts.Jobs)
		if err != nil {
			return "", err
		}
		wrong.change(&req)
		p, err := s.plugin(ctx)
		if err != nil {
			return "", err
		}
		if _, err = s.build(ctx, p, req, nil); err == nil {
			continue
		}
		if err := explained(err, wrong.path...); err != nil {
			return "", err
		}
		refused++
	}
	if refused == 0 {
		return "", skip("it takes settings and applets that don't exist")
	}
	return fmt.Sprintf("%d mistakes were explained", refused), nil
}

func cancelsBuild(ctx context.Context, s *subject) (string, error) {
	if s.built == "" {
		return "", skip("nothing was built")
	}
	req, err := s.buildRequest(s.opts.Jobs)
	if err != nil {
		return "", err
	}
	return s.cancels(ctx, []string{req.WorkDir, req.OutDir}, func(ctx context.Context, p *pluginhost.Inspection, each func()) error {
		_, err := s.build(ctx, p, req, each)
		return err
	})
}
