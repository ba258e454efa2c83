// Command mkmini-plugin-listing is an exporter plugin that writes the names
// in a root file system, one a line. It stands for one that somebody keeps
// outside of mkmini, and imports the SDK only.
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

func main() {
	sdk.Serve(sdk.Plugin{Name: "listing", Version: "0.1.0", Exporter: listing{}})
}

type listing struct{}

var _ sdk.Exporter = listing{}

func (listing) Describe(context.Context) (sdk.ExporterInfo, error) {
	return sdk.ExporterInfo{
		Description: "the names of all files",
		Attributes:  []sdk.Attribute{{Name: "title", Type: "string", Doc: "A line above the names."}},
	}, nil
}

func (listing) Export(ctx context.Context, req sdk.ExportRequest, progress sdk.Progress) (sdk.ExportResult, error) {
	title, err := title(req.Attributes)
	if err != nil {
		return sdk.ExportResult{}, err
	}
	var result sdk.ExportResult
	for _, image := range req.Images {
		names, err := list(ctx, image.Layer)
		if err != nil {
			return sdk.ExportResult{}, fmt.Errorf("read %s: %w", image.Layer, err)
		}
		name := fmt.Sprintf("%s-%s.listing", req.Name, image.Arch)
		if err := write(filepath.Join(req.OutDir, name), append(title, names...)); err != nil {
			return sdk.ExportResult{}, err
		}
		result.Artifacts = append(result.Artifacts, sdk.Artifact{
			Path: name, Format: "listing", Arch: image.Arch, Run: []string{"cat {path}"},
		})
		progress(sdk.Report{Phase: "list", Done: len(result.Artifacts), Total: len(req.Images), Message: name})
	}
	return result, nil
}

// title returns the line above the names, if the block asks for one.
func title(attributes json.RawMessage) ([]string, error) {
	var block struct {
		Title *string `json:"title"`
	}
	if err := json.Unmarshal(attributes, &block); err != nil {
		return nil, fmt.Errorf("decode attributes: %w", err)
	}
	if block.Title == nil {
		return nil, nil
	}
	if strings.Contains(*block.Title, "\n") {
		return nil, sdk.Diagnostics{{
			Summary: "Title of several lines",
			Detail:  "The title is the first line of the listing, and only that.",
			Remedy:  "Leave out the line breaks.",
			Path:    []string{"attributes", "title"},
		}}
	}
	return []string{*block.Title}, nil
}

// list returns the names in a layer, which are sorted already.
func list(ctx context.Context, layer string) ([]string, error) {
	f, err := os.Open(layer)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var names []string
	for r := tar.NewReader(f); ctx.Err() == nil; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return names, nil
		}
		if err != nil {
			return nil, err
		}
		names = append(names, header.Name)
	}
	return nil, ctx.Err()
}

// write writes a file whose mode does not depend on the umask.
func write(path string, lines []string) error {
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		return err
	}
	return os.Chmod(path, 0o644)
}
