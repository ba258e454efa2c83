package signing

import (
	"bytes"
	"cmp"
	"context"
	"os"
	"path/filepath"

	"github.com/mkmini/mkmini/core/artifact"
	"github.com/mkmini/mkmini/core/store"
	"github.com/mkmini/mkmini/plugins/cancel"
)

// Signed are the files that a signature of an artifact consists of.
type Signed struct {
	// Signature is the path of the signature, and Sums that of the checksums
	// that it is over; empty if it is over the artifact itself.
	Signature, Sums string
}

// SignArtifact writes the signature of a file beside it; of a folder its
// checksums, and the signature of these. A comment that is empty is the name of
// what is signed. What is there already and the same is left alone.
func (k PrivateKey) SignArtifact(ctx context.Context, path, comment string) (Signed, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Signed{}, err
	}
	path = filepath.Clean(path)
	var made Signed
	if info.IsDir() {
		made.Sums = path + artifact.SumsSuffix
		var sums bytes.Buffer
		if err := artifact.WriteSums(ctx, &sums, path); err != nil {
			return Signed{}, err
		}
		if err := update(made.Sums, sums.Bytes()); err != nil {
			return Signed{}, err
		}
		path = made.Sums
	}
	made.Signature = path + Suffix
	f, err := os.Open(path)
	if err != nil {
		return Signed{}, err
	}
	defer f.Close()
	text, err := k.Sign(cancel.Reader(ctx, f), cmp.Or(comment, Comment(path)))
	if err != nil {
		return Signed{}, err
	}
	return made, update(made.Signature, text)
}

// update writes a file unless it is the same already.
func update(path string, text []byte) error {
	if there, err := os.ReadFile(path); err == nil && bytes.Equal(there, text) {
		return nil
	}
	return store.WriteFile(path, text)
}
