package plugincheck

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mkmini/mkmini/core/pluginhost"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// exporting are the checks of exporters.
var exporting = []check{
	{
		name: "export", kind: sdk.KindExporter,
		remedy: "An export writes its artifacts below out_dir, and names each with its format.",
		run:    exports,
	},
	{
		name: "export_again", kind: sdk.KindExporter,
		remedy: "The same request gives the same bytes and modes: in any folder, with any umask and any number of jobs.",
		run:    exportsTheSame,
	},
	{
		name: "export_confined", kind: sdk.KindExporter,
		remedy: "A plugin writes to work_dir, out_dir and $TMPDIR alone: mkmini lets it write nowhere else.",
		run:    exportsConfined,
	},
	{
		name: "export_layers", kind: sdk.KindExporter,
		remedy: "A format that has layers gets all that layers has, in that order; any other is made of layer, which is the whole.",
		run:    exportsLayers,
	},
	{
		name: "export_bad", kind: sdk.KindExporter,
		remedy: "An export that can't be done fails; it does not crash, and does not claim to have succeeded.",
		run:    failsToExport,
	},
	{
		name: "export_diagnostics", kind: sdk.KindExporter,
		remedy: `What is wrong with an attribute is a diagnostic with a summary, a remedy and the path "attributes", NAME.`,
		run:    diagnosesAttributes,
	},
	{
		name: "export_cancel", kind: sdk.KindExporter,
		remedy: "A call that is cancelled ends within a second, with all processes that it started, and writes nothing afterwards.",
		run:    cancelsExport,
	},
}

// exportRequest returns a request with new folders.
func (s *subject) exportRequest(images []sdk.Image, jobs int) (sdk.ExportRequest, error) {
	values, err := s.attributes(s.manifest.Exporter.Attributes)
	if err != nil {
		return sdk.ExportRequest{}, err
	}
	if err := s.makeLayers(); err != nil {
		return sdk.ExportRequest{}, err
	}
	if images == nil {
		if images = s.layers.small; !s.manifest.Exporter.MultiArch {
			images = images[:1]
		}
	}
	req := sdk.ExportRequest{Name: "mini", Images: images, Attributes: encode(values), Jobs: jobs, Epoch: epoch}
	if req.WorkDir, err = s.folder("work"); err != nil {
		return req, err
	}
	req.OutDir, err = s.folder("out")
	return req, err
}

// export makes a call on a running plugin.
func (s *subject) export(ctx context.Context, p *pluginhost.Inspection, req sdk.ExportRequest, each func()) (sdk.ExportResult, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.CallTimeout)
	defer cancel()
	result, err := p.Exporter().Export(ctx, req, s.progress("export", each))
	if err != nil && ctx.Err() == context.DeadlineExceeded {
		err = fmt.Errorf("it did not end within %v", s.opts.CallTimeout)
	}
	return result, s.note(err)
}

// exportNew has the running plugin export to new folders.
func (s *subject) exportNew(ctx context.Context, images []sdk.Image) (req sdk.ExportRequest, result sdk.ExportResult, err error) {
	if req, err = s.exportRequest(images, 1); err != nil {
		return req, result, err
	}
	p, err := s.plugin(ctx)
	if err != nil {
		return req, result, err
	}
	result, err = s.export(ctx, p, req, nil)
	return req, result, err
}

func exports(ctx context.Context, s *subject) (string, error) {
	req, result, err := s.exportNew(ctx, nil)
	if err != nil {
		return "", err
	}
	if err := s.childless(); err != nil {
		return "", err
	}
	s.exported = req.OutDir
	var paths []string
	for _, a := range result.Artifacts {
		paths = append(paths, a.Path)
	}
	return strings.Join(paths, ", "), nil
}

// exportsTheSame exports again: in other folders, by a process that has
// another umask, with other jobs, at another time.
func exportsTheSame(ctx context.Context, s *subject) (string, error) {
	if s.exported == "" {
		return "", skip("the first export failed")
	}
	req, err := s.exportRequest(nil, 4)
	if err != nil {
		return "", err
	}
	host := s.newHost(true)
	defer host.Close()
	if s.other, err = host.Inspect(ctx, s.manifest.Name); err != nil {
		return "", err
	}
	defer func() { s.other = nil }()
	if _, err := s.export(ctx, s.other, req, nil); err != nil {
		return "", err
	}
	first, err := listing(s.exported)
	if err != nil {
		return "", err
	}
	again, err := listing(req.OutDir)
	if err != nil {
		return "", err
	}
	if change := difference(first, again); change != "" {
		return "", fmt.Errorf("the second time, %s", change)
	}
	return fmt.Sprintf("%d files", len(first)), nil
}

// exportsConfined exports as builds do.
func exportsConfined(ctx context.Context, s *subject) (string, error) {
	if s.exported == "" {
		return "", skip("the first export failed")
	}
	host, err := s.confinedHost()
	if err != nil {
		return "", err
	}
	defer host.Close()
	exporter, err := host.Exporter(ctx, s.manifest.Name)
	if err != nil {
		return "", err
	}
	req, err := s.exportRequest(nil, 1)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.CallTimeout)
	defer cancel()
	_, err = exporter.Export(ctx, req, nil)
	return s.opts.Sandbox.String(), s.note(err)
}

func failsToExport(ctx context.Context, s *subject) (string, error) {
	missing := sdk.Image{Arch: "x86_64", Platform: sdk.Platform{OS: "linux", Architecture: "amd64"}, Layer: filepath.Join(s.dir, "nowhere.tar"), Digest: "sha256:" + strings.Repeat("0", 64), Size: 10240}
	junk := missing
	junk.Layer = filepath.Join(s.dir, "junk.tar")
	if err := os.WriteFile(junk.Layer, bytes.Repeat([]byte("junk"), 2560), 0o644); err != nil {
		return "", err
	}
	for _, bad := range []struct {
		name  string
		image sdk.Image
	}{{"a layer that isn't there", missing}, {"a layer that is no archive", junk}} {
		req, err := s.exportRequest([]sdk.Image{bad.image}, 1)
		if err != nil {
			return "", err
		}
		p, err := s.plugin(ctx)
		if err != nil {
			return "", err
		}
		_, err = s.export(ctx, p, req, nil)
		if err == nil {
			return "", fmt.Errorf("it exported %s", bad.name)
		}
		if crashed(p) {
			return "", fmt.Errorf("%s: %w", bad.name, err)
		}
	}
	return "", nil
}

// crashed says that a plugin's process has ended, or is about to.
func crashed(p *pluginhost.Inspection) bool {
	select {
	case <-p.Exited():
		return true
	case <-time.After(100 * time.Millisecond):
		return false
	}
}

func cancelsExport(ctx context.Context, s *subject) (string, error) {
	if s.exported == "" {
		return "", skip("the first export failed")
	}
	if err := s.makeLayers(); err != nil {
		return "", err
	}
	req, err := s.exportRequest([]sdk.Image{s.layers.large}, 1)
	if err != nil {
		return "", err
	}
	return s.cancels(ctx, []string{req.WorkDir, req.OutDir}, func(ctx context.Context, p *pluginhost.Inspection, each func()) error {
		_, err := s.export(ctx, p, req, each)
		return err
	})
}
