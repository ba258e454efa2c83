package image

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/mkmini/mkmini/plugins/cancel"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// Annotations of artifact manifests.
// Source: image-spec annotations.md.
const (
	createdAnnotation = "org.opencontainers.image.created"
	titleAnnotation   = "org.opencontainers.image.title"
)

// emptyJSON is the type of a configuration that says nothing.
// Source: image-spec manifest.md, "Guidance for an Empty Descriptor".
const emptyJSON types.MediaType = "application/vnd.oci.empty.v1+json"

// Attach writes documents about an image as artifact manifests whose subject
// is the image's manifest, and lists them in the index without a name, as
// tools do that copy images with their referrers. Those that look for names
// pass them over.
func (l *Layout) Attach(ctx context.Context, subject v1.Descriptor, attachments []sdk.Attachment) error {
	if len(attachments) == 0 {
		return nil
	}
	empty, err := l.addJSON(emptyJSON, struct{}{})
	if err != nil {
		return err
	}
	empty.Data = []byte("{}")
	about := v1.Descriptor{MediaType: subject.MediaType, Digest: subject.Digest, Size: subject.Size}
	for _, a := range attachments {
		blob, err := l.addAttachment(ctx, a)
		if err != nil {
			return fmt.Errorf("attach %s: %w", a.Name, err)
		}
		annotations := map[string]string{createdAnnotation: l.epoch.Format("2006-01-02T15:04:05Z")}
		maps.Copy(annotations, a.Annotations)
		manifest, err := l.addJSON(types.OCIManifestSchema1, v1.Manifest{
			SchemaVersion: 2, MediaType: types.OCIManifestSchema1, ArtifactType: a.ArtifactType,
			Config: empty, Layers: []v1.Descriptor{blob}, Subject: &about, Annotations: annotations,
		})
		if err != nil {
			return fmt.Errorf("attach %s: %w", a.Name, err)
		}
		manifest.ArtifactType, manifest.Annotations = a.ArtifactType, annotations
		l.attached = append(l.attached, manifest)
	}
	return nil
}

// addAttachment writes a document as a blob, which is what its digest says.
func (l *Layout) addAttachment(ctx context.Context, a sdk.Attachment) (v1.Descriptor, error) {
	file, err := os.Open(a.Path)
	if err != nil {
		return v1.Descriptor{}, err
	}
	defer file.Close()
	kind := a.MediaType
	if kind == "" {
		kind = a.ArtifactType
	}
	d, err := l.addBlob(types.MediaType(kind), func(w io.Writer) error {
		_, err := io.Copy(w, cancel.Reader(ctx, file))
		return err
	})
	if err == nil && d.Digest.String() != a.Digest {
		err = fmt.Errorf("%s has the digest %s, not %s", a.Path, d.Digest, a.Digest)
	}
	d.Annotations = map[string]string{titleAnnotation: a.Name}
	return d, err
}

// isAttachment says whether an entry of an index is about an image and none
// itself.
func isAttachment(d v1.Descriptor) bool { return d.ArtifactType != "" }

// checkAttached reads the attachments of a finished layout back: each is about
// a manifest that is there, and its blobs are what their digests say.
func (l *Layout) checkAttached(index v1.ImageIndex, images map[v1.Hash]bool) error {
	manifest, err := index.IndexManifest()
	if err != nil {
		return err
	}
	left := len(l.attached)
	for _, d := range manifest.Manifests {
		if !isAttachment(d) {
			continue
		}
		if err := l.checkAttachment(d, images); err != nil {
			return fmt.Errorf("attachment %s: %w", d.Digest, err)
		}
		left--
	}
	if left != 0 {
		return errors.New("the number of attachments is wrong")
	}
	return nil
}

func (l *Layout) checkAttachment(d v1.Descriptor, images map[v1.Hash]bool) error {
	raw, err := layout.Path(l.dir).Bytes(d.Digest)
	if err != nil {
		return err
	}
	var m v1.Manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		return err
	}
	if m.Subject == nil || !images[m.Subject.Digest] || m.ArtifactType != d.ArtifactType {
		return errors.New("it is about no image of the layout")
	}
	for _, part := range append([]v1.Descriptor{d, m.Config}, m.Layers...) {
		blob, err := layout.Path(l.dir).Blob(part.Digest)
		if err != nil {
			return err
		}
		hash := sha256.New()
		_, err = io.Copy(hash, blob)
		if err := errors.Join(err, blob.Close()); err != nil {
			return err
		}
		if got := fmt.Sprintf("%x", hash.Sum(nil)); got != part.Digest.Hex {
			return fmt.Errorf("the blob %s has the digest %s", part.Digest, got)
		}
	}
	return nil
}
