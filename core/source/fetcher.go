package source

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/mkmini/mkmini/core/source/apt"
)

// Request asks for one file by hash.
type Request struct {
	// Name is for people: "busybox 1.36.1".
	Name string
	// SHA256 is 64 hexadecimal digits.
	SHA256 string
	// File is the path of a local file that must be it; empty if none. No
	// other place is tried then.
	File string
	// URLs are tried in order; their schemes are http, https and file.
	URLs []string
	// Debian is the name of the source package whose upstream tarball may
	// have that hash; empty for none.
	Debian string
}

// Progress is how far a fetch is.
type Progress struct {
	// Done and Total are in bytes; Total is 0 where it is not known.
	Done, Total int64
	// From names the place that is being read.
	From string
}

// Archive finds a file by hash in a distribution's source packages. It is
// implemented by *apt.Finder.
type Archive interface {
	// Fetch writes the file to the path target, which does not exist yet,
	// and returns a name of where it was found.
	Fetch(ctx context.Context, pkg, sha256, target string, progress apt.Progress) (string, error)
}

var _ Archive = (*apt.Finder)(nil)

// Fetcher fetches files. The zero value works, without Debian's packages.
type Fetcher struct {
	// Client is nil for one that goes through Proxy.
	Client *http.Client
	// Proxy returns the proxy of a request; nil for those of the environment.
	Proxy func(*http.Request) (*url.URL, error)
	// Mirrors are places to try before a URL: by a start of it, what to put in
	// its place.
	Mirrors map[string][]string
	// Offline keeps it off the network.
	Offline bool
	// Apt looks in Debian's source packages; nil if it must not.
	Apt Archive
	// Logger may be nil.
	Logger *slog.Logger
	// Retry is how patient it is; zero fields have defaults.
	Retry Retry
	// MaxSize is the most bytes that a file may have; 0 for 4 GiB.
	MaxSize int64
}

// Retry is how patient a Fetcher is with one place.
type Retry struct {
	// Attempts is how many requests in a row may bring nothing; 0 for 4.
	Attempts int
	// Quick is the same for a name that does not resolve and for a
	// connection that is refused; 0 for 2.
	Quick int
	// Base is the first wait, doubled for each further one up to Max; 0 for
	// 500 ms and 15 s. Max is also the longest Retry-After that is heeded.
	Base, Max time.Duration
	// Connect is how long connecting may take; 0 for 15 s.
	Connect time.Duration
	// Idle is how long a server may send nothing; 0 for 30 s.
	Idle time.Duration
}

// ErrOffline is the reason of a place that was not tried for want of network.
var ErrOffline = errors.New("not tried: offline")

// Fetch puts the file at dir/SHA256, verified, and returns that path. A file
// that is there already is verified and returned. Otherwise dir may hold
// SHA256.part for a later run to go on with; a wrong file never gets the
// final name. No two calls may work on the same hash and dir at once.
//
// Progress may be nil; it is called by the calling goroutine. Failures are
// *fault.Error, apart from the end of ctx, which is its cause.
func (f *Fetcher) Fetch(ctx context.Context, req Request, dir string, progress func(Progress)) (string, error) {
	j, err := f.job(req, dir, progress)
	if err != nil {
		return "", err
	}
	err = j.run(ctx)
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if err != nil {
		return "", err
	}
	return j.final, nil
}

func (r Retry) withDefaults() Retry {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&r.Base, 500*time.Millisecond)
	set(&r.Max, 15*time.Second)
	set(&r.Connect, 15*time.Second)
	set(&r.Idle, 30*time.Second)
	if r.Attempts == 0 {
		r.Attempts = 4
	}
	if r.Quick == 0 {
		r.Quick = 2
	}
	return r
}
