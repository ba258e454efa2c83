package apt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Helper is where Debian and Ubuntu keep apt's own download tool.
const Helper = "/usr/lib/apt/apt-helper"

// Finder looks for files in Debian source packages.
type Finder struct {
	// Dir is the absolute path of a folder of its own, kept between runs so
	// that indexes are used again. It is made if it does not exist.
	Dir string
	// Repositories are searched in this order in place of the machine's own;
	// nil to learn them from apt.
	Repositories []Repository
	// Fresh is how long an index is used again; 0 for a day.
	Fresh time.Duration
	// Env is the environment of apt; nil for the process's own.
	Env []string
	// Logger may be nil.
	Logger *slog.Logger
}

// Progress is told what is being done: done of total bytes, total being 0
// where it is not known. It is called by the goroutine that called Fetch.
type Progress func(from string, done, total int64)

// Miss is a place without the file.
type Miss struct {
	Place, Reason string
}

// NotFoundError says that no suite gave the file.
type NotFoundError struct {
	// Tried are the places in the order tried.
	Tried []Miss
}

// Error names every place and its reason in one line.
func (e *NotFoundError) Error() string {
	s := "not found through apt"
	for _, m := range e.Tried {
		s += "; " + m.Place + ": " + m.Reason
	}
	return s
}

// Fetch looks in the source packages named pkg for the file with the given
// sha256 and downloads it as target, which must not exist. It returns what to
// call the place that had it. The content is checked by apt alone.
//
// The error is a *NotFoundError if every suite was looked at in vain.
func (f *Finder) Fetch(ctx context.Context, pkg, sha256, target string, progress Progress) (string, error) {
	if progress == nil {
		progress = func(string, int64, int64) {}
	}
	if err := available(); err != nil {
		return "", err
	}
	unlock, err := lock(ctx, f.Dir)
	if err != nil {
		return "", err
	}
	defer unlock()
	s := f.search(pkg, progress)
	s.try = func(ctx context.Context, st *state) error { return s.download(ctx, st, sha256, target) }
	return s.run(ctx)
}

// search begins a run over the suites.
func (f *Finder) search(pkg string, progress Progress) *search {
	return &search{finder: f, pkg: pkg, progress: progress, seen: map[string]bool{}, silent: map[string]bool{}}
}

func available() error {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return ErrNoApt
	}
	if _, err := os.Stat(Helper); err != nil {
		return fmt.Errorf("find apt's download tool: %w", err)
	}
	return nil
}

// search is one run over the suites.
type search struct {
	finder   *Finder
	pkg      string
	progress Progress
	// try does in one suite what is wanted, or returns errAbsent.
	try func(ctx context.Context, st *state) error
	// seen holds the suites that were looked at, as address and name, under
	// both names that a suite has (bookworm and oldstable).
	seen map[string]bool
	// silent holds the addresses of mirrors that did not answer.
	silent map[string]bool
	tried  []Miss
}

func (s *search) run(ctx context.Context) (string, error) {
	machine, err := readMachine(ctx, s.finder.Env)
	if err != nil {
		return "", err
	}
	queue := s.finder.Repositories
	if queue == nil {
		if queue, err = learn(ctx, s.finder.Env); err != nil {
			return "", err
		}
		queue = choose(queue)
	}
	if len(queue) == 0 {
		return "", errors.New("apt knows no Debian or Ubuntu mirror on this machine")
	}
	for i := 0; i < len(queue); i++ {
		repo := queue[i]
		if s.seen[repo.key(repo.Suite)] || s.silent[repo.URI] {
			continue
		}
		st := &state{
			private: private{dir: filepath.Join(s.finder.Dir, repo.folder()), machine: machine, env: s.finder.Env},
			repo:    repo, log: s.log(),
		}
		found, err := s.look(ctx, st)
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		if err == nil && found != "" {
			return found, nil
		}
		if err == nil {
			err = fmt.Errorf("the source package %s has no file of that hash there", s.pkg)
		}
		s.tried = append(s.tried, Miss{repo.String(), err.Error()})
		s.silent[repo.URI] = unreachable(err)
		if s.finder.Repositories == nil {
			queue = append(queue, st.relatives(queue)...)
		}
	}
	return "", &NotFoundError{s.tried}
}

// unreachable says whether an error of apt is about the mirror as a whole.
// Text is all that apt gives.
func unreachable(err error) bool {
	for _, words := range []string{
		"failure resolving", "Could not resolve", "Could not connect", "Unable to connect",
		"Cannot initiate the connection", "Connection timed out", "Connection failed",
	} {
		if strings.Contains(err.Error(), words) {
			return true
		}
	}
	return false
}

// look searches one suite. It returns "" if the suite does not have the file.
func (s *search) look(ctx context.Context, st *state) (string, error) {
	place := st.repo.String()
	s.progress(place, 0, 0)
	fresh := s.finder.Fresh
	if fresh == 0 {
		fresh = 24 * time.Hour
	}
	updated, err := st.update(ctx, fresh)
	if err != nil {
		return "", err
	}
	for _, name := range []string{st.repo.Suite, st.alias, st.codename} {
		s.seen[st.repo.key(name)] = true
	}
	err = s.try(ctx, st)
	if err != nil && !updated && ctx.Err() == nil && !errors.Is(err, errAbsent) {
		// An index of some hours ago may name a file that has left the pool.
		s.log().Debug("index is stale, updating", "suite", place, "reason", err)
		if _, uerr := st.update(ctx, 0); uerr != nil {
			return "", err
		}
		err = s.try(ctx, st)
	}
	if errors.Is(err, errAbsent) {
		return "", nil
	}
	return place, err
}

func (s *search) download(ctx context.Context, st *state, sha256, target string) error {
	file, err := st.find(ctx, s.pkg, sha256)
	if err != nil {
		return err
	}
	s.log().Debug("found in a source package", "suite", st.repo.String(), "file", file.Name)
	return st.download(ctx, file, sha256, target, func(done int64) {
		s.progress(st.repo.String(), done, file.Size)
	})
}

func (s *search) log() *slog.Logger {
	if s.finder.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.finder.Logger
}
