package oci

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/mkmini/mkmini/core/source"
)

// titleKey is the annotation of a layer that names the file in it.
// Source: OCI image specification, "Pre-Defined Annotation Keys"; ORAS, "OCI
// artifacts".
const titleKey = "org.opencontainers.image.title"

// Repository is a repository of a registry that holds artifacts: files in
// place of file systems.
type Repository struct{ session *session }

// File is a file of an artifact.
type File struct {
	// Name is the file's title, and SHA256 64 hexadecimal digits.
	Name, SHA256 string
	// Size is in bytes.
	Size int64
}

// Repository opens the repository of a reference. blobs is the absolute path
// of the folder of fetched files by sha256. Errors are one clause, apart from
// the end of ctx.
func (r *Reader) Repository(ctx context.Context, reference, blobs string) (*Repository, error) {
	ref, err := name.ParseReference(reference)
	if err != nil {
		return nil, fmt.Errorf("%q is no name of a repository", reference)
	}
	if r.Fetcher.Offline {
		return nil, source.ErrOffline
	}
	s, err := r.session(ctx, ref, blobs)
	if err != nil {
		return nil, told(ctx, ref, err)
	}
	return &Repository{s}, nil
}

// told is explain but for the end of ctx.
func told(ctx context.Context, ref name.Reference, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return explain(ref, err)
}

// Tags returns the tags of the repository.
func (r *Repository) Tags(ctx context.Context) ([]string, error) {
	tags, err := remote.List(r.session.ref.Context(), r.session.options...)
	if err != nil {
		return nil, told(ctx, r.session.ref, err)
	}
	return tags, nil
}

// manifest is what artifacts need of an image manifest.
type manifest struct {
	SchemaVersion int             `json:"schemaVersion"`
	MediaType     string          `json:"mediaType"`
	ArtifactType  string          `json:"artifactType,omitempty"`
	Config        v1.Descriptor   `json:"config"`
	Layers        []v1.Descriptor `json:"layers"`
}

// index is an index of such manifests.
type index struct {
	SchemaVersion int             `json:"schemaVersion"`
	MediaType     string          `json:"mediaType"`
	ArtifactType  string          `json:"artifactType,omitempty"`
	Manifests     []v1.Descriptor `json:"manifests"`
}

// Files returns the files of an artifact, of all platforms if it is an index,
// and those of the same content once. tag is a tag or a "sha256:…"; empty for
// that of the reference. An artifact of another type is refused.
func (r *Repository) Files(ctx context.Context, tag, artifactType string) ([]File, error) {
	ref := r.session.ref
	switch {
	case strings.HasPrefix(tag, "sha256:"):
		ref = ref.Context().Digest(tag)
	case tag != "":
		ref = ref.Context().Tag(tag)
	}
	d, err := remote.Get(ref, r.session.options...)
	if err != nil {
		return nil, told(ctx, ref, err)
	}
	files, err := r.files(d.Manifest, d.MediaType.IsIndex(), artifactType, maxNested)
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", ref, err)
	case len(files) == 0:
		return nil, fmt.Errorf("%s: it holds no files", ref)
	}
	return files, nil
}

func (r *Repository) files(data []byte, isIndex bool, artifactType string, nested int) ([]File, error) {
	if !isIndex {
		return filesOf(data, artifactType)
	}
	if nested == 0 {
		return nil, errors.New("its indexes hold each other too deeply")
	}
	var idx index
	if err := json.Unmarshal(data, &idx); err != nil {
		return nil, fmt.Errorf("its index can't be read: %w", err)
	}
	var all []File
	for _, d := range idx.Manifests {
		if !d.MediaType.IsIndex() && !d.MediaType.IsImage() || d.Digest.Algorithm != "sha256" {
			continue
		}
		data, err := r.session.read(d)
		if err != nil {
			return nil, err
		}
		files, err := r.files(data, d.MediaType.IsIndex(), artifactType, nested-1)
		if err != nil {
			return nil, err
		}
		if all, err = merge(all, files); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// filesOf returns the files of one manifest.
func filesOf(data []byte, artifactType string) ([]File, error) {
	var m manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("its manifest can't be read: %w", err)
	}
	// Before there was artifactType, the type stood in its place.
	is := m.ArtifactType
	if is == "" {
		is = string(m.Config.MediaType)
	}
	if is != artifactType {
		return nil, fmt.Errorf("it is of the type %q and not %q", is, artifactType)
	}
	var files []File
	for _, l := range m.Layers {
		title := l.Annotations[titleKey]
		if title == "" {
			continue
		}
		if l.Digest.Algorithm != "sha256" {
			return nil, fmt.Errorf("%s has the digest %s, which is no sha256", title, l.Digest)
		}
		files = append(files, File{title, l.Digest.Hex, l.Size})
	}
	return merge(nil, files)
}

// merge adds files, of which none may have two contents.
func merge(all, more []File) ([]File, error) {
	for _, f := range more {
		i := slices.IndexFunc(all, func(o File) bool { return o.Name == f.Name })
		if i < 0 {
			all = append(all, f)
		} else if all[i].SHA256 != f.SHA256 {
			return nil, fmt.Errorf("it holds two files %s, with the sha256 %s and %s", f.Name, all[i].SHA256, f.SHA256)
		}
	}
	return all, nil
}

// Blob fetches a file by hash and returns its path in the folder of fetched
// files. Failures are *fault.Error, apart from the end of ctx.
func (r *Repository) Blob(ctx context.Context, sha256 string, progress Progress) (string, error) {
	if progress == nil {
		progress = func(string, int64, int64, string) {}
	}
	return r.session.blob(ctx, v1.Hash{Algorithm: "sha256", Hex: sha256}, progress)
}
