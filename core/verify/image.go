package verify

import (
	"context"
	"fmt"
	"path"
	"slices"

	"github.com/mkmini/mkmini/core/referrer"
	"github.com/mkmini/mkmini/core/registry"
)

// Image verifies an image in a registry by what is attached to it there: its
// provenance. The digest of its manifest stands for all of it, as whoever pulls
// it compares the rest. Failures to read it are *fault.Error.
func Image(ctx context.Context, p *registry.Pusher, name string, opts Options) (*Report, error) {
	img, err := p.Look(ctx, name, referrer.IsProvenance)
	if err != nil {
		return nil, err
	}
	r := &Report{Artifact: img.Name, Kind: "registry"}
	if opts.SHA256 != "" {
		r.digest(img.Digest.Hex, opts.SHA256)
	}
	r.add(Check{Name: Content, Status: OK, Detail: fmt.Sprintf("the name stands for %s", img.Digest)})
	var found []evidence
	for _, a := range img.Attached {
		found = append(found, evidence{"what is attached to the image", a.Text})
	}
	r.statements([]target{{"the image", path.Base(img.Name), img.Digest.Hex}}, found, opts)
	if signed := slices.ContainsFunc(r.Checks, func(c Check) bool { return c.Name == Signer && c.Status == OK }); len(opts.Keys) > 0 && !signed {
		r.add(Check{
			Name: Signature, Status: Failed, Detail: "nobody that you trust signed it",
			Remedy: "Ask whoever pushed it for one with a provenance that is signed: the blocks provenance and sign, and the exporter oci.",
		})
	}
	r.settle()
	return r, nil
}
