package pluginstore

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Resolve finds the release that a request asks for: the locked one, or else
// the newest that will do. Errors are *fault.Error, apart from the end of
// ctx.
func (s *Store) Resolve(ctx context.Context, req Request) (*Release, error) {
	if rel := s.known(req); rel != nil {
		return rel, nil
	}
	var noted []note
	if s.Mirror != "" {
		inMirror := req
		inMirror.Source = s.Mirror
		if versions := mirrored(s.Mirror, req.Name); len(versions) > 0 {
			rel, notes, err := s.search(ctx, req, s.versions(inMirror, versions))
			if rel != nil || err != nil {
				return rel, err
			}
			noted = notes
		}
	}
	origins, err := s.origins(ctx, req)
	if err != nil {
		return nil, s.unreadable(ctx, req, err)
	}
	rel, notes, err := s.search(ctx, req, origins)
	if rel == nil && err == nil {
		err = none(req, append(noted, notes...))
	}
	return rel, err
}

// known returns the release from the lock alone, so that it can be installed
// without a network from what was fetched before; nil if the lock does not
// say enough.
func (s *Store) known(req Request) *Release {
	l := req.Locked
	if l == nil || req.Upgrade || req.Listed || s.SignatureRequired && !slices.Contains(slices.Collect(maps.Values(s.Keys)), l.Key) {
		return nil
	}
	rel := &Release{
		Name: req.Name, Version: l.Version, Where: req.Source, Key: l.Key,
		Archives: l.Archives, Executables: maps.Clone(l.Executables),
	}
	for name, key := range s.Keys {
		if key == l.Key {
			rel.Signer = name
		}
	}
	var archives []Archive
	for name := range l.Archives {
		if a, err := ParseName(name); err == nil && slices.Contains(s.Protocols, a.Protocol) {
			archives = append(archives, a)
		}
	}
	var ok bool
	if rel.archive, ok = pick(archives, s.Platform); !ok {
		return nil
	}
	rel.origin = s.direct(req, rel.archive)
	return rel
}

// direct returns the origin of an archive whose name and hash are known.
func (s *Store) direct(req Request, a Archive) origin {
	for _, dir := range []string{s.Mirror, req.Source} {
		dir = filepath.Join(dir, req.Name, a.Version)
		if _, err := os.Stat(filepath.Join(dir, a.String())); filepath.IsAbs(dir) && err == nil {
			return s.folder(dir)
		}
	}
	if ref, ok := strings.CutPrefix(req.Source, scheme); ok {
		return &repository{store: s, ref: ref}
	}
	if !filepath.IsAbs(req.Source) {
		return &site{store: s, base: req.Source, where: req.Source}
	}
	if info, err := os.Stat(req.Source); err == nil && !info.IsDir() {
		return s.folder(filepath.Dir(req.Source))
	}
	return s.folder(req.Source)
}

// search returns the newest release in origins that will do; nil, with the
// reasons, if there is none.
func (s *Store) search(ctx context.Context, req Request, origins []origin) (*Release, []note, error) {
	var notes []note
	for _, o := range origins {
		sums, signature, err := o.listing(ctx)
		if err != nil {
			return nil, nil, s.unreadable(ctx, req, err)
		}
		files, err := ParseSums(sums)
		if err != nil {
			return nil, nil, fail(req.Name, "has an unreadable release", fmt.Sprintf("The %s at %s can't be used: %v.", SumsName, o, err),
				"Tell whoever makes the plugin, or use another source.", err)
		}
		who, err := verify(sums, signature, s.trusted(req))
		if err != nil {
			return nil, nil, fail(req.Name, "has a wrong signature", fmt.Sprintf("At %s, %v.", o, err),
				"Don't use what is there; ask whoever makes the plugin.", err)
		}
		rel, more, err := s.choose(ctx, req, o, files)
		notes = append(notes, more...)
		if err != nil {
			return nil, nil, err
		}
		if rel == nil {
			continue
		}
		rel.Key, rel.Signer, rel.sums, rel.signature = who.key, who.name, sums, signature
		if who.key == "" {
			rel.Unverified = who.id
		}
		for _, n := range notes {
			if n.protocol {
				rel.PassedOver = append(rel.PassedOver, n.text)
			}
		}
		return rel, nil, s.finish(ctx, req, rel, files)
	}
	return nil, notes, nil
}

// finish checks a release that was chosen against the signature's rules and
// the lock, and completes it.
func (s *Store) finish(ctx context.Context, req Request, rel *Release, files map[string]string) error {
	if err := s.checkSigner(req, rel); err != nil {
		return err
	}
	if l := req.Locked; l != nil && l.Version == rel.Version {
		for _, name := range slices.Sorted(maps.Keys(rel.Archives)) {
			if was, ok := l.Archives[name]; ok && was != rel.Archives[name] {
				return changed(req, name, was, rel.Archives[name],
					"Don't use it before you know why a release was changed after it was made: ask whoever makes the plugin. If it is right, remove its block from the lock.")
			}
		}
		rel.Executables = maps.Clone(l.Executables)
	}
	return s.describe(ctx, req, rel, files)
}
