package pluginstore

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

var hexSum = regexp.MustCompile(`^[0-9a-f]{64}$`)

// note says why a version will not do.
type note struct {
	text string
	// protocol says that it is for another mkmini.
	protocol bool
}

// choose returns the newest release among files that will do, and why newer
// ones will not. It is nil if none will. A version that will do but has no
// archive for the platform is an error: an older one would be a surprise.
func (s *Store) choose(ctx context.Context, req Request, o origin, files map[string]string) (*Release, []note, error) {
	only := ""
	if single, ok := o.(*one); ok {
		only = single.name
	}
	versions := map[string][]Archive{}
	var others []string
	for name := range files {
		a, err := ParseName(name)
		switch {
		case err != nil:
		case a.Plugin != req.Name:
			others = append(others, a.Plugin)
		default:
			versions[a.Version] = append(versions[a.Version], a)
		}
	}
	if only != "" {
		a, err := ParseName(only)
		if err == nil {
			versions = map[string][]Archive{a.Version: versions[a.Version]}
		}
	}
	var notes []note
	for _, v := range slices.SortedFunc(maps.Keys(versions), newer) {
		if !req.accepts(v) {
			notes = append(notes, note{text: v + " does not meet what is required"})
			continue
		}
		rel, why, err := s.version(ctx, req, o, v, versions[v], files)
		if rel != nil || err != nil {
			return rel, notes, err
		}
		notes = append(notes, note{why, true})
	}
	if len(versions) == 0 && len(others) > 0 {
		slices.Sort(others)
		notes = append(notes, note{text: "there are releases of " + strings.Join(slices.Compact(others), ", ")})
	}
	return nil, notes, nil
}

// version returns the release of one version; nil, with the reason, if it is
// for another protocol.
func (s *Store) version(ctx context.Context, req Request, o origin, v string, archives []Archive, files map[string]string) (*Release, string, error) {
	protocol := 0
	var protocols []int
	for _, a := range archives {
		protocols = append(protocols, a.Protocol)
		if slices.Contains(s.Protocols, a.Protocol) {
			protocol = max(protocol, a.Protocol)
		}
	}
	if protocol == 0 {
		return nil, s.wrongProtocol(ctx, o, req.Name, v, protocols, files), nil
	}
	archives = slices.DeleteFunc(archives, func(a Archive) bool { return a.Protocol != protocol })
	chosen, ok := pick(archives, s.Platform)
	if !ok {
		return nil, "", fail(req.Name, "is not made for this machine",
			fmt.Sprintf("The release %s at %s has no archive for %s; there are archives for %s.", v, o, s.Platform, strings.Join(platforms(archives), ", ")),
			"Ask whoever makes the plugin for one, or build it for this machine.", nil)
	}
	rel := &Release{Name: req.Name, Version: v, Where: o.String(), Archives: map[string]string{}, archive: chosen, origin: o}
	for _, a := range archives {
		rel.Archives[a.String()] = files[a.String()]
	}
	return rel, "", nil
}

// wrongProtocol says why a version does not work with this mkmini, and which
// one it needs if it says so.
func (s *Store) wrongProtocol(ctx context.Context, o origin, name, v string, protocols []int, files map[string]string) string {
	text := fmt.Sprintf("%s speaks version %d of the plugin protocol, and this mkmini speaks %d", v, slices.Min(protocols), slices.Max(s.Protocols))
	if slices.Max(protocols) < slices.Min(s.Protocols) {
		return text + ": it needs an older mkmini"
	}
	if m, err := s.manifestOf(ctx, o, name, v, files); err == nil && m != nil && m.Mkmini != "" {
		return text + ": it needs mkmini " + m.Mkmini + " or newer"
	}
	return text + ": it needs a newer mkmini"
}
