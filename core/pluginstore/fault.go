package pluginstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/source"
)

// fail returns an error about a plugin's release.
func fail(name, what, detail, remedy string, err error, excerpt ...string) *fault.Error {
	return &fault.Error{
		Summary: fmt.Sprintf("Plugin %q %s", name, what), Detail: detail, Remedy: remedy, Excerpt: excerpt, Err: err,
	}
}

// inner returns the words of an error: of one for people, its detail and the
// lines that explain it.
func inner(err error) (string, []string) {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Detail, f.Excerpt
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		return sentence(p.Path + ": " + p.Err.Error()), nil
	}
	return sentence(err.Error()), nil
}

// sentence makes a clause a sentence.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}

// changed reports what isn't any more what the lock pins.
func changed(req Request, what, locked, now, remedy string) error {
	return fail(req.Name, "is not what the lock pins",
		fmt.Sprintf("%s at %s differs from %s.", what, req.Source, req.Locked.Path), remedy, nil,
		"in the lock: "+orNone(locked), "at the source: "+orNone(now))
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
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
