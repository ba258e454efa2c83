package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/mkmini/mkmini/core/artifact"
	"github.com/mkmini/mkmini/core/provenance"
	"github.com/mkmini/mkmini/core/referrer"
	"github.com/mkmini/mkmini/core/registry"
	"github.com/mkmini/mkmini/core/signing"
	"github.com/mkmini/mkmini/plugins/cancel"
)

// Artifact verifies a file or a folder. Errors are those of reading it: what is
// wrong with it is in the report.
func Artifact(ctx context.Context, path string, opts Options) (*Report, error) {
	path = filepath.Clean(path)
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	r := &Report{Artifact: path, Kind: "file"}
	if info.IsDir() {
		r.Kind = "folder"
	}
	digest, _, err := artifact.Digest(path)
	if err != nil {
		return nil, err
	}
	if opts.SHA256 != "" {
		r.digest(digest, opts.SHA256)
	}
	layout, images, attached, err := r.layout(ctx, path)
	if err != nil {
		return nil, err
	}
	signed := path
	if info.IsDir() {
		signed += artifact.SumsSuffix
		if err := r.sums(ctx, path, signed); err != nil {
			return nil, err
		}
	}
	if err := r.file(ctx, signed, opts); err != nil {
		return nil, err
	}
	targets, err := targets(ctx, path, info.IsDir(), layout, images, digest)
	if err != nil {
		return nil, err
	}
	found := attached
	if text, err := readSmall(path + provenance.Suffix); err == nil {
		found = append(lines(filepath.Base(path)+provenance.Suffix, text), attached...)
	} else if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	r.statements(targets, found, opts)
	r.unsigned(opts)
	r.settle()
	return r, nil
}

// readSmall reads a file of a reasonable size.
func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, signing.MaxEnvelope+1))
}

func (r *Report) digest(got, want string) {
	c := Check{Name: Content, Status: OK, Detail: "it has the sha256 that was given"}
	if got != want {
		c = Check{Name: Content, Status: Failed, Detail: fmt.Sprintf("it has sha256 %s, and not %s", got, want), Remedy: "Get it again from whoever made it."}
	}
	r.add(c)
}

// layout checks the images in an artifact against their digests. It returns
// them and what is attached to them, if it holds any; layout says that it is an
// OCI image layout, and not what docker loads.
func (r *Report) layout(ctx context.Context, path string) (layout bool, images []v1.Descriptor, found []evidence, err error) {
	l, err := registry.Open(ctx, path)
	if err != nil {
		return false, nil, nil, ctx.Err() // it holds no images
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	damaged := func(err error) (bool, []v1.Descriptor, []evidence, error) {
		if ctx.Err() != nil {
			return false, nil, nil, ctx.Err()
		}
		r.add(Check{Name: Content, Status: Failed, Detail: err.Error(), Remedy: "Get it again from whoever made it."})
		return true, nil, nil, nil
	}
	if images, err = l.Images(); err != nil {
		return damaged(err)
	}
	if len(images) == 0 {
		return false, nil, nil, nil
	}
	r.Kind = "images"
	for _, d := range images {
		r.Images = append(r.Images, d.Digest.Hex)
	}
	if err := l.Check(ctx); err != nil {
		return damaged(err)
	}
	attached, err := l.Attached()
	if err != nil {
		return damaged(err)
	}
	for _, a := range attached {
		if !referrer.IsProvenance(a) {
			continue
		}
		text, err := l.Raw(a.Layers[0].Digest)
		if err != nil {
			return damaged(err)
		}
		one := evidence{"what is attached to its images", text}
		if !slices.ContainsFunc(found, func(o evidence) bool { return bytes.Equal(o.text, text) }) {
			found = append(found, one)
		}
	}
	r.add(Check{Name: Content, Status: OK, Detail: fmt.Sprintf("all that its images consist of is there, and has the right digests (%d)", len(images))})
	return l.IsLayout(), images, found, nil
}

// targets are what a provenance of the artifact has to be about.
func targets(ctx context.Context, path string, folder, layout bool, images []v1.Descriptor, digest string) ([]target, error) {
	base := filepath.Base(path)
	if layout {
		var all []target
		for _, d := range images {
			all = append(all, target{fmt.Sprintf("the image %s", d.Digest), base, d.Digest.Hex})
		}
		return all, nil
	}
	if !folder {
		return []target{{"the file", base, digest}}, nil
	}
	h := sha256.New()
	err := artifact.WriteSums(ctx, h, path)
	return []target{{"the folder", base + artifact.SumsSuffix, hex.EncodeToString(h.Sum(nil))}}, err
}

// sums compares a folder with its checksums.
func (r *Report) sums(ctx context.Context, dir, file string) error {
	changes, err := artifact.CompareSums(ctx, dir, file)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil && len(changes) == 0:
		r.add(Check{Name: Checksums, Status: Failed, Detail: fmt.Sprintf("%s can't be read: %v", filepath.Base(file), err), Remedy: "Get it again from whoever made it."})
	case len(changes) > 0:
		r.add(Check{
			Name: Checksums, Status: Failed, Detail: fmt.Sprintf("the folder is not what %s says", filepath.Base(file)), Items: atMost(changes),
			Remedy: "Get the folder again from whoever made it.",
		})
	default:
		r.add(Check{Name: Checksums, Status: OK, Detail: "the folder is what " + filepath.Base(file) + " says"})
	}
	return nil
}

// atMost shortens a list for people.
func atMost(list []string) []string {
	const shown = 20
	if len(list) <= shown {
		return list
	}
	return append(slices.Clone(list[:shown]), fmt.Sprintf("and %d more", len(list)-shown))
}

// file checks the signature of a file. That there is none is left to unsigned.
func (r *Report) file(ctx context.Context, path string, opts Options) error {
	name := filepath.Base(path) + signing.Suffix
	text, err := readSmall(path + signing.Suffix)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	again := "Get it and its signature again from whoever made them."
	s, err := signing.ParseSignature(text)
	if err != nil {
		r.add(Check{Name: Signature, Status: Failed, Detail: name + " is no signature of minisign", Remedy: again})
		return nil
	}
	if len(opts.Keys) == 0 {
		r.add(Check{Name: Signature, Status: Unchecked, Detail: "it says that it is signed by the key " + s.KeyID(), Remedy: "Give the public key with --key."})
		return nil
	}
	key, ok := opts.known(s.KeyID())
	if !ok {
		r.add(Check{
			Name: Signature, Status: Failed, Detail: fmt.Sprintf("it is signed by the key %s, and you trust %s", s.KeyID(), opts.ids()),
			Remedy: "Ask whoever made it for their public key, and give that with --key if you trust it.",
		})
		return nil
	}
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		r.add(Check{Name: Signature, Status: Failed, Detail: fmt.Sprintf("%s is there, and not %s, which it is of", name, filepath.Base(path)), Remedy: again})
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	err = s.Verify(cancel.Reader(ctx, f), key)
	switch {
	case err == nil:
		r.add(Check{Name: Signature, Status: OK, Detail: fmt.Sprintf("signed by the key %s, with the comment %q", key.ID(), s.Comment())})
	case errors.Is(err, signing.ErrChanged):
		r.add(Check{Name: Signature, Status: Failed, Detail: fmt.Sprintf("%s is not what the key %s signed, or the signature was changed", filepath.Base(path), key.ID()), Remedy: again})
	case errors.Is(err, signing.ErrLegacy):
		r.add(Check{Name: Signature, Status: Failed, Detail: name + " is of minisign's old kind", Remedy: "Verify it with `minisign -V`, or have it signed without -l."})
	default:
		return err
	}
	return nil
}

// unsigned says that nobody signed the artifact, if keys are trusted: neither
// itself nor its provenance.
func (r *Report) unsigned(opts Options) {
	if slices.ContainsFunc(r.Checks, func(c Check) bool { return c.Name == Signature }) {
		return
	}
	signer := slices.IndexFunc(r.Checks, func(c Check) bool { return c.Name == Signer })
	switch {
	case len(opts.Keys) == 0:
		r.add(Check{Name: Signature, Status: Absent, Detail: "nobody signed it"})
	case signer >= 0 && r.Checks[signer].Status == OK && r.Claims != nil:
		r.add(Check{Name: Signature, Status: Absent, Detail: "it has no signature beside that of its provenance"})
	default:
		r.add(Check{
			Name: Signature, Status: Failed, Detail: "nobody signed it",
			Remedy: "Ask whoever made it for its signature, a file that ends in .minisig, or verify without --key that it is intact.",
		})
	}
}
