package plugincheck

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/mkmini/mkmini/core/pluginhost"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// building are the checks of what toolchains build.
var building = []check{
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
