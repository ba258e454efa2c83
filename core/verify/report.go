// Package verify finds out whether an artifact is what somebody made: it
// compares digests, checksums, signatures and provenance with what is there.
package verify

import (
	"slices"

	"github.com/mkmini/mkmini/core/provenance"
	"github.com/mkmini/mkmini/core/signing"
)

// Status is what came of a check.
type Status string

// The statuses. What is absent was not there to be checked; what is unchecked
// was, and could not be.
const (
	OK        Status = "ok"
	Failed    Status = "failed"
	Absent    Status = "absent"
	Unchecked Status = "unchecked"
)

// The names of checks.
const (
	Content       = "content"
	Checksums     = "checksums"
	Signature     = "signature"
	Provenance    = "provenance"
	Signer        = "provenance signature"
	Configuration = "configuration"
	Rebuild       = "rebuild"
)

// Check is one thing that was looked at.
type Check struct {
	Name   string `json:"name"`
	Status Status `json:"status"`
	// Detail is what was found, in a sentence without its end.
	Detail string `json:"detail"`
	// Items are what exactly: the entries of a folder that changed.
	Items []string `json:"items,omitempty"`
	// Remedy is what to do, in a full sentence.
	Remedy string `json:"remedy,omitempty"`
}

// Result is what came of all checks.
type Result string

// The results. What is intact agrees with what is said of it; what is verified
// does, and a key that the user trusts says so.
const (
	Verified    Result = "verified"
	Intact      Result = "intact"
	NotVerified Result = "failed"
)

// Report is all that was found out about an artifact.
type Report struct {
	Artifact string `json:"artifact"`
	// Kind is "file", "folder", "images" or "registry".
	Kind   string  `json:"kind"`
	Result Result  `json:"result"`
	Checks []Check `json:"checks"`
	// Claims are what its provenance says; nil if there is none that is about
	// it.
	Claims *provenance.Claims `json:"-"`
	// Digests are the sha256 that it is known by: of a file its own, of images
	// those of their manifests, and of a folder that of its checksums.
	Digests []string `json:"digests"`
	// Images are the sha256 of the manifests of the images in it.
	Images []string `json:"images,omitempty"`
}

// Options are what an artifact is compared with.
type Options struct {
	// Keys are trusted: one of them has to have signed the artifact. Without
	// any, nobody's signature is checked.
	Keys []signing.PublicKey
	// SHA256 is what the artifact should have; empty if that isn't known.
	SHA256 string
	// Configuration is what the artifact should be made from; nil if that
	// isn't asked.
	Configuration *provenance.Configuration
	// Rebuild says that what Configuration makes is compared by itself: what
	// the provenance says of it then is no failure.
	Rebuild bool
}

func (r *Report) add(c Check) { r.Checks = append(r.Checks, c) }

// Add adds a check, and settles the result anew.
func (r *Report) Add(c Check) {
	r.add(c)
	r.settle()
}

// settle finds out the result.
func (r *Report) settle() {
	any := func(status Status, names ...string) bool {
		return slices.ContainsFunc(r.Checks, func(c Check) bool {
			return c.Status == status && (len(names) == 0 || slices.Contains(names, c.Name))
		})
	}
	switch {
	case any(Failed):
		r.Result = NotVerified
	case any(OK, Signature, Signer):
		r.Result = Verified
	case any(OK):
		r.Result = Intact
	default:
		r.Result = NotVerified
	}
}

// known returns the key of a number, if it is among those that are trusted.
func (o Options) known(id string) (signing.PublicKey, bool) {
	i := slices.IndexFunc(o.Keys, func(k signing.PublicKey) bool { return k.ID() == id })
	if i < 0 {
		return signing.PublicKey{}, false
	}
	return o.Keys[i], true
}

// ids lists the keys that are trusted.
func (o Options) ids() string {
	text := ""
	for i, k := range o.Keys {
		if i > 0 {
			text += ", "
		}
		text += k.ID()
	}
	return text
}
