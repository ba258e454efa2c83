package apt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Binaries finds binary packages with all that they depend on, and downloads
// them. What is installed on the machine has no say in what it finds.
type Binaries struct {
	// Dir is the absolute path of a folder of its own, kept between runs so
	// that indexes are used again. It is made if it does not exist.
	Dir string
	// Repositories are used in place of the machine's own; nil to learn them
	// from apt.
	Repositories []Repository
	// Fresh is how long an index is used again; 0 for a day.
	Fresh time.Duration
	// Offline keeps it off the network: it uses the indexes that it has.
	Offline bool
	// Env is the environment of apt; nil for the process's own.
	Env []string
	// Logger may be nil.
	Logger *slog.Logger
}

// Query asks for packages.
type Query struct {
	// Packages are the names of those that are wanted. Development files
	// that they recommend come with them.
	Packages []string
	// Suite is a release's name, "bookworm"; empty for the machine's own.
	Suite string
	// Without are names of packages that are left out, and with them what
	// only they need.
	Without []string
	// Update asks for new indexes, however young those at hand are.
	Update bool
}

// Package is a binary package.
type Package struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	// SHA256 is 64 hexadecimal digits, of the index that the repository
	// signed.
	SHA256 string `json:"sha256"`
	// Size and Installed are in bytes: of the file, and of what is in it.
	Size      int64 `json:"size"`
	Installed int64 `json:"installed"`

	uri string
}

// Resolution is what a query found.
type Resolution struct {
	// Packages are sorted by name.
	Packages []Package
	// Updated says that the indexes were just downloaded.
	Updated bool

	private private
}

// ErrOffline is the reason for what the network would be needed for.
var ErrOffline = errors.New("the network is off")

// ErrNoApt says that the machine has no apt.
var ErrNoApt = errors.New("apt-get is not installed on this machine")

// UnknownPackageError says that suites lack packages.
type UnknownPackageError struct {
	Packages []string
	// Suites are the names of the suites that were looked at.
	Suites []string
}

// Error names the packages and where they were looked for.
func (e *UnknownPackageError) Error() string {
	what := "package"
	if len(e.Packages) > 1 {
		what = "packages"
	}
	return fmt.Sprintf("apt knows no %s %s in %s", what, strings.Join(e.Packages, ", "), strings.Join(e.Suites, ", "))
}

// Resolve finds packages in the machine's repositories, which it downloads
// the indexes of unless it has young ones.
func (b *Binaries) Resolve(ctx context.Context, q Query, progress Progress) (*Resolution, error) {
	if progress == nil {
		progress = func(string, int64, int64) {}
	}
	if err := available(); err != nil {
		return nil, err
	}
	if len(q.Packages) == 0 {
		return nil, errors.New("no package was named")
	}
	for _, name := range q.Packages {
		if !ValidName(name) {
			return nil, fmt.Errorf("%q is no name of a package", name)
		}
	}
	unlock, err := lock(ctx, b.Dir)
	if err != nil {
		return nil, err
	}
	defer unlock()
	repos, err := b.repositories(ctx, q.Suite)
	if err != nil {
		return nil, err
	}
	r := &resolver{query: q, suites: suites(repos), private: private{env: b.Env}}
	if r.machine, err = readMachine(ctx, b.Env); err != nil {
		return nil, err
	}
	r.dir = filepath.Join(b.Dir, folder(repos))
	r.more = [][2]string{
		{"APT::Architecture", r.machine.arch}, {"APT::Architectures", r.machine.arch},
		{"APT::Install-Recommends", "true"}, {"APT::Install-Suggests", "false"},
		{"Acquire::ForceHash", "SHA256"}, {"Debug::NoLocking", "true"},
		// Of the two caches, some 45 MB each, the other one is of use.
		{"Dir::Cache::srcpkgcache", ""},
	}
	updated, err := b.update(ctx, r, repos, progress)
	if err != nil {
		return nil, err
	}
	packages, err := r.resolve(ctx)
	return &Resolution{Packages: packages, Updated: updated, private: r.private}, err
}

// ValidName says whether a string can be a package's name.
// Source: Debian Policy, 5.6.7. A minus sign at the end is an order to apt.
func ValidName(name string) bool {
	for i, c := range name {
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || i > 0 && strings.ContainsRune("+-.", c)) {
			return false
		}
	}
	return len(name) > 1 && !strings.HasSuffix(name, "-")
}

// repositories returns those that a suite is in.
func (b *Binaries) repositories(ctx context.Context, suite string) ([]Repository, error) {
	repos := b.Repositories
	if repos == nil {
		all, err := learn(ctx, b.Env)
		if err != nil {
			return nil, err
		}
		repos = chooseBinary(all)
	}
	if len(repos) == 0 {
		return nil, errors.New("apt knows no Debian or Ubuntu mirror on this machine")
	}
	if suite == "" {
		return repos, nil
	}
	own := slices.DeleteFunc(slices.Clone(repos), func(r Repository) bool {
		return r.Suite != suite && !strings.HasPrefix(r.Suite, suite+"-")
	})
	if len(own) > 0 {
		return own, nil
	}
	other := repos[0]
	other.Suite = suite
	return []Repository{other}, nil
}

func suites(repos []Repository) []string {
	var names []string
	for _, r := range repos {
		if !slices.Contains(names, r.Suite) {
			names = append(names, r.Suite)
		}
	}
	return names
}

// update downloads the indexes if need be, and says whether it did.
func (b *Binaries) update(ctx context.Context, r *resolver, repos []Repository, progress Progress) (bool, error) {
	var sources []string
	for _, repo := range repos {
		sources = append(sources, repo.source("deb"))
	}
	if err := r.prepare(strings.Join(sources, "\n")); err != nil {
		return false, err
	}
	fresh := b.Fresh
	if fresh == 0 {
		fresh = 24 * time.Hour
	}
	stamp := r.path("updated")
	info, err := os.Stat(stamp)
	switch {
	case err == nil && (b.Offline || !r.query.Update && time.Since(info.ModTime()) < fresh):
		return false, nil
	case b.Offline:
		return false, fmt.Errorf("there is no package index yet and %w", ErrOffline)
	}
	if err := os.Remove(stamp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return false, fmt.Errorf("update the index: %w", err)
	}
	progress("apt, index of "+strings.Join(r.suites, ", "), 0, 0)
	if _, err := output(ctx, r.environment(), "apt-get", "update", "-q", "-o", "APT::Update::Error-Mode=any"); err != nil {
		return false, err
	}
	if err := os.WriteFile(stamp, nil, 0o600); err != nil {
		return true, fmt.Errorf("update the index: %w", err)
	}
	return true, nil
}
