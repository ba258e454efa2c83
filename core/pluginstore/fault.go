package pluginstore

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/mkmini/mkmini/core/fault"
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
