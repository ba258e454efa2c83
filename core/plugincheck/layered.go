package plugincheck

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/core/inspect"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// parts are the layers of a small root file system: which of its members are in
// which. One folder is in two of them.
var parts = []struct {
	name    string
	members []string
}{
	{"base", []string{"bin/", "bin/busybox", "bin/ls", "bin/sh", "dev/", "dev/console", "init", "root/", "tmp/"}},
	{"settings", []string{"etc/", "etc/a b", "pipe"}},
	{"accounts", []string{"etc/", "etc/passwd"}},
}

// layered returns the small root file systems, split.
func (s *subject) layered() ([]sdk.Image, error) {
	dir, err := s.folder("split")
	if err != nil {
		return nil, err
	}
	images := slices.Clone(s.layers.small)
	if !s.manifest.Exporter.MultiArch {
		images = images[:1]
	}
	for i := range images {
		for _, p := range parts {
			list := slices.DeleteFunc(members(images[i].Arch), func(m member) bool { return !slices.Contains(p.members, m.name) })
			one, err := writeLayer(filepath.Join(dir, images[i].Arch+"-"+p.name+".tar"), images[i].Arch, list, 0)
			if err != nil {
				return nil, err
			}
			images[i].Layers = append(images[i].Layers, sdk.Layer{Name: p.name, Path: one.Layer, Digest: one.Digest, Size: one.Size})
		}
	}
	s.inputs[dir], err = listing(dir)
	return images, err
}

// exportsLayers exports a root file system in several layers, and reads the
// artifacts back: they hold what those of the same one in a single layer do.
func exportsLayers(ctx context.Context, s *subject) (string, error) {
	if s.exported == "" {
		return "", skip("the first export failed")
	}
	if err := s.makeLayers(); err != nil {
		return "", err
	}
	images, err := s.layered()
	if err != nil {
		return "", err
	}
	req, result, err := s.exportNew(ctx, images)
	if err != nil {
		return "", err
	}
	return s.sameAsWhole(ctx, req, result)
}

// sameAsWhole compares the artifacts of a split root file system with those of
// the first export, byte by byte or entry by entry.
func (s *subject) sameAsWhole(ctx context.Context, req sdk.ExportRequest, result sdk.ExportResult) (string, error) {
	whole, err := listing(s.exported)
	if err != nil {
		return "", err
	}
	split, err := listing(req.OutDir)
	if err != nil {
		return "", err
	}
	if difference(whole, split) == "" {
		return "the same bytes as with one layer", nil
	}
	read := 0
	for _, a := range result.Artifacts {
		name := filepath.FromSlash(a.Path)
		before, err := inspect.Read(ctx, filepath.Join(s.exported, name), inspect.Options{})
		if _, statErr := os.Lstat(filepath.Join(s.exported, name)); errors.Is(statErr, fs.ErrNotExist) {
			return "", fmt.Errorf("there is an artifact %s that there isn't of one layer", a.Path)
		}
		if err != nil {
			if ctx.Err() != nil {
				return "", err
			}
			continue // in a format of the plugin's own
		}
		now, err := inspect.Read(ctx, filepath.Join(req.OutDir, name), inspect.Options{})
		if err != nil {
			return "", fmt.Errorf("of several layers, %s is damaged: %w", a.Path, err)
		}
		if err := compareTrees(a.Path, before, now, req.Images); err != nil {
			return "", err
		}
		read++
	}
	if read == 0 {
		return "", skip("with several layers it writes something else than with one, in a format that mkmini can't read")
	}
	return fmt.Sprintf("all %d layers are there", len(parts)), nil
}

// compareTrees looks whether an artifact of several layers has the entries of
// that of one, and images all layers in their order.
func compareTrees(name string, whole, split *inspect.Artifact, images []sdk.Image) error {
	if len(whole.Trees) != len(split.Trees) {
		return fmt.Errorf("%s has %d file systems, and %d with one layer", name, len(split.Trees), len(whole.Trees))
	}
	for i, tree := range split.Trees {
		for _, change := range inspect.Diff(whole.Trees[i], tree, []string{"config"}) {
			text := fmt.Sprintf("%s of %s is %s", change.Path(), name, change.Kind)
			if layer := layerOf(change.Path()); layer != "" && change.Kind == inspect.Removed {
				text = fmt.Sprintf("%s lacks %s of the layer %q", name, change.Path(), layer)
			}
			return errors.New(text)
		}
		if tree.Image == nil || len(tree.Image.Layers) == 1 {
			continue // it was put together
		}
		var got []string
		for _, l := range tree.Image.Layers {
			got = append(got, l.DiffID)
		}
		if !slices.ContainsFunc(images, func(img sdk.Image) bool { return slices.Equal(got, digests(img.Layers)) }) {
			return fmt.Errorf("the layers of %s are not those of the request, in their order", name)
		}
	}
	return nil
}

// layerOf returns the name of the layer that a path is in; empty if it is in
// none, or in several.
func layerOf(path string) string {
	var in []string
	for _, p := range parts {
		name := strings.TrimPrefix(path, "/")
		if slices.Contains(p.members, name) || slices.Contains(p.members, name+"/") {
			in = append(in, p.name)
		}
	}
	if len(in) != 1 {
		return ""
	}
	return in[0]
}

func digests(layers []sdk.Layer) []string {
	list := make([]string, len(layers))
	for i, l := range layers {
		list[i] = l.Digest
	}
	return list
}
