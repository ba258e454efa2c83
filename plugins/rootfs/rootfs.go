// Package rootfs exports the root file system itself: as an archive, as an
// initramfs, or as a folder.
package rootfs

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/plugins/artifact"
	"github.com/mkmini/mkmini/plugins/compression"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// formats are all values of the attribute format.
var formats = []string{
	"tar", "tar.gz", "tar.xz", "tar.zst", "cpio", "cpio.gz", "cpio.xz", "cpio.zst", "dir",
}

// exporter writes root file systems. It has no state.
type exporter struct{}

var _ sdk.Exporter = exporter{}

// New returns the exporter.
func New() sdk.Exporter { return exporter{} }

// Describe implements sdk.Exporter.
func (exporter) Describe(context.Context) (sdk.ExporterInfo, error) {
	return sdk.ExporterInfo{
		Description: "the root file system as an archive, an initramfs (cpio) or a folder",
		Attributes: []sdk.Attribute{{
			Name: "format", Type: "string", Default: json.RawMessage(`"tar.gz"`), OneOf: slices.Clone(formats),
			Doc: "Format of the file system; a dir made without root has the user's ownership and no devices.",
		}},
	}, nil
}

// Export implements sdk.Exporter.
func (exporter) Export(ctx context.Context, req sdk.ExportRequest, progress sdk.Progress) (sdk.ExportResult, error) {
	progress = artifact.Quiet(progress)
	if len(req.Images) != 1 {
		return sdk.ExportResult{}, fmt.Errorf("rootfs exports one image at a time, not %d", len(req.Images))
	}
	format, err := decode(req.Attributes)
	if err != nil {
		return sdk.ExportResult{}, err
	}
	img := req.Images[0]
	name := fmt.Sprintf("%s-%s.%s", req.Name, img.Arch, format)
	progress(sdk.Report{Phase: "write", Message: name})
	var warnings sdk.Diagnostics
	kind, suffix, _ := strings.Cut(format, ".")
	switch kind {
	case "tar":
		err = exportTar(ctx, req, name, compression.Format(suffix))
	case "cpio":
		err = exportCpio(ctx, req, name, compression.Format(suffix))
	case "dir":
		warnings, err = exportDir(ctx, req, name)
	}
	if err != nil {
		return sdk.ExportResult{}, artifact.Explain(name, err)
	}
	return sdk.ExportResult{
		Artifacts: []sdk.Artifact{{Path: name, Format: format, Arch: img.Arch, Run: commands(req.Name, img, kind, suffix)}},
		Warnings:  warnings,
	}, nil
}

// decode reads the attributes.
func decode(raw json.RawMessage) (string, error) {
	attributes := struct {
		Format string `json:"format"`
	}{Format: "tar.gz"}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &attributes); err != nil {
			return "", fmt.Errorf("decode attributes: %w", err)
		}
	}
	if !slices.Contains(formats, attributes.Format) {
		return "", sdk.Diagnostics{{
			Severity: sdk.Error, Summary: "Unknown format",
			Detail: fmt.Sprintf("There is no format %q.", attributes.Format),
			Remedy: "Use one of " + strings.Join(formats, ", ") + ".",
			Path:   []string{"attributes", "format"},
		}}
	}
	return attributes.Format, nil
}
