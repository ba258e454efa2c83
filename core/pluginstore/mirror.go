package pluginstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/core/store"
)

// Copy copies a release, with the archives for all platforms or those that
// are named, into a folder of mirrored releases, and returns the names of the
// files that are there now. The list of hashes comes last: without it there
// is no release.
func (s *Store) Copy(ctx context.Context, req Request, rel *Release, dir string, only []string, progress Progress) ([]string, error) {
	if rel.sums == nil {
		return nil, errors.New("copy a release that is known from the lock alone")
	}
	for _, p := range only {
		if !slices.Contains(rel.Platforms(), p) {
			return nil, fail(req.Name, "is not made for "+p,
				fmt.Sprintf("The release %s at %s has archives for %s.", rel.Version, rel.Where, strings.Join(rel.Platforms(), ", ")),
				"Name one of them with --platform, or leave it out for all.", nil)
		}
	}
	dir = filepath.Join(dir, rel.Name, rel.Version)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, notWritable(req, dir, err)
	}
	files := maps.Clone(rel.Archives)
	if rel.manifest != "" {
		files[manifestName(rel.Name, rel.Version)] = rel.manifest
	}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if a, err := ParseName(name); err == nil && len(only) > 0 && !slices.Contains(only, a.Platform.String()) {
			continue
		}
		all := *rel
		all.Archives = files
		path, err := s.Fetch(ctx, req, &all, name, progress)
		if err != nil {
			return names, err
		}
		if err := copyFile(path, filepath.Join(dir, name)); err != nil {
			return names, notWritable(req, dir, err)
		}
		names = append(names, name)
	}
	texts := map[string][]byte{SumsName: rel.sums, SignatureName: rel.signature}
	for _, name := range []string{SignatureName, SumsName} {
		if texts[name] == nil {
			continue
		}
		if err := store.WriteFile(filepath.Join(dir, name), texts[name]); err != nil {
			return names, notWritable(req, dir, err)
		}
		names = append(names, name)
	}
	return names, nil
}

// copyFile copies a file through a temporary one beside the target.
func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.CreateTemp(filepath.Dir(to), ".copy-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(out.Name()))
		}
	}()
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Chmod(0o644), out.Close()); err != nil {
		return err
	}
	return os.Rename(out.Name(), to)
}
