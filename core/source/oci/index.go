package oci

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// maxNested is how deep indexes may hold each other.
const maxNested = 4

// pick finds the manifest for a platform in an index. read returns the
// content of one of the index's own manifests.
func pick(data []byte, want v1.Platform, read func(v1.Descriptor) ([]byte, error)) (v1.Descriptor, error) {
	p := picker{want: want, read: read}
	if err := p.index(data, maxNested); err != nil {
		return v1.Descriptor{}, err
	}
	switch {
	case len(p.found) == 1:
		return p.found[0], nil
	case len(p.found) > 1:
		return v1.Descriptor{}, fmt.Errorf("it holds %d images for %s: name one by its digest", len(p.found), want)
	case len(p.others) > 0:
		slices.Sort(p.others)
		return v1.Descriptor{}, fmt.Errorf("it is for %s, and this machine is %s", strings.Join(slices.Compact(p.others), ", "), want)
	}
	return v1.Descriptor{}, errors.New("it holds no image")
}

type picker struct {
	want   v1.Platform
	read   func(v1.Descriptor) ([]byte, error)
	found  []v1.Descriptor
	others []string
}

func (p *picker) index(data []byte, nested int) error {
	if nested == 0 {
		return errors.New("its indexes hold each other too deeply")
	}
	index, err := v1.ParseIndexManifest(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("its index can't be read: %w", err)
	}
	for _, d := range index.Manifests {
		switch {
		case d.MediaType.IsIndex():
			data, err := p.read(d)
			if err != nil {
				return err
			}
			if err := p.index(data, nested-1); err != nil {
				return err
			}
		case !d.MediaType.IsImage() || d.Digest.Algorithm != "sha256":
		case d.Platform != nil && d.Platform.OS == "unknown": // what a build left as its evidence
		case d.Platform != nil && !suits(*d.Platform, p.want):
			p.others = append(p.others, d.Platform.String())
		case !slices.ContainsFunc(p.found, func(f v1.Descriptor) bool { return f.Digest == d.Digest }):
			p.found = append(p.found, d)
		}
	}
	return nil
}

// digest returns the digest of data.
func digest(data []byte) v1.Hash {
	sum := sha256.Sum256(data)
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum[:])}
}

// readJSON reads a file of limited size.
func readJSON(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return limited(f)
}

func limited(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxJSON+1))
	if err == nil && len(data) > maxJSON {
		err = fmt.Errorf("a description of it has more than %d bytes", maxJSON)
	}
	return data, err
}
