package registry

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
)

// errCredentials is the reason of a failure before any request.
var errCredentials = errors.New("docker's credentials can't be read")

// credentials are those of docker. Whether there are some is up to the
// registry; that they can't be read is an error.
type credentials struct{ authn.Keychain }

// Resolve implements authn.Keychain.
func (c credentials) Resolve(r authn.Resource) (authn.Authenticator, error) {
	found, err := c.Keychain.Resolve(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errCredentials, err)
	}
	return found, nil
}

// errOther says that a registry took something else than what was sent.
type errOther struct{ sent, took string }

func (e errOther) Error() string { return fmt.Sprintf("it took %s in place of %s", e.took, e.sent) }

// faithful checks that a registry names manifests as their digests do: a name
// must not stand for something else.
// Source: OCI distribution-spec, "Pushing Manifests".
type faithful struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (f faithful) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := f.RoundTripper.RoundTrip(req)
	if err != nil || req.Method != http.MethodPut || resp.StatusCode/100 != 2 || !strings.Contains(req.URL.Path, "/manifests/") || req.GetBody == nil {
		return resp, err
	}
	took := resp.Header.Get("Docker-Content-Digest")
	body, err := req.GetBody()
	if err != nil {
		return resp, err
	}
	h := sha256.New()
	if _, err := io.Copy(h, body); err != nil {
		return resp, err
	}
	if sent := fmt.Sprintf("sha256:%x", h.Sum(nil)); strings.HasPrefix(took, "sha256:") && took != sent {
		resp.Body.Close()
		return nil, errOther{sent, took}
	}
	return resp, nil
}

// anew returns a request with a body of its own, if it can be had: go-
// containerregistry makes a request again that wanted another token, and sends
// what is left of its body, which is nothing.
func anew(req *http.Request) (*http.Request, error) {
	if req.Body == nil || req.Body == http.NoBody || req.GetBody == nil {
		return req, nil
	}
	body, err := req.GetBody()
	if err != nil {
		return nil, errors.Join(err, req.Body.Close())
	}
	again := req.Clone(req.Context())
	again.Body = body
	_ = req.Body.Close() // it may be closed already
	return again, nil
}

// errStale is the reason of a request that has to be made anew, as its body was
// sent with a token that has ended.
var errStale = errors.New("the token has ended")

// stale says whether an answer wants another token for a body that can't be
// had again. A request without one, such as that which asks whether a blob is
// there, gets the token.
func stale(req *http.Request, resp *http.Response) bool {
	return resp.StatusCode == http.StatusUnauthorized && req.Body != nil && req.Body != http.NoBody && req.GetBody == nil
}
