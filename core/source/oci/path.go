package oci

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/mkmini/mkmini/core/source"
)

// Path finds an image on this machine: an OCI layout, as a folder or a tar
// archive, or an archive that docker save wrote. An archive is unpacked into
// the folder work, which must not exist or be empty, and has to stay as long
// as the image is used. Errors are one clause, apart from the end of ctx and
// what is wrong with an archive.
func (r *Reader) Path(ctx context.Context, path, work string) (*Image, error) {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("there is no %s", path)
	}
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		if _, err := source.UnpackTree(ctx, path, work, source.Tree{}); err != nil {
			return nil, err
		}
		path = work
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	i := &Image{want: r.Platform}
	if _, err := root.Stat("index.json"); err == nil {
		err = i.layout(folder{path}, root)
		return i, inPath(path, err)
	}
	if _, err := root.Stat("manifest.json"); err == nil {
		return i, inPath(path, i.saved(path, root))
	}
	return nil, fmt.Errorf("%s is neither an OCI layout nor what docker save writes: it has no index.json and no manifest.json", filepath.Base(path))
}

func inPath(path string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", filepath.Base(path), err)
}

// folder is an OCI layout.
// Source: OCI image specification, "Image Layout".
type folder struct{ path string }

func (f folder) blob(_ context.Context, h v1.Hash, _ Progress) (string, error) {
	return filepath.Join(f.path, blobName(h)), nil
}

func blobName(h v1.Hash) string { return filepath.Join("blobs", h.Algorithm, h.Hex) }

// layout reads the index and the manifest of an OCI layout.
func (i *Image) layout(f folder, root *os.Root) error {
	index, err := readIn(root, "index.json")
	if err != nil {
		return err
	}
	read := func(d v1.Descriptor) ([]byte, error) {
		data, err := readIn(root, blobName(d.Digest))
		if err != nil {
			return nil, err
		}
		if h := digest(data); h != d.Digest {
			return nil, fmt.Errorf("a manifest has the digest %s and not %s", h, d.Digest)
		}
		return data, nil
	}
	chosen, err := pick(index, i.want, read)
	if err != nil {
		return err
	}
	data, err := read(chosen)
	if err != nil {
		return err
	}
	i.Digest, i.parts = chosen.Digest.String(), f
	return i.manifest(data)
}

// saved is what docker save writes, unpacked: files by names of its own.
// Source: https://github.com/moby/docker-image-spec, "Combined Image JSON +
// Filesystem Changeset Format".
type saved struct {
	path  string
	files map[v1.Hash]string
}

func (s saved) blob(_ context.Context, h v1.Hash, _ Progress) (string, error) {
	return filepath.Join(s.path, s.files[h]), nil
}

// saved reads the list of images in what docker save wrote, and the
// configuration of the only one.
func (i *Image) saved(path string, root *os.Root) error {
	data, err := readIn(root, "manifest.json")
	if err != nil {
		return err
	}
	var images []struct {
		Config string
		Layers []string
	}
	if err := json.Unmarshal(data, &images); err != nil {
		return fmt.Errorf("its manifest.json can't be read: %w", err)
	}
	if len(images) != 1 {
		return fmt.Errorf("it holds %d images: save one alone", len(images))
	}
	config, err := readIn(root, images[0].Config)
	if err != nil {
		return err
	}
	s := saved{path: path, files: map[v1.Hash]string{}}
	i.config, i.parts = digest(config), s
	i.Digest = i.config.String()
	s.files[i.config] = images[0].Config
	for n, layer := range images[0].Layers {
		// A layer is known by the digest of its content, which is checked when
		// it is unpacked; it has no other name here than its number.
		if !filepath.IsLocal(layer) {
			return fmt.Errorf("a layer of it is outside: %q", layer)
		}
		h := v1.Hash{Algorithm: "layer", Hex: fmt.Sprint(n)}
		s.files[h] = layer
		i.layers = append(i.layers, h)
	}
	return nil
}

// readIn reads a small file below a folder.
func readIn(root *os.Root, name string) ([]byte, error) {
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no file", name)
	}
	return limited(io.Reader(f))
}
