// Command mkmini-plugin-listing is an exporter plugin of mkmini. It writes the
// names in a root file system, one a line.
package main

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/mkmini/mkmini/plugins/sdk"
)

func main() { sdk.Serve(plugin()) }

// plugin is what the program serves.
func plugin() sdk.Plugin {
	return sdk.Plugin{Name: "listing", Version: "0.1.0", Exporter: exporter{}}
}

type exporter struct{}

// block is what the configuration says; mkmini has checked the types.
type block struct {
	Title *string `json:"title"`
}

func (exporter) Describe(context.Context) (sdk.ExporterInfo, error) {
	return sdk.ExporterInfo{
		Description: "the names of all files",
		Attributes:  []sdk.Attribute{{Name: "title", Type: "string", Doc: "A line above the names."}},
	}, nil
}

func (exporter) Validate(_ context.Context, req sdk.ValidateRequest) error {
	var b block
	if err := json.Unmarshal(req.Attributes, &b); err != nil {
		return fmt.Errorf("decode attributes: %w", err)
	}
	if b.Title == nil || !strings.Contains(*b.Title, "\n") {
		return nil
	}
	return sdk.Diagnostics{{
		Summary: "Title of several lines", Detail: "The title is the first line of the listing, and only that.",
		Remedy: "Leave out the line breaks.", Path: []string{"attributes", "title"},
	}}
}

func (exporter) Export(ctx context.Context, req sdk.ExportRequest, progress sdk.Progress) (sdk.ExportResult, error) {
	var b block
	if err := json.Unmarshal(req.Attributes, &b); err != nil {
		return sdk.ExportResult{}, fmt.Errorf("decode attributes: %w", err)
	}
	image := req.Images[0] // there is one, as the plugin isn't MultiArch
	lines, err := names(ctx, image.Layer)
	if err != nil {
		return sdk.ExportResult{}, fmt.Errorf("read %s: %w", image.Layer, err)
	}
	if b.Title != nil {
		lines = append([]string{*b.Title}, lines...)
	}
	name := fmt.Sprintf("%s-%s.listing", req.Name, image.Arch)
	path := filepath.Join(req.OutDir, name)
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		return sdk.ExportResult{}, err
	}
	progress(sdk.Report{Phase: "write", Done: 1, Total: 1, Message: name})
	artifact := sdk.Artifact{Path: name, Format: "listing", Arch: image.Arch, Run: []string{"cat {path}"}}
	// The mode must not depend on the umask.
	return sdk.ExportResult{Artifacts: []sdk.Artifact{artifact}}, os.Chmod(path, 0o644)
}

// names returns the names in a layer, which are sorted already.
func names(ctx context.Context, layer string) (list []string, err error) {
	f, err := os.Open(layer)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for r := tar.NewReader(f); ctx.Err() == nil; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return list, nil
		} else if err != nil {
			return nil, err
		}
		list = append(list, header.Name)
	}
	return nil, ctx.Err()
}
