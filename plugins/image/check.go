package image

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/mkmini/mkmini/plugins/cancel"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// Check reads a finished layout back: every manifest, configuration and layer
// is there and is what its digest says, and the layers are those of images,
// no more and no less.
func (l *Layout) Check(ctx context.Context, images []sdk.Image) error {
	index, err := layout.ImageIndexFromPath(l.dir)
	if err != nil {
		return err
	}
	found := make(map[string]sdk.Platform)
	seen := make(map[v1.Hash]bool)
	if err := collect(ctx, index, seen, found); err != nil {
		return err
	}
	if err := l.checkAttached(index, seen); err != nil {
		return err
	}
	want := make(map[string]bool)
	for _, img := range images {
		key := DiffIDs(img) + " " + img.Platform.String()
		if _, ok := found[key]; !ok {
			return fmt.Errorf("the image of %s for %s is missing", DiffIDs(img), img.Platform)
		}
		want[key] = true
	}
	if len(found) != len(want) {
		return fmt.Errorf("there are %d images, not %d", len(found), len(want))
	}
	return nil
}

// DiffIDs returns the digests of the layers of an image, in order, with spaces
// between them.
func DiffIDs(img sdk.Image) string {
	var list []string
	for _, part := range Layers(img) {
		list = append(list, part.Digest)
	}
	return strings.Join(list, " ")
}

// DiffIDsOf returns the same of an image that was read back.
func DiffIDsOf(config *v1.ConfigFile) string {
	var list []string
	for _, id := range config.RootFS.DiffIDs {
		list = append(list, id.String())
	}
	return strings.Join(list, " ")
}

// collect validates all images below an index, each once, and adds their
// layers' digests with their platforms to found.
func collect(ctx context.Context, index v1.ImageIndex, seen map[v1.Hash]bool, found map[string]sdk.Platform) error {
	manifest, err := index.IndexManifest()
	if err != nil {
		return err
	}
	for _, d := range manifest.Manifests {
		if err := ctx.Err(); err != nil {
			return err
		}
		if seen[d.Digest] || isAttachment(d) {
			continue
		}
		seen[d.Digest] = true
		if d.MediaType.IsIndex() {
			child, err := index.ImageIndex(d.Digest)
			if err != nil {
				return err
			}
			if err := collect(ctx, child, seen, found); err != nil {
				return err
			}
			continue
		}
		img, err := index.Image(d.Digest)
		if err != nil {
			return err
		}
		if err := validImage(img); err != nil {
			return fmt.Errorf("image %s: %w", d.Digest, err)
		}
		config, err := img.ConfigFile()
		if err != nil {
			return err
		}
		if d.Platform == nil || !d.Platform.Equals(*config.Platform()) {
			return fmt.Errorf("image %s: its platform is wrong", d.Digest)
		}
		p := sdk.Platform{OS: config.OS, Architecture: config.Architecture, Variant: config.Variant}
		found[DiffIDsOf(config)+" "+p.String()] = p
	}
	return nil
}

// validImage checks an image and its layers, however these are compressed:
// validate knows gzip only.
func validImage(img v1.Image) error {
	manifest, err := img.Manifest()
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(manifest.Layers, func(d v1.Descriptor) bool { return d.MediaType != types.OCILayer }) {
		return validate.Image(img)
	}
	if err := validate.Image(img, validate.Fast); err != nil {
		return err
	}
	layers, err := img.Layers()
	if err != nil {
		return err
	}
	for _, l := range layers {
		if err := errors.Join(same(l.Digest, l.Compressed), same(l.DiffID, l.Uncompressed)); err != nil {
			return fmt.Errorf("validating layers: %w", err)
		}
	}
	return nil
}

// same compares a digest with that of content.
func same(digest func() (v1.Hash, error), content func() (io.ReadCloser, error)) error {
	want, err := digest()
	if err != nil {
		return err
	}
	r, err := content()
	if err != nil {
		return err
	}
	got, _, err := v1.SHA256(r)
	if err := errors.Join(err, r.Close()); err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("the digest is %s and not %s", got, want)
	}
	return nil
}

// checkTar reads an archive back and compares it with what it was made of:
// the sizes and digests of its files, by name.
func checkTar(ctx context.Context, archive string, want map[string]file) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	left := len(want)
	r := tar.NewReader(cancel.Reader(ctx, f))
	for {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if strings.HasSuffix(header.Name, "/") {
			continue
		}
		hash := sha256.New()
		if _, err := io.Copy(hash, r); err != nil {
			return err
		}
		got := file{size: header.Size, digest: fmt.Sprintf("%x", hash.Sum(nil))}
		if got != want[header.Name] {
			return fmt.Errorf("%s came out different", header.Name)
		}
		if dir, base := path.Split(header.Name); dir == blobs+"/" && base != got.digest {
			return fmt.Errorf("%s has the digest %s", header.Name, got.digest)
		}
		left--
	}
	if left != 0 {
		return fmt.Errorf("%d files are missing", left)
	}
	return nil
}
