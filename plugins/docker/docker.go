// Package docker exports images for `docker load`: one tar archive that is an
// OCI image layout as well, so that the tools for either read it.
package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/mkmini/mkmini/plugins/artifact"
	"github.com/mkmini/mkmini/plugins/image"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// exporter writes docker archives. It has no state.
type exporter struct{}

var _ sdk.Exporter = exporter{}

// New returns the exporter.
func New() sdk.Exporter { return exporter{} }

// Describe implements sdk.Exporter.
func (exporter) Describe(context.Context) (sdk.ExporterInfo, error) {
	return sdk.ExporterInfo{
		Description: "an image for docker load, readable as an OCI image layout as well",
		Attributes: append(image.Describe(),
			sdk.Attribute{Name: "load", Type: "bool", Default: []byte("false"), Doc: "Whether mkmini hands the image to the docker engine after the export."},
		),
	}, nil
}

// Export implements sdk.Exporter.
func (exporter) Export(ctx context.Context, req sdk.ExportRequest, progress sdk.Progress) (sdk.ExportResult, error) {
	progress = artifact.Quiet(progress)
	if len(req.Images) != 1 {
		return sdk.ExportResult{}, fmt.Errorf("docker exports one image at a time, not %d", len(req.Images))
	}
	img := req.Images[0]
	attributes, err := image.Decode(req.Attributes)
	if err != nil {
		return sdk.ExportResult{}, err
	}
	references, err := attributes.References(req.Name, false)
	if err != nil {
		return sdk.ExportResult{}, err
	}
	file := fmt.Sprintf("%s-%s.docker.tar", req.Name, img.Arch)
	progress(sdk.Report{Phase: "write", Message: file})
	if err := write(ctx, req, file, attributes, references); err != nil {
		return sdk.ExportResult{}, artifact.Explain(file, err)
	}
	return sdk.ExportResult{Artifacts: []sdk.Artifact{{
		Path: file, Format: "docker", Arch: img.Arch, Run: commands(img, references[0].Familiar),
	}}}, nil
}

// write makes the layout, and of it the archive.
func write(ctx context.Context, req sdk.ExportRequest, file string, a image.Attributes, references []image.Reference) (err error) {
	img := req.Images[0]
	dir, err := os.MkdirTemp(req.WorkDir, "layout")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	l, err := image.NewLayout(dir, req.Epoch, req.Jobs)
	if err != nil {
		return err
	}
	manifest, err := l.AddImage(ctx, img, a)
	if err != nil {
		return err
	}
	var tags []string
	for _, reference := range references {
		l.Name(manifest, reference)
		tags = append(tags, reference.Familiar)
	}
	if err := l.Finish(); err != nil {
		return err
	}
	if err := l.Check(ctx, req.Images); err != nil {
		return err
	}
	legacy, err := legacyManifest(dir, manifest.Digest, tags)
	if err != nil {
		return err
	}
	return l.WriteTar(ctx, req.OutDir, file, map[string][]byte{"manifest.json": legacy}, func(path string) error {
		return check(path, tags, image.DiffIDs(img))
	})
}

// legacyManifest returns the manifest.json that `docker load` reads. It points
// to the blobs of the layout.
func legacyManifest(dir string, digest v1.Hash, tags []string) ([]byte, error) {
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, err
	}
	img, err := index.Image(digest)
	if err != nil {
		return nil, err
	}
	manifest, err := img.Manifest()
	if err != nil {
		return nil, err
	}
	blob := func(h v1.Hash) string { return filepath.ToSlash(filepath.Join("blobs", h.Algorithm, h.Hex)) }
	d := tarball.Descriptor{Config: blob(manifest.Config.Digest), RepoTags: tags}
	for _, layer := range manifest.Layers {
		d.Layers = append(d.Layers, blob(layer.Digest))
	}
	return json.Marshal(tarball.Manifest{d})
}

// check reads the archive as `docker load` does.
func check(path string, tags []string, diffIDs string) error {
	for _, tag := range tags {
		reference, err := name.NewTag(tag)
		if err != nil {
			return err
		}
		img, err := tarball.ImageFromPath(path, &reference)
		if err != nil {
			return fmt.Errorf("image %s: %w", tag, err)
		}
		// The bytes of all files were compared already.
		if err := validate.Image(img, validate.Fast); err != nil {
			return fmt.Errorf("image %s: %w", tag, err)
		}
		config, err := img.ConfigFile()
		if err != nil {
			return err
		}
		if got := image.DiffIDsOf(config); got != diffIDs {
			return fmt.Errorf("image %s: its layers are %s and not %s", tag, got, diffIDs)
		}
	}
	return nil
}

// commands load and run an image.
func commands(img sdk.Image, tag string) []string {
	return []string{"docker load -i {path}", image.RunCommand(img.Platform, tag)}
}
