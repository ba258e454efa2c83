package plugincheck

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mkmini/mkmini/core/fault"
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

func exports(ctx context.Context, s *subject) (string, error) {
	req, err := s.exportRequest(nil, 1)
	if err != nil {
		return "", err
	}
	p, err := s.plugin(ctx)
	if err != nil {
		return "", err
	}
	result, err := s.export(ctx, p, req, nil)
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

// odds are values that an attribute of a type may have and hardly means.
var odds = map[string][]string{
	"string":       {`"\u0001 ../\n"`, `""`, `"…"`},
	"number":       {`-1`, `1e300`, `0.5`},
	"list(string)": {`["\u0001 ../\n"]`, `[""]`, `["a", "a"]`},
	"set(string)":  {`["\u0001 ../\n"]`, `[""]`},
	"map(string)":  {`{"\u0001 ../\n": "\u0001"}`, `{"": ""}`},
}

// diagnosesAttributes gives each attribute odd values. A plugin may take
// them; what it refuses it has to explain.
func diagnosesAttributes(ctx context.Context, s *subject) (string, error) {
	if s.exported == "" {
		return "", skip("the first export failed")
	}
	refused := 0
	for _, a := range s.manifest.Exporter.Attributes {
		if len(a.OneOf) > 0 {
			continue // mkmini lets no other value through
		}
		for _, value := range odds[a.Type] {
			is, err := s.refuses(ctx, a.Name, json.RawMessage(value))
			if err != nil {
				return "", fmt.Errorf("%s = %s: %w", a.Name, value, err)
			}
			if is {
				refused++
			}
		}
	}
	if refused == 0 {
		return "", skip("it refused none of the odd values that its attributes were given")
	}
	return fmt.Sprintf("%d odd values were refused", refused), nil
}

// refuses exports with one attribute's value, and checks what comes of it.
func (s *subject) refuses(ctx context.Context, name string, value json.RawMessage) (bool, error) {
	req, err := s.exportRequest(nil, 1)
	if err != nil {
		return false, err
	}
	values, err := s.attributes(s.manifest.Exporter.Attributes)
	if err != nil {
		return false, err
	}
	values[name] = value
	req.Attributes = encode(values)
	p, err := s.plugin(ctx)
	if err != nil {
		return false, err
	}
	_, err = s.export(ctx, p, req, nil)
	if err == nil {
		return false, nil
	}
	return true, explained(err, "attributes", name)
}

// explained checks that an error is diagnostics, of which one is about a path
// of the configuration, and all say what a user needs.
func explained(err error, path ...string) error {
	var list sdk.Diagnostics
	if !errors.As(err, &list) {
		text := err.Error()
		if told := (*fault.Error)(nil); errors.As(err, &told) {
			text = told.Detail
		}
		return errors.New("the error is no diagnostic: " + text)
	}
	located := false
	for _, d := range list {
		if err := complete(d); err != nil {
			return err
		}
		located = located || len(d.Path) >= len(path) && slices.Equal(d.Path[:len(path)], path)
	}
	if !located {
		return fmt.Errorf("no diagnostic has the path %q: %w", strings.Join(path, "."), err)
	}
	return nil
}

// complete checks that a diagnostic says what is wrong and what to do.
func complete(d sdk.Diagnostic) error {
	switch {
	case d.Summary == "":
		return fmt.Errorf("a diagnostic has no summary: %q", d.Detail)
	case strings.HasSuffix(d.Summary, "."):
		return fmt.Errorf("the summary %q ends with a period", d.Summary)
	case d.Detail == "" && d.Remedy == "":
		return fmt.Errorf("the diagnostic %q has neither a detail nor a remedy", d.Summary)
	case d.Log != "" && !filepath.IsAbs(d.Log):
		return fmt.Errorf("the log %q is no absolute path", d.Log)
	}
	return nil
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
