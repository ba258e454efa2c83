package source

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/mkmini/mkmini/core/source/apt"
)

// job is one file being fetched.
type job struct {
	req      Request
	sha256   string // lower case
	dir      string
	final    string // where the file goes
	part     string // what was downloaded of it
	client   *http.Client
	mirrors  map[string][]string
	offline  bool
	apt      Archive
	log      *slog.Logger
	retry    Retry
	maxSize  int64
	progress func(Progress)
}

// place is somewhere the file may be.
type place struct {
	name    string
	network bool
	get     func(context.Context) error
}

// attempt is a place that was tried and why it failed.
type attempt struct {
	place string
	err   error
}

func (f *Fetcher) job(req Request, dir string, progress func(Progress)) (*job, error) {
	sum := strings.ToLower(req.SHA256)
	if b, err := hex.DecodeString(sum); err != nil || len(b) != 32 {
		return nil, badHash(req)
	}
	if progress == nil {
		progress = func(Progress) {}
	}
	j := &job{
		req: req, sha256: sum, dir: dir, final: filepath.Join(dir, sum), part: filepath.Join(dir, sum+".part"),
		client: f.Client, mirrors: f.Mirrors, offline: f.Offline, apt: f.Apt, log: f.Logger,
		retry: f.Retry.withDefaults(), maxSize: f.MaxSize, progress: progress,
	}
	if j.log == nil {
		j.log = slog.New(slog.DiscardHandler)
	}
	if j.maxSize == 0 {
		j.maxSize = 4 << 30
	}
	if j.client == nil {
		j.client = newClient(j.retry, f.Proxy)
	}
	return j, nil
}

func (j *job) run(ctx context.Context) error {
	defer j.client.CloseIdleConnections()
	if err := os.MkdirAll(j.dir, 0o755); err != nil {
		return j.diskFault(err)
	}
	if have, err := j.present(ctx); have || err != nil {
		return err
	}
	if j.req.File != "" {
		return j.given(ctx)
	}
	var tried []attempt
	for _, p := range j.places() {
		err := ErrOffline
		if !p.network || !j.offline {
			j.log.Debug("fetching", "name", j.req.Name, "from", p.name)
			err = p.get(ctx)
		}
		var disk *diskError
		switch {
		case err == nil:
			j.log.Info("fetched", "name", j.req.Name, "from", p.name)
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.As(err, &disk):
			return j.diskFault(err)
		}
		j.log.Debug("place failed", "from", p.name, "reason", err)
		tried = append(tried, misses(p.name, err)...)
	}
	return j.failure(tried)
}

// present says whether the file is there already, or complete but for its
// name.
func (j *job) present(ctx context.Context) (bool, error) {
	for _, path := range []string{j.final, j.part} {
		sum, err := hashFile(ctx, path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return false, j.diskFault(err)
		}
		if sum == j.sha256 {
			if path == j.part {
				if err := j.accept(path); err != nil {
					return false, j.diskFault(err)
				}
			}
			return true, nil
		}
		if path == j.final {
			j.log.Warn("a stored file is damaged, fetching it again", "file", path, "sha256", sum)
			if err := os.Remove(path); err != nil {
				return false, j.diskFault(err)
			}
		}
	}
	return false, nil
}

// given takes the local file of the request, which must be right.
func (j *job) given(ctx context.Context) error {
	err := j.copyIn(ctx, j.req.File, j.req.File)
	var disk *diskError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &disk):
		return j.diskFault(err)
	}
	return j.fileFault(err)
}

func (j *job) places() []place {
	var all []place
	for _, given := range j.req.URLs {
		for _, raw := range mirrored(given, j.mirrors) {
			all = append(all, j.place(raw))
		}
	}
	if j.req.Debian != "" {
		all = append(all, place{
			name: "apt, source package " + j.req.Debian, network: true, get: j.fromApt,
		})
	}
	return all
}

// place is the place that a URL names.
func (j *job) place(raw string) place {
	u, err := url.Parse(raw)
	if err != nil {
		return place{name: raw, get: func(context.Context) error { return errors.New("is not a URL") }}
	}
	p := place{name: u.Redacted(), network: true}
	switch {
	case u.Scheme == "file" && (u.Host == "" || u.Host == "localhost"):
		p.network = false
		p.get = func(ctx context.Context) error { return j.copyIn(ctx, u.Path, p.name) }
	case (u.Scheme == "http" || u.Scheme == "https") && u.Host != "":
		p.get = func(ctx context.Context) error { return j.download(ctx, u) }
	default:
		p.network = false
		p.get = func(context.Context) error {
			return errors.New("is not an http, https or file URL")
		}
	}
	return p
}

// fromApt has the Archive download the file and takes it in.
func (j *job) fromApt(ctx context.Context) error {
	if j.apt == nil {
		return errors.New("not looked for: apt is not in use")
	}
	tmp, err := os.MkdirTemp(j.dir, j.sha256[:16]+".apt-")
	if err != nil {
		return &diskError{err}
	}
	defer os.RemoveAll(tmp)
	target := filepath.Join(tmp, "file")
	from, err := j.apt.Fetch(ctx, j.req.Debian, j.sha256, target, func(from string, done, total int64) {
		j.progress(Progress{Done: done, Total: total, From: from})
	})
	if err != nil {
		return err
	}
	return j.copyIn(ctx, target, from)
}

// misses are the places that an error names, one unless it is of apt.
func misses(place string, err error) []attempt {
	var none *apt.NotFoundError
	if !errors.As(err, &none) {
		return []attempt{{place, err}}
	}
	var all []attempt
	for _, m := range none.Tried {
		all = append(all, attempt{m.Place, errors.New(m.Reason)})
	}
	return all
}

// mismatchError says that a file is not the one that was asked for.
type mismatchError struct {
	got, want string
	size      int64
	html      bool
}

func (e *mismatchError) Error() string {
	if e.html {
		return "is an HTML page, perhaps a login or error page of a proxy"
	}
	return fmt.Sprintf("has the sha256 %s in place of %s (%d bytes)", e.got, e.want, e.size)
}
