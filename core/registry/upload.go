package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// upload is the sending of one blob.
type upload struct {
	*uploader
	content
	digest v1.Hash
	size   int64
	// chunks says that it is sent in pieces.
	chunks  bool
	session *session
	// location is where the next piece goes; empty before the upload began.
	location string
	// remembered says that the place is that of an earlier run.
	remembered bool
	// had is the most bytes that the registry said it has.
	had int64
}

// try goes on with an upload from where it is, to its end.
func (up *upload) try(ctx context.Context) error {
	if has, err := up.has(ctx); has || err != nil {
		return err
	}
	offset, err := up.status(ctx)
	if err != nil {
		return err
	}
	if up.location == "" {
		if done, err := up.begin(ctx); done || err != nil {
			return err
		}
	}
	if err = up.pieces(ctx, offset); err == nil {
		err = up.commit(ctx)
	}
	var answer *transport.Error
	if errors.As(err, &answer) && (offset > 0 || up.chunks) && refused(answer.StatusCode) {
		// The registry may not know pieces, or this upload no more.
		up.location, up.chunks = "", false
		up.session.keep("")
		return fmt.Errorf("%w: %w", errAnew, err)
	}
	return err
}

// errAnew is the reason to send a blob again in one piece.
var errAnew = errors.New("the registry doesn't go on with an upload")

// refused says whether a status may be about the way in which a blob is sent.
func refused(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusRequestEntityTooLarge, http.StatusRequestTimeout, http.StatusTooManyRequests:
		return false
	}
	return status >= 400 && status < 500
}

// status asks how much of the blob the registry has of an upload that began.
func (up *upload) status(ctx context.Context) (int64, error) {
	if up.location == "" {
		return 0, nil
	}
	resp, err := up.do(ctx, http.MethodGet, up.location, nil, nil, 0)
	if err != nil {
		if ctx.Err() == nil && up.remembered {
			up.location = "" // it may be no place at all
			return 0, nil
		}
		return 0, err
	}
	defer resp.Body.Close()
	up.remembered = false
	_, last, _ := strings.Cut(resp.Header.Get("Range"), "-")
	end, err := strconv.ParseInt(last, 10, 64)
	// Nothing at all and one byte are both "0-0".
	if again(resp.StatusCode) {
		return 0, transport.CheckError(resp, http.StatusNoContent)
	}
	if resp.StatusCode != http.StatusNoContent || err != nil || end <= 0 || end >= up.size {
		up.location = ""
		up.session.keep("")
		return 0, nil
	}
	up.had = max(up.had, end+1)
	return end + 1, up.next(resp)
}

// has says whether the repository has the blob.
func (up *upload) has(ctx context.Context) (bool, error) {
	resp, err := up.do(ctx, http.MethodHead, up.url("/blobs/"+up.digest.String()), nil, nil, 0)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	err = transport.CheckError(resp, http.StatusOK, http.StatusNotFound)
	return resp.StatusCode == http.StatusOK, err
}

// begin starts an upload, unless the repository can take the blob over from
// another one.
func (up *upload) begin(ctx context.Context) (done bool, err error) {
	resp, err := up.post(ctx)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	if err := transport.CheckError(resp, http.StatusCreated, http.StatusAccepted); err != nil || resp.StatusCode == http.StatusCreated {
		return err == nil, err
	}
	return false, up.next(resp)
}

// post asks to take a blob over, or else for a place to send it to.
func (up *upload) post(ctx context.Context) (*http.Response, error) {
	where := up.url("/blobs/uploads/")
	if up.mount != nil {
		query := url.Values{"mount": {up.digest.String()}, "from": {up.mount.RepositoryStr()}}
		resp, err := up.do(ctx, http.MethodPost, where+"?"+query.Encode(), nil, nil, 0)
		// Some refuse where there is nothing to take over.
		if err != nil || !refused(resp.StatusCode) && resp.StatusCode != http.StatusForbidden {
			return resp, err
		}
		resp.Body.Close()
	}
	return up.do(ctx, http.MethodPost, where, nil, nil, 0)
}

// pieces sends what the registry lacks.
func (up *upload) pieces(ctx context.Context, offset int64) error {
	r, err := up.Compressed()
	if err != nil {
		return err
	}
	defer r.Close()
	if _, err := io.CopyN(io.Discard, r, offset); err != nil {
		return err
	}
	for offset < up.size {
		n := up.size - offset
		header := http.Header{"Content-Type": {"application/octet-stream"}}
		if up.chunks {
			n = min(n, up.chunk)
		}
		if n < up.size {
			header.Set("Content-Range", fmt.Sprintf("%d-%d", offset, offset+n-1))
		}
		resp, err := up.do(ctx, http.MethodPatch, up.location, header, io.LimitReader(r, n), n)
		if err != nil {
			return err
		}
		err = errors.Join(transport.CheckError(resp, http.StatusAccepted, http.StatusNoContent, http.StatusCreated), resp.Body.Close())
		if err != nil {
			return err
		}
		if err := up.next(resp); err != nil {
			return err
		}
		offset += n
		up.had = max(up.had, offset)
	}
	return nil
}

// commit ends an upload.
func (up *upload) commit(ctx context.Context) error {
	where, err := url.Parse(up.location)
	if err != nil {
		return err
	}
	query := where.Query()
	query.Set("digest", up.digest.String())
	where.RawQuery = query.Encode()
	resp, err := up.do(ctx, http.MethodPut, where.String(), nil, nil, 0)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return transport.CheckError(resp, http.StatusCreated, http.StatusOK, http.StatusNoContent)
}

// do makes one request, with a body of a length in bytes.
func (up *upload) do(ctx context.Context, method, where string, header http.Header, body io.Reader, length int64) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, where, body)
	if err != nil {
		return nil, err
	}
	if header != nil {
		req.Header = header
	}
	req.ContentLength = length
	return up.client.Do(req)
}

func (up *upload) url(path string) string {
	return (&url.URL{Scheme: up.repo.Scheme(), Host: up.repo.RegistryStr(), Path: "/v2/" + up.repo.RepositoryStr() + path}).String()
}

// next takes the place of the next request from an answer. An answer must not
// lead a registry's client into its own network.
func (up *upload) next(resp *http.Response) error {
	where, err := resp.Location()
	if errors.Is(err, http.ErrNoLocation) && up.location != "" {
		return nil
	}
	if err != nil {
		return fmt.Errorf("the registry doesn't say where to send a blob: %w", err)
	}
	if host := where.Hostname(); host != resp.Request.URL.Hostname() {
		if ip, err := netip.ParseAddr(host); err == nil && (ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast()) {
			return fmt.Errorf("the registry sends blobs to %s, which is no public address", host)
		}
	}
	up.location = where.String()
	up.session.keep(up.location)
	return nil
}
