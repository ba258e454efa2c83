package pluginhost

import (
	"context"
	"os"
	"path/filepath"

	"github.com/hashicorp/go-plugin"

	"github.com/mkmini/mkmini/core/fault"
)

// Pin is what an executable has to be.
type Pin struct {
	// Digest is its "sha256:…"; empty if the lock has none for this kind of
	// machine, and then no executable will do.
	Digest string
	// Lock is the path of the file that says so, and Range where.
	Lock  string
	Range fault.Range
	// Remedy is what to do about another one.
	Remedy string
}

// checkPin refuses an executable that is not the one that the lock names,
// before anything of it is run. A built-in plugin in its place counts as
// another one.
func (h *Host) checkPin(f *Found) error {
	pin, ok := h.opts.Pins[f.Name]
	if !ok || f.Override || f.Attached != nil || pin.Digest == f.Digest {
		return nil
	}
	locked := pin.Digest
	if locked == "" {
		locked = "none for this kind of machine"
	}
	return &fault.Error{
		Summary: "Plugin " + quote(f.Name) + " is not the one that the lock names",
		Detail:  f.Path + " was not run, as it is something else than " + pin.Lock + " pins.",
		Excerpt: []string{"in the lock: " + locked, "here:        " + f.Digest},
		Remedy:  pin.Remedy, Range: &pin.Range, Usage: true, Err: plugin.ErrChecksumsDoNotMatch,
	}
}

// Place is somewhere that plugins are looked for.
type Place struct {
	// Path is a folder's, or empty for the built-in plugins.
	Path string
	// Plugins are the names of those that are there, sorted.
	Plugins []string
	// Absent says that there is no such folder.
	Absent bool
	// Refused says why nothing there is used; empty if it is used.
	Refused string
}

// Places returns where plugins are looked for, in order, without overrides.
// Nothing is run.
func (h *Host) Places() []Place {
	var all []Place
	folder := func(dir string) {
		p := Place{Path: dir, Plugins: namesIn(dir)}
		if _, err := os.Stat(dir); err != nil {
			p.Absent = isAbsent(err)
			if !p.Absent {
				p.Refused = err.Error()
			}
		} else if err := (&Found{}).checkFolder(dir); err != nil {
			p.Refused = reason(err)
		}
		all = append(all, p)
	}
	for _, dir := range h.opts.Dirs {
		folder(dir)
	}
	all = append(all, Place{Plugins: h.opts.Builtins})
	for _, dir := range h.pathDirs() {
		folder(dir)
	}
	return all
}

// reason returns why a folder is refused.
func reason(err error) string {
	if f, ok := err.(*fault.Error); ok {
		return f.Detail
	}
	return err.Error()
}

// Candidates returns the paths of all executables of a name, in the order in
// which they are looked for; the first one is used. That of a built-in plugin
// is empty.
func (h *Host) Candidates(name string) []string {
	var all []string
	if path, ok := h.opts.Overrides[name]; ok {
		all = append(all, path)
	}
	for _, place := range h.Places() {
		for _, other := range place.Plugins {
			if other != name {
				continue
			}
			if place.Path == "" {
				all = append(all, "")
			} else {
				all = append(all, filepath.Join(place.Path, Prefix+name))
			}
		}
	}
	return all
}

// FindFile examines an executable, whatever it is called and whoever may
// write to it, as its maker does before it is installed. Its protocol may be
// one that mkmini does not speak.
func (h *Host) FindFile(ctx context.Context, path string) (*Found, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	f := &Found{Name: filepath.Base(path), Path: path, Override: true}
	if _, err := os.Stat(path); err != nil {
		return nil, f.fail("can't be read", sentence(err), "Correct the path.", err)
	}
	if err := h.examine(ctx, f); err != nil {
		return nil, err
	}
	if nameSyntax.MatchString(f.Manifest.Name) {
		f.Name = f.Manifest.Name
	}
	return f, f.checkManifest()
}

// Overrides says whether something is used in place of a plugin, whatever is
// installed and locked.
func (h *Host) Overrides(name string) bool {
	_, overridden := h.opts.Overrides[name]
	_, attached := h.opts.Attached[name]
	return overridden || attached
}
