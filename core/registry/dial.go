package registry

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/mkmini/mkmini/core/source/oci"
)

// pace returns the way to a registry.
func (p *Pusher) pace(registry name.Registry) *pace {
	patience := p.Patience.orDefault()
	base, plain := p.Transport, ""
	if base == nil {
		base = p.dial(patience)
	}
	if p.Insecure {
		plain = (&url.URL{Host: registry.RegistryStr()}).Hostname()
	}
	return &pace{RoundTripper: faithful{oci.Guard(base, plain)}, patience: patience, logger: p.Logger, failures: map[string]int{}}
}

// keychain returns what has the credentials.
func (p *Pusher) keychain() authn.Keychain {
	if p.Keychain != nil {
		return credentials{p.Keychain}
	}
	return credentials{authn.DefaultKeychain}
}

// connect is how long a connection may take.
const connect = 15 * time.Second

// commit is how long a registry may take to answer: it may copy a blob that is
// complete.
const commit = 5 * time.Minute

func (p *Pusher) dial(patience Patience) http.RoundTripper {
	proxy := p.Proxy
	if proxy == nil {
		proxy = http.ProxyFromEnvironment
	}
	dialer := &net.Dialer{Timeout: connect}
	return &http.Transport{
		Proxy: proxy, TLSHandshakeTimeout: connect, ResponseHeaderTimeout: commit, ForceAttemptHTTP2: true, DisableCompression: true,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return impatient{c, patience.Idle}, nil
		},
	}
}

// impatient is a connection that fails when nothing can be sent for too long.
type impatient struct {
	net.Conn
	idle time.Duration
}

func (c impatient) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.idle)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(p)
	var ne net.Error
	if errors.As(err, &ne) && ne.Timeout() {
		err = fmt.Errorf("the registry took nothing for %v: %w", c.idle, err)
	}
	return n, err
}
