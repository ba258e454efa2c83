package apt

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// resolver asks a private apt what packages need.
type resolver struct {
	private
	query  Query
	suites []string
}

// resolve returns the packages of the query and all that they need, sorted by
// name.
func (r *resolver) resolve(ctx context.Context) ([]Package, error) {
	known, err := r.show(ctx, r.query.Packages)
	if err != nil {
		return nil, err
	}
	unknown := slices.DeleteFunc(slices.Clone(r.query.Packages), func(name string) bool { return known[name] != nil })
	if len(unknown) > 0 {
		return nil, &UnknownPackageError{Packages: unknown, Suites: r.suites}
	}
	args := append([]string{"install", "--print-uris", "-y", "-q"}, r.query.Packages...)
	out, err := output(ctx, r.environment(), "apt-get", args...)
	if err != nil {
		return nil, fmt.Errorf("the packages can't be had together: %w", err)
	}
	uris, err := parseURIs(out)
	if err != nil {
		return nil, err
	}
	var exact []string
	for name, u := range uris {
		exact = append(exact, name+"="+u.Version)
	}
	slices.Sort(exact)
	all, err := r.show(ctx, exact)
	if err != nil {
		return nil, err
	}
	var packages []Package
	for _, name := range closure(all, r.query.Packages, r.query.Without) {
		p, err := complete(uris[name], all[name])
		if err != nil {
			return nil, err
		}
		packages = append(packages, p)
	}
	return packages, nil
}

// show returns the stanzas of packages by name, of those that there are.
func (r *resolver) show(ctx context.Context, names []string) (map[string]stanza, error) {
	out, err := output(ctx, r.environment(), "apt-cache", append([]string{"show", "--no-all-versions", "--quiet"}, names...)...)
	if err != nil && (ctx.Err() != nil || !none(err)) {
		return nil, err
	}
	all, err := parseStanzas(strings.NewReader(out))
	if err != nil {
		return nil, fmt.Errorf("read apt's answer: %w", err)
	}
	stanzas := map[string]stanza{}
	for _, s := range all {
		if name := s["Package"]; name != "" && stanzas[name] == nil {
			stanzas[name] = s
		}
	}
	return stanzas, nil
}

// none says whether apt-cache failed for knowing none of the packages. Text is
// all that apt gives.
func none(err error) bool {
	return strings.Contains(err.Error(), "No packages found") || strings.Contains(err.Error(), "Unable to locate package")
}

// parseURIs reads what apt-get --print-uris prints: packages by name, with
// address, version and size. Each line is
//
//	'ADDRESS' NAME_VERSION_ARCHITECTURE.deb SIZE HASH
func parseURIs(text string) (map[string]Package, error) {
	packages := map[string]Package{}
	for line := range strings.SplitSeq(text, "\n") {
		rest, ok := strings.CutPrefix(line, "'")
		uri, rest, end := strings.Cut(rest, "' ")
		if !ok || !end {
			continue
		}
		wrong := fmt.Errorf("apt named a file in a way that isn't understood: %q", line)
		fields := strings.Fields(rest)
		if len(fields) < 2 {
			return nil, wrong
		}
		parts := strings.Split(strings.TrimSuffix(fields[0], ".deb"), "_")
		size, err := strconv.ParseInt(fields[1], 10, 64)
		if len(parts) != 3 || err != nil || size < 0 || !ValidName(parts[0]) {
			return nil, wrong
		}
		version, err := url.PathUnescape(parts[1]) // an epoch's colon is %3a
		if err != nil {
			return nil, wrong
		}
		packages[parts[0]] = Package{Name: parts[0], Version: version, Size: size, uri: uri}
	}
	return packages, nil
}

// complete adds what the index says of a package.
func complete(p Package, s stanza) (Package, error) {
	p.SHA256 = strings.ToLower(s["SHA256"])
	if b, err := hex.DecodeString(p.SHA256); err != nil || len(b) != 32 || p.uri == "" {
		return Package{}, fmt.Errorf("the index gives no sha256 of the package %s", s["Package"])
	}
	if kib, err := strconv.ParseInt(s["Installed-Size"], 10, 64); err == nil && kib >= 0 && kib < 1<<40 {
		p.Installed = kib << 10
	}
	return p, nil
}

// closure returns the names of the packages that wanted ones need, out of
// those that apt settled on, sorted. Recommendations are followed where they
// are development files: a cross compiler only recommends its C library.
func closure(all map[string]stanza, wanted, without []string) []string {
	provided := map[string][]string{}
	for name, s := range all {
		for _, p := range relations(s["Provides"]) {
			for _, virtual := range p {
				provided[virtual] = append(provided[virtual], name)
			}
		}
	}
	in := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		s := all[name]
		if s == nil || in[name] || slices.Contains(without, name) {
			return
		}
		in[name] = true
		needs := slices.Concat(relations(s["Pre-Depends"]), relations(s["Depends"]))
		for _, group := range relations(s["Recommends"]) {
			if slices.ContainsFunc(group, development) {
				needs = append(needs, group)
			}
		}
		for _, group := range needs {
			for _, name := range settled(all, provided, group) {
				visit(name)
			}
		}
	}
	for _, name := range wanted {
		visit(name)
	}
	var names []string
	for name := range in {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// settled returns the packages that fulfil a group of alternatives.
func settled(all map[string]stanza, provided map[string][]string, group []string) []string {
	for _, name := range group {
		if all[name] != nil {
			return []string{name}
		}
	}
	for _, name := range group {
		if len(provided[name]) > 0 {
			return provided[name]
		}
	}
	return nil
}

// development says whether a package is what programs are compiled with, by
// its name: libc6-dev, libc6-dev-arm64-cross.
func development(name string) bool {
	return strings.HasPrefix(name, "lib") && (strings.HasSuffix(name, "-dev") || strings.Contains(name, "-dev-"))
}

// relations reads a field such as Depends: groups of alternatives, without
// their versions and architectures.
func relations(field string) [][]string {
	var groups [][]string
	for part := range strings.SplitSeq(field, ",") {
		var group []string
		for alternative := range strings.SplitSeq(part, "|") {
			name := strings.TrimSpace(alternative)
			if i := strings.IndexAny(name, " (:["); i >= 0 {
				name = name[:i]
			}
			if name != "" {
				group = append(group, name)
			}
		}
		if len(group) > 0 {
			groups = append(groups, group)
		}
	}
	return groups
}
