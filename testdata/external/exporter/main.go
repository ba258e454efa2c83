// Command mkmini-plugin-listing is an exporter plugin that writes the names
// in a root file system, one a line. It stands for one that somebody keeps
// outside of mkmini, and imports the SDK only.
package main

import (
	"archive/tar"
	"context"
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
		Attributes:  []sdk.Attribute{{Name: "title", Type: "string", Doc: "The first line."}},
	}, nil
}

func (listing) Export(_ context.Context, req sdk.ExportRequest, progress sdk.Progress) (sdk.ExportResult, error) {
	var result sdk.ExportResult
	for i, image := range req.Images {
		names, err := list(image.Layer)
		if err != nil {
			return result, sdk.Diagnostics{{Summary: "Layer can't be read", Detail: err.Error(), Remedy: "Build again."}}
		}
		name := fmt.Sprintf("%s-%s.listing", req.Name, image.Arch)
		text := strings.Join(names, "\n") + "\n"
		if err := os.WriteFile(filepath.Join(req.OutDir, name), []byte(text), 0o644); err != nil {
			return result, err
		}
		result.Artifacts = append(result.Artifacts, sdk.Artifact{Path: name, Format: "listing", Arch: image.Arch, Run: []string{"cat {path}"}})
		progress(sdk.Report{Phase: "list", Done: i + 1, Total: len(req.Images)})
	}
	return result, nil
}

func list(layer string) ([]string, error) {
	f, err := os.Open(layer)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var names []string
	for r := tar.NewReader(f); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return names, nil
		}
		if err != nil {
			return nil, err
		}
		names = append(names, header.Name)
	}
}
