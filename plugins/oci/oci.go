// Package oci exports OCI image layouts, as a folder or as a tar archive, over
// all architectures of a system.
package oci

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/mkmini/mkmini/plugins/artifact"
	"github.com/mkmini/mkmini/plugins/image"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// exporter writes OCI image layouts. It has no state.
type exporter struct{}

var _ sdk.Exporter = exporter{}

// New returns the exporter.
func New() sdk.Exporter { return exporter{} }

// Describe implements sdk.Exporter.
func (exporter) Describe(context.Context) (sdk.ExporterInfo, error) {
	return sdk.ExporterInfo{
		Description: "an OCI image layout over all architectures",
		MultiArch:   true,
		Attachments: true,
		Attributes: append(image.Describe(),
			sdk.Attribute{Name: "archive", Type: "bool", Default: []byte("false"), Doc: "Write a tar archive in place of a folder."}),
	}, nil
}

// Export implements sdk.Exporter.
func (exporter) Export(ctx context.Context, req sdk.ExportRequest, progress sdk.Progress) (sdk.ExportResult, error) {
	progress = artifact.Quiet(progress)
	if len(req.Images) == 0 {
		return sdk.ExportResult{}, errors.New("there is no image to export")
	}
	attributes, err := image.Decode(req.Attributes)
	if err != nil {
		return sdk.ExportResult{}, err
	}
	references, err := attributes.References(req.Name, true)
	if err != nil {
		return sdk.ExportResult{}, err
	}
	name, transport := req.Name+".oci", "oci"
	if attributes.Archive {
		name, transport = name+".tar", "oci-archive"
		err = writeArchive(ctx, req, name, attributes, references, progress)
	} else {
		err = artifact.WriteFolder(req.OutDir, name, func(folder string) error {
			_, err := fill(ctx, req, folder, attributes, references, progress)
			return err
		})
	}
	if err != nil {
		return sdk.ExportResult{}, artifact.Explain(name, err)
	}
	result := sdk.Artifact{Path: name, Format: "oci"}
	// Skopeo doesn't hand layers on to docker that are compressed by zstd.
	if attributes.Compression != "zstd" {
		result.Run = commands(req.Images, transport, references[0])
	}
	if len(req.Images) == 1 {
		result.Arch = req.Images[0].Arch
	}
	return sdk.ExportResult{Artifacts: []sdk.Artifact{result}}, nil
}

// writeArchive makes a layout in the work folder, and an archive of it.
func writeArchive(ctx context.Context, req sdk.ExportRequest, name string, a image.Attributes, references []image.Reference, progress sdk.Progress) (err error) {
	dir, err := os.MkdirTemp(req.WorkDir, "layout")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	l, err := fill(ctx, req, dir, a, references, progress)
	if err != nil {
		return err
	}
	return l.WriteTar(ctx, req.OutDir, name, nil, nil)
}

// fill writes a layout into a folder and reads it back.
func fill(ctx context.Context, req sdk.ExportRequest, folder string, a image.Attributes, references []image.Reference, progress sdk.Progress) (*image.Layout, error) {
	l, err := image.NewLayout(folder, req.Epoch, req.Jobs)
	if err != nil {
		return nil, err
	}
	images := make([]image.Named, len(req.Images))
	for i, img := range req.Images {
		progress(sdk.Report{Phase: "write", Done: i, Total: len(req.Images), Message: img.Arch})
		descriptor, err := l.AddImage(ctx, img, a)
		if err != nil {
			return nil, err
		}
		images[i] = image.Named{Arch: img.Arch, Descriptor: descriptor}
		if err := l.Attach(ctx, descriptor, img.Attachments); err != nil {
			return nil, err
		}
	}
	if err := l.NameAll(images, references, a); err != nil {
		return nil, err
	}
	if err := l.Finish(); err != nil {
		return nil, err
	}
	return l, l.Check(ctx, req.Images)
}

// commands copy each image to docker, and run it.
func commands(images []sdk.Image, transport string, r image.Reference) []string {
	var list []string
	for _, img := range images {
		one := r
		if len(images) > 1 {
			one = r.For(img.Arch)
		}
		list = append(list,
			fmt.Sprintf("skopeo copy %s:{path}:%s docker-daemon:%s", transport, one.Ref, one.Familiar),
			image.RunCommand(img.Platform, one.Familiar))
	}
	return list
}
