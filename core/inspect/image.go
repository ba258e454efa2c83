package inspect

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Image is what an image says of itself.
type Image struct {
	// Tags are the names that the image has in the artifact.
	Tags []string `json:"tags"`
	// Digest is the "sha256:…" of the manifest; empty in what docker save
	// writes, where there is none. ConfigDigest is that of the configuration.
	Digest       string `json:"digest,omitempty"`
	ConfigDigest string `json:"config_digest"`
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	Variant      string `json:"variant,omitempty"`
	Created      string `json:"created,omitempty"`
	Author       string `json:"author,omitempty"`
	// Config is how a container is started.
	Config Config `json:"config"`
	// Annotations are those of the manifest.
	Annotations map[string]string `json:"annotations,omitempty"`
	// Layers are the layers, the lowest first.
	Layers []Layer `json:"layers"`
}

// Platform returns OS, architecture and variant with slashes between them.
func (i *Image) Platform() string {
	return v1.Platform{OS: i.OS, Architecture: i.Architecture, Variant: i.Variant}.String()
}

// Config is how a container is started.
type Config struct {
	User         string            `json:"user,omitempty"`
	Entrypoint   []string          `json:"entrypoint,omitempty"`
	Cmd          []string          `json:"cmd,omitempty"`
	Env          []string          `json:"env,omitempty"`
	WorkingDir   string            `json:"working_dir,omitempty"`
	Labels       map[string]string `json:"labels,omitempty"`
	ExposedPorts []string          `json:"exposed_ports,omitempty"`
	Volumes      []string          `json:"volumes,omitempty"`
	StopSignal   string            `json:"stop_signal,omitempty"`
	Healthcheck  *v1.HealthConfig  `json:"healthcheck,omitempty"`
}

// Layer is a layer of an image.
type Layer struct {
	// Digest is the "sha256:…" of the layer as it is stored, and DiffID that
	// of the tar archive in it.
	Digest string `json:"digest"`
	DiffID string `json:"diff_id"`
	// MediaType is what the manifest says; empty where there is none.
	MediaType string `json:"media_type,omitempty"`
	// Compression is "gzip", "zstd" or another, or empty.
	Compression string `json:"compression,omitempty"`
	// Size is the stored length in bytes.
	Size int64 `json:"size"`
}

// Attachment is a manifest that is no image: an SBOM or a signature.
type Attachment struct {
	Digest       string `json:"digest"`
	ArtifactType string `json:"artifact_type"`
	// Subject is the digest of what it is about.
	Subject string `json:"subject,omitempty"`
}

// parts are the files that images are made of. open returns a file and its
// length; what isn't there is os.ErrNotExist.
type parts interface {
	open(name string) (io.ReadCloser, int64, error)
}

const (
	// maxJSON is the most bytes of an index, a manifest or a configuration.
	maxJSON = 8 << 20
	// maxImages is the most images of one artifact.
	maxImages = 256
)

// readImages reads the images in an artifact, and says whether it holds any.
func (s *scanner) readImages(p parts, a *Artifact) (bool, error) {
	images := savedImages(p)
	if _, err := readPart(p, "oci-layout"); err == nil {
		index, err := readPart(p, "index.json")
		if err == nil {
			if a.Format = "oci"; images != nil {
				a.Format = "docker"
			}
			return true, s.layout(p, index, a)
		}
		if !errors.Is(err, os.ErrNotExist) {
			return true, err
		}
	}
	if images == nil {
		return false, nil
	}
	a.Format = "docker"
	return true, s.saved(p, images, a)
}

// savedImages returns what docker save lists; nil if it didn't write this.
func savedImages(p parts) []savedImage {
	data, err := readPart(p, "manifest.json")
	if err != nil {
		return nil
	}
	var images []savedImage
	if json.Unmarshal(data, &images) != nil || len(images) == 0 || images[0].Config == "" {
		return nil // some file of that name
	}
	return images
}

// readPart reads a part of limited length.
func readPart(p parts, name string) ([]byte, error) {
	f, _, err := p.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxJSON+1))
	if err == nil && len(data) > maxJSON {
		err = fmt.Errorf("%s has more than %d bytes", quoted(name), maxJSON)
	}
	return data, err
}

// layerSource is where a layer is, and what the manifest says of it.
type layerSource struct {
	name string
	// digest is empty where there is no manifest.
	digest, mediaType string
}

// image reads an image whose configuration and layers are known, and adds it
// if it is for the platform that is wanted; else it returns its own.
func (s *scanner) image(p parts, config []byte, layers []layerSource, i *Image, a *Artifact) (other string, err error) {
	var c v1.ConfigFile
	if err := json.Unmarshal(config, &c); err != nil {
		return "", fmt.Errorf("the image's configuration can't be read: %w", err)
	}
	if s.want != nil {
		if is := (v1.Platform{OS: c.OS, Architecture: c.Architecture, Variant: c.Variant}); !is.Satisfies(*s.want) {
			return is.String(), nil
		}
	}
	if len(c.RootFS.DiffIDs) != len(layers) {
		return "", fmt.Errorf("the image has %d layers, and its configuration names %d", len(layers), len(c.RootFS.DiffIDs))
	}
	describe(i, &c)
	i.ConfigDigest = digestOf(config)
	t := newTree(s)
	for n, from := range layers {
		t.layer = n + 1
		l, err := s.layer(p, from, c.RootFS.DiffIDs[n].String(), t)
		if err != nil {
			return "", fmt.Errorf("layer %d of %d: %w", n+1, len(layers), err)
		}
		i.Layers = append(i.Layers, l)
	}
	done := t.finish()
	done.Image = i
	a.Trees = append(a.Trees, done)
	return "", nil
}

// describe takes over what an image's configuration says.
func describe(i *Image, c *v1.ConfigFile) {
	i.OS, i.Architecture, i.Variant, i.Author = c.OS, c.Architecture, c.Variant, c.Author
	if !c.Created.IsZero() {
		i.Created = c.Created.UTC().Format("2006-01-02T15:04:05Z")
	}
	i.Config = Config{
		User: c.Config.User, Entrypoint: c.Config.Entrypoint, Cmd: c.Config.Cmd, Env: c.Config.Env,
		WorkingDir: c.Config.WorkingDir, Labels: c.Config.Labels, StopSignal: c.Config.StopSignal,
		ExposedPorts: slices.Sorted(maps.Keys(c.Config.ExposedPorts)), Volumes: slices.Sorted(maps.Keys(c.Config.Volumes)),
		Healthcheck: c.Config.Healthcheck,
	}
	if i.Tags == nil {
		i.Tags = []string{}
	}
}

// savedImage is one of the list in what docker save writes.
// Source: https://github.com/moby/docker-image-spec, "Combined Image JSON +
// Filesystem Changeset Format".
type savedImage struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// saved reads what docker save wrote.
func (s *scanner) saved(p parts, images []savedImage, a *Artifact) error {
	if len(images) > maxImages {
		return fmt.Errorf("it holds %d images, more than %d", len(images), maxImages)
	}
	var others []string
	for _, image := range images {
		config, err := readPart(p, image.Config)
		if err != nil {
			return fmt.Errorf("the image's configuration %s: %w", quoted(image.Config), err)
		}
		// Its name is its digest, in the older layout with a suffix, in the
		// newer one in a folder.
		base := image.Config[strings.LastIndex(image.Config, "/")+1:]
		if hex := strings.TrimSuffix(base, ".json"); len(hex) == 64 && "sha256:"+hex != digestOf(config) {
			return fmt.Errorf("the image's configuration has the digest %s and not %s", digestOf(config), hex)
		}
		var layers []layerSource
		for _, name := range image.Layers {
			layers = append(layers, layerSource{name: name})
		}
		other, err := s.image(p, config, layers, &Image{Tags: image.RepoTags}, a)
		if err != nil {
			return err
		}
		if other != "" {
			others = append(others, other)
		}
	}
	return chosen(a, others)
}

// chosen says which images there are if none was taken.
func chosen(a *Artifact, others []string) error {
	if len(a.Trees) > 0 {
		return nil
	}
	if len(others) == 0 {
		return errors.New("it holds no image")
	}
	slices.Sort(others)
	return &choiceError{"it is for " + strings.Join(slices.Compact(others), ", "), platformFlag}
}

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// parse reads JSON that must have a digest.
func parse(data []byte, digest string, v any) error {
	if digest != "" && digestOf(data) != digest {
		return fmt.Errorf("it has the digest %s and not %s", digestOf(data), digest)
	}
	return json.NewDecoder(bytes.NewReader(data)).Decode(v)
}
