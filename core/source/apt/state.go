package apt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"
)

// errAbsent says that a suite's index does not have the file.
var errAbsent = errors.New("no such file in the index of sources")

// state is a private apt for one repository. Each repository has its own, so
// that updating one does not delete the indexes of another.
type state struct {
	private
	repo Repository
	log  *slog.Logger
	// alias and codename are the suite's names after update: "oldstable"
	// and "bookworm".
	alias, codename string
	// index is the path of the Sources index of each component.
	index []string
	// uri is the mirror's address as apt understood it.
	uri string
}

// update downloads the index of sources unless there is one younger than
// fresh, and says whether it did.
func (s *state) update(ctx context.Context, fresh time.Duration) (bool, error) {
	if err := s.prepare(s.repo.source("deb-src")); err != nil {
		return false, err
	}
	stamp := s.path("updated")
	if fi, err := os.Stat(stamp); err == nil && time.Since(fi.ModTime()) < fresh {
		if err := s.targets(ctx); err == nil {
			return false, nil
		}
	}
	if err := os.Remove(stamp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return false, fmt.Errorf("update the index: %w", err)
	}
	s.log.Debug("updating the index of sources", "suite", s.repo.String())
	if _, err := output(ctx, s.environment(), "apt-get", "update", "-q", "-o", "APT::Update::Error-Mode=any"); err != nil {
		return false, err
	}
	if err := s.targets(ctx); err != nil {
		return false, err
	}
	if err := os.WriteFile(stamp, nil, 0o600); err != nil {
		return true, fmt.Errorf("update the index: %w", err)
	}
	return true, nil
}

// targets asks the private apt what it has.
func (s *state) targets(ctx context.Context) error {
	out, err := output(ctx, s.environment(), "apt-get", "indextargets", "Created-By: Sources")
	if err != nil {
		return err
	}
	targets, err := parseStanzas(strings.NewReader(out))
	if err != nil {
		return fmt.Errorf("read apt's index targets: %w", err)
	}
	s.index = nil
	for _, t := range targets {
		if t["Filename"] == "" || t["Repo-URI"] == "" {
			continue
		}
		s.index = append(s.index, t["Filename"])
		s.uri, s.alias, s.codename = t["Repo-URI"], t["Suite"], t["Codename"]
		if t["Origin"] != "" {
			s.repo.origin = t["Origin"]
		}
	}
	if len(s.index) == 0 {
		return errors.New("the mirror has no index of source packages")
	}
	return nil
}

// relatives are Debian's well-known suites on the same mirror, less those
// that are queued already.
func (s *state) relatives(queue []Repository) []Repository {
	if !s.repo.debian() {
		return nil
	}
	var more []Repository
	for _, suite := range known {
		r := Repository{URI: s.repo.URI, Suite: suite, Components: []string{"main"}, SignedBy: s.repo.SignedBy, origin: "Debian"}
		same := func(o Repository) bool { return o.key(o.Suite) == r.key(suite) }
		if !slices.ContainsFunc(queue, same) {
			more = append(more, r)
		}
	}
	return more
}

// find looks for a file in the index of every component.
func (s *state) find(ctx context.Context, pkg, sha256 string) (f file, err error) {
	err = s.read(ctx, func(r io.Reader) error {
		f, err = findFile(r, pkg, sha256)
		return err
	})
	return f, err
}

// read calls visit with the index of each component as long as it returns
// errAbsent.
func (s *state) read(ctx context.Context, visit func(r io.Reader) error) error {
	for _, index := range s.index {
		r, w := io.Pipe()
		done := make(chan error, 1)
		go func() {
			err := run(ctx, s.environment(), w, Helper, "cat-file", index)
			w.CloseWithError(err)
			done <- err
		}()
		err := visit(r)
		r.Close()
		<-done
		if !errors.Is(err, errAbsent) {
			return err
		}
	}
	return errAbsent
}

// download has apt download a file, which it checks, and tells the bytes
// that are there.
func (s *state) download(ctx context.Context, f file, sha256, target string, progress func(int64)) error {
	done := make(chan error, 1)
	go func() {
		uri := strings.TrimSuffix(s.uri, "/") + "/" + f.Path
		_, err := output(ctx, s.environment(), Helper, "-q", "download-file", uri, target, "SHA256:"+sha256)
		done <- err
	}()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			if err == nil {
				progress(f.Size)
			}
			return err
		case <-tick.C:
			if fi, err := os.Stat(target); err == nil {
				progress(fi.Size())
			}
		}
	}
}
