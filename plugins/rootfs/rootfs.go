// Package rootfs exports the root file system itself: as an archive, as an
// initramfs, as a folder, or as an image of a file system or of a disk. Each
// format is an entry of a table, and a file of its own.
package rootfs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/mkmini/mkmini/plugins/artifact"
	"github.com/mkmini/mkmini/plugins/layer"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// exporter writes root file systems. It has no state.
type exporter struct{}

var (
	_ sdk.Exporter  = exporter{}
	_ sdk.Validator = exporter{}
)

// New returns the exporter.
func New() sdk.Exporter { return exporter{} }

// Describe implements sdk.Exporter.
func (exporter) Describe(context.Context) (sdk.ExporterInfo, error) {
	return sdk.ExporterInfo{
		Description: "the root file system as an archive, an initramfs (cpio), a folder, or an image of a disk",
		Attributes: []sdk.Attribute{
			{
				Name: "format", Type: "string", Default: json.RawMessage(`"tar.gz"`), OneOf: names(),
				Doc: "Format of the file system; a dir made without root has the user's ownership and no devices.",
			},
			{
				Name: "size", Type: "string",
				Doc: "Size of an ext4, disk or qcow2 image, such as \"64M\"; without it, as small as it can be.",
			},
			{
				Name: "compression", Type: "string", OneOf: slices.Clone(compressions),
				Doc: "Compression of a squashfs image; without it, gzip.",
			},
		},
	}, nil
}

// Export implements sdk.Exporter.
func (exporter) Export(ctx context.Context, req sdk.ExportRequest, progress sdk.Progress) (sdk.ExportResult, error) {
	progress = artifact.Quiet(progress)
	if len(req.Images) != 1 {
		return sdk.ExportResult{}, fmt.Errorf("rootfs exports one image at a time, not %d", len(req.Images))
	}
	format, opts, err := decode(req.Attributes)
	if err != nil {
		return sdk.ExportResult{}, err
	}
	img := req.Images[0]
	name := fmt.Sprintf("%s-%s.%s", req.Name, img.Arch, format.name)
	progress(sdk.Report{Phase: "write", Message: name})
	warnings, err := format.export(ctx, req, name, opts)
	if unfit, ok := errors.AsType[*layer.UnfitError](err); ok {
		return sdk.ExportResult{}, problem("format", "Entry that the format can't hold",
			fmt.Sprintf("The entry %s.", unfit), "Change it, or choose another format; tar holds them all.")
	}
	if err != nil {
		return sdk.ExportResult{}, artifact.Explain(name, err)
	}
	return sdk.ExportResult{
		Artifacts: []sdk.Artifact{{Path: name, Format: format.name, Arch: img.Arch, Run: format.commands(req.Name, img)}},
		Warnings:  warnings,
	}, nil
}

// Validate implements sdk.Validator.
func (exporter) Validate(_ context.Context, req sdk.ValidateRequest) error {
	_, _, err := decode(req.Attributes)
	return err
}
