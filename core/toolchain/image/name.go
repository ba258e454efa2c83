package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/mkmini/mkmini/core/source/oci"
	"github.com/mkmini/mkmini/core/store"
	"github.com/mkmini/mkmini/core/toolchain/unpacked"
)

// known is what a name in a registry was found to stand for.
type known struct {
	// Image is the name.
	Image string `json:"image"`
	// Digest is that of the manifest for this platform.
	Digest string `json:"digest"`
}

// remote brings an image from a registry. A name that was looked up stands
// for the same image as long as that is in the store: a tag that moves must
// not change a build, and the registry need not be there again.
func (w *work) remote(ctx context.Context) (string, error) {
	ref, err := name.ParseReference(w.image)
	if err != nil {
		return "", fmt.Errorf("%q is no name of an image", w.image)
	}
	platform := w.Reader.Platform.String()
	sum := sha256.Sum256([]byte(ref.Name() + " " + platform))
	record := filepath.Join(w.Names, hex.EncodeToString(sum[:])+".json")
	k, ok := w.load(record)
	key := unpacked.Key(layout, k.Digest, platform)
	if !ok || !w.Keeper.Store.Has(key) {
		w.report("resolve", 0, 0, w.image)
		image, err := w.Reader.Registry(ctx, w.image, w.Blobs)
		if err != nil {
			return "", err
		}
		k = known{Image: ref.Name(), Digest: image.Digest}
		key = unpacked.Key(layout, k.Digest, platform)
	}
	pinned := ref.Context().Digest(k.Digest).Name()
	// Two blocks may share layers.
	unlock, err := w.Keeper.Store.Lock(ctx, "fetch-images", func() { w.report("wait", 0, 0, "another mkmini fetches an image") })
	if err != nil {
		return "", err
	}
	defer unlock()
	err = w.tree(ctx, key, map[string]string{"digest": k.Digest}, func(ctx context.Context, _ string) (*oci.Image, error) {
		return w.Reader.Registry(ctx, pinned, w.Blobs)
	})
	if err != nil {
		return "", err
	}
	return key, w.save(record, k)
}

// load reads what a name stands for; ok is false if nothing is known.
func (w *work) load(record string) (k known, ok bool) {
	data, err := os.ReadFile(record)
	if err != nil || json.Unmarshal(data, &k) != nil {
		return known{}, false
	}
	return k, k.Digest != ""
}

func (w *work) save(record string, k known) error {
	if old, ok := w.load(record); ok && old == k {
		return nil
	}
	if err := os.MkdirAll(w.Names, 0o755); err != nil {
		return fmt.Errorf("remember the image: %w", err)
	}
	return store.WriteJSON(record, k)
}
