package apt

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
)

// Repository is one suite of an apt mirror.
type Repository struct {
	// URI is the mirror's address, as in a source list.
	URI string
	// Suite is a suite or code name, as in a source list: "bookworm".
	Suite string
	// Components are the archive areas, such as "main".
	Components []string
	// SignedBy is the value of a deb822 source's Signed-By field; empty for
	// the keys that the machine trusts for everything.
	SignedBy string
	// Trusted takes the repository without a signature.
	Trusted bool
	// origin is what the Release file says: "Debian"; empty if not known.
	origin string
}

// known are the suites of Debian that are looked at after the machine's own,
// the likely ones first.
var known = []string{"stable", "testing", "unstable", "oldstable", "oldoldstable"}

// String names the repository for people: "apt, bookworm of ADDRESS".
func (r Repository) String() string {
	addr := r.URI
	if u, err := url.Parse(r.URI); err == nil {
		addr = u.Redacted()
	}
	return "apt, " + r.Suite + " of " + strings.TrimSuffix(addr, "/")
}

// key is the name of a suite of this mirror.
func (r Repository) key(suite string) string {
	return strings.TrimSuffix(r.URI, "/") + " " + suite
}

// folder is where its private state lives within the finder's folder.
func (r Repository) folder() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{
		r.URI, r.Suite, strings.Join(r.Components, " "), r.SignedBy, fmt.Sprint(r.Trusted),
	}, "\n")))
	name := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' {
			return c
		}
		return '_'
	}, r.Suite)
	return fmt.Sprintf("%s-%x", name, sum[:6])
}

// source returns the repository as a deb822 source of a type: "deb", or
// "deb-src" for source packages.
func (r Repository) source(typ string) string {
	s := fmt.Sprintf("Types: %s\nURIs: %s\nSuites: %s\nComponents: %s\n",
		typ, r.URI, r.Suite, strings.Join(r.Components, " "))
	if r.SignedBy != "" {
		s += "Signed-By: " + r.SignedBy + "\n"
	}
	if r.Trusted {
		s += "Trusted: yes\n"
	}
	return s
}

// learn asks apt for the machine's repositories.
func learn(ctx context.Context, env []string) ([]Repository, error) {
	var repos []Repository
	// Without release info apt also names what was never downloaded, as on
	// a container image whose lists are empty; with it, it tells the origin.
	for _, more := range [][]string{nil, {"--no-release-info"}} {
		// An apt that runs as root would write its binary caches anew.
		args := append([]string{"indextargets", "-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache="}, more...)
		out, err := output(ctx, env, "apt-get", append(args, "Target-Of: deb", "Created-By: Packages")...)
		if err != nil {
			return nil, err
		}
		targets, err := parseStanzas(strings.NewReader(out))
		if err != nil {
			return nil, fmt.Errorf("read apt's index targets: %w", err)
		}
		repos = addTargets(repos, targets)
	}
	return repos, nil
}

// addTargets adds the repositories of index targets that repos lacks.
func addTargets(repos []Repository, targets []stanza) []Repository {
	for _, t := range targets {
		r := Repository{URI: t["Repo-URI"], Suite: t["Release"], origin: t["Origin"]}
		component := t["Component"]
		if r.URI == "" || component == "" || r.Suite == "" || strings.HasSuffix(r.Suite, "/") {
			continue
		}
		i := slices.IndexFunc(repos, func(o Repository) bool { return o.key(o.Suite) == r.key(r.Suite) })
		if i < 0 {
			r.SignedBy = signedBy(t["Sourcesentry"])
			i, repos = len(repos), append(repos, r)
		}
		if !slices.Contains(repos[i].Components, component) {
			repos[i].Components = append(repos[i].Components, component)
		}
	}
	return repos
}

// choose drops what third parties publish, and puts the suites themselves
// before their updates.
func choose(repos []Repository) []Repository {
	var ours []Repository
	for _, r := range repos {
		if r.distribution() {
			// Each further area would cost another index of many megabytes.
			r.Components = []string{"main"}
			ours = append(ours, r)
		}
	}
	slices.SortStableFunc(ours, func(a, b Repository) int {
		return strings.Count(a.Suite, "-") - strings.Count(b.Suite, "-")
	})
	return ours
}

// distribution says whether it is a mirror of Debian or Ubuntu or, where apt
// does not know its origin yet, has an archive area main.
func (r Repository) distribution() bool {
	switch r.origin {
	case "Debian", "Ubuntu", "":
		return slices.Contains(r.Components, "main")
	}
	return false
}

// debian says whether Debian's well-known suites are on the same mirror.
func (r Repository) debian() bool {
	if strings.Contains(r.Suite, "-") || strings.Contains(r.Suite, "/") {
		return false
	}
	if r.origin == "" {
		return path.Base(strings.TrimSuffix(r.URI, "/")) == "debian"
	}
	return r.origin == "Debian"
}

// chooseBinary keeps the repositories of the distribution itself, with the
// archive areas that hold its compilers: Ubuntu has some in universe.
func chooseBinary(repos []Repository) []Repository {
	sure := func(r Repository) bool {
		if r.origin != "" {
			return r.origin == "Debian" || r.origin == "Ubuntu"
		}
		return slices.Contains(mirrorNames, path.Base(strings.TrimSuffix(r.URI, "/")))
	}
	if slices.ContainsFunc(repos, sure) {
		// Where apt knows the origin of some, the others are third parties.
		repos = slices.DeleteFunc(slices.Clone(repos), func(r Repository) bool { return !sure(r) })
	}
	universe := map[string]bool{}
	for _, r := range repos {
		universe[r.key(r.Suite)] = slices.Contains(r.Components, "universe")
	}
	repos = choose(repos)
	for i, r := range repos {
		if universe[r.key(r.Suite)] {
			repos[i].Components = []string{"main", "universe"}
		}
	}
	return repos
}

// mirrorNames are the last parts of the addresses of most mirrors.
var mirrorNames = []string{"debian", "debian-security", "debian-ports", "ubuntu", "ubuntu-ports"}

// folder is where the private state of repositories together lives.
func folder(repos []Repository) string {
	h := sha256.New()
	for _, r := range repos {
		fmt.Fprintln(h, r.folder())
	}
	return fmt.Sprintf("binary-%x", h.Sum(nil)[:6])
}
