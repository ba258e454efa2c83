package pluginstore

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
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
