package pluginstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/source"
)

// Manifest is the description that a release may have beside its archives.
type Manifest struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	// Protocols and Mkmini are as in the plugin's own description.
	Protocols []int  `json:"protocols"`
	Mkmini    string `json:"mkmini,omitempty"`
	// Executables are the sha256 of the executables by the archives' names.
	Executables map[string]string `json:"executables,omitempty"`
}

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

// trusted are the keys that count: the user's, and that of the lock.
func (s *Store) trusted(req Request) map[string]string {
	keys := maps.Clone(s.Keys)
	if req.Locked != nil && req.Locked.Key != "" && !s.SignatureRequired {
		if keys == nil {
			keys = map[string]string{}
		}
		keys["the lock's"] = req.Locked.Key
	}
	return keys
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

// checkSigner refuses a release that isn't signed as it has to be.
func (s *Store) checkSigner(req Request, rel *Release) error {
	if l := req.Locked; l != nil && l.Key != "" && l.Key != rel.Key {
		now := rel.Key
		if now == "" && rel.Unverified != "" {
			now = "a signature by the key " + rel.Unverified + ", which is not trusted"
		}
		return changed(req, "The key that "+SumsName+" is signed by", l.Key, now,
			"Ask whoever makes the plugin whether the key is theirs. If it is, trust it in the settings and remove the plugin's block from the lock.")
	}
	if !s.SignatureRequired || rel.Key != "" {
		return nil
	}
	detail := fmt.Sprintf("The settings require signatures, and the release %s at %s has none.", rel.Version, rel.Where)
	if rel.Unverified != "" {
		detail = fmt.Sprintf("The settings require signatures, and the release %s at %s is signed by the key %s, which is none of those that are trusted: %s.",
			rel.Version, rel.Where, rel.Unverified, s.trustedIDs())
	}
	return fail(req.Name, "is not signed by a trusted key", detail,
		"Ask whoever makes the plugin for their key, and write it into keys in the plugins block of the settings if you trust it.", nil)
}

// trustedIDs lists the keys that are trusted.
func (s *Store) trustedIDs() string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(s.Keys)) {
		all = append(all, KeyID(s.Keys[name])+" ("+name+")")
	}
	if len(all) == 0 {
		return "there are none"
	}
	return strings.Join(all, ", ")
}

// describe reads the description of a release, if it has one.
func (s *Store) describe(ctx context.Context, req Request, rel *Release, files map[string]string) error {
	m, err := s.manifestOf(ctx, rel.origin, req.Name, rel.Version, files)
	if err != nil {
		return s.unreadable(ctx, req, err)
	}
	if m == nil {
		return nil
	}
	rel.manifest = files[manifestName(req.Name, rel.Version)]
	for name, sum := range m.Executables {
		a, err := ParseName(name)
		if _, ok := rel.Archives[name]; err != nil || !ok || !hexSum.MatchString(sum) {
			continue
		}
		if was := rel.Executables[a.Platform.String()]; was != "" && was != sum {
			return changed(req, "The executable for "+a.Platform.String(), was, sum,
				"Don't use it before you know why a release was changed after it was made: ask whoever makes the plugin.")
		}
		if rel.Executables == nil {
			rel.Executables = map[string]string{}
		}
		rel.Executables[a.Platform.String()] = sum
	}
	return nil
}

// manifestOf returns the description of a version, nil if it has none.
func (s *Store) manifestOf(ctx context.Context, o origin, name, version string, files map[string]string) (*Manifest, error) {
	file := manifestName(name, version)
	sum, ok := files[file]
	if !ok {
		return nil, nil
	}
	path, err := o.fetch(ctx, file, sum, func(int64, int64) {})
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var m Manifest
	if len(data) > maxText || json.Unmarshal(data, &m) != nil || m.Name != name || m.Version != version {
		return nil, fmt.Errorf("%s does not describe version %s of %s", file, version, name)
	}
	return &m, nil
}

// unreadable explains a source that can't be read.
func (s *Store) unreadable(ctx context.Context, req Request, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var f *fault.Error
	if errors.As(err, &f) && f.Excerpt == nil {
		return err
	}
	detail, excerpt := inner(err)
	detail = fmt.Sprintf("%s can't be read: %s", req.Source, lower(detail))
	remedy := "Correct the source, or try again when it can be reached."
	switch {
	case errors.Is(err, source.ErrOffline):
		detail = fmt.Sprintf("It was not fetched before, and the network is off, so %s was not asked.", req.Source)
		remedy = "Run again without --offline, or name a mirror folder in the settings (plugins { mirror = \"…\" })."
	case errors.Is(err, fs.ErrNotExist):
		remedy = fmt.Sprintf("Correct the source: it has to be where %s and the archives are.", SumsName)
	}
	return fail(req.Name, "has no release that can be read", detail, remedy, err, excerpt...)
}

func lower(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToLower(s[:1]) + s[1:]
}

// none explains that no release will do.
func none(req Request, notes []note) error {
	want := "any version"
	if req.Version != "" {
		want = req.Version
	}
	if req.Locked != nil && !req.Upgrade {
		want = "version " + req.Locked.Version + ", which the lock pins"
	}
	detail := fmt.Sprintf("%s has no release of it for %s.", req.Source, want)
	remedy := "Correct version in required_plugins, or the source."
	if req.Locked != nil && !req.Upgrade {
		remedy += " `mkmini init --upgrade` looks for others than the lock pins."
	}
	var lines []string
	for _, n := range notes {
		lines = append(lines, n.text)
		if n.protocol {
			remedy = "Use the mkmini that it needs, or require another version."
		}
	}
	return fail(req.Name, "has no release that will do", detail, remedy, nil, lines...)
}
