package build

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/event"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/plugins/sdk"
)

func isFault(err error) bool {
	var f *fault.Error
	return errors.As(err, &f)
}

// cause returns the innermost words of a system error: "permission denied".
func cause(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return fmt.Sprintf("%s %s: %s", p.Op, p.Path, p.Err)
	}
	return err.Error()
}

// explain makes a step's error one for people, and names the step in it.
func explain(e event.Event, err error) error {
	title := e.Step
	if e.Arch != "" {
		title += " for " + e.Arch
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var errs []error
		for _, one := range joined.Unwrap() {
			errs = append(errs, explain(e, one))
		}
		return errors.Join(errs...)
	}
	var f *fault.Error
	switch {
	case errors.As(err, &f):
		named := *f
		if named.Step == "" {
			named.Step = title
		}
		return &named
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return &fault.Error{
			Step: title, Summary: "No space left", Detail: fmt.Sprintf("A file could not be written: %s.", cause(err)),
			Remedy: "Free some space, or give other folders with --store DIR and --out DIR; a build takes some 150 MB for each architecture.",
			Err:    err,
		}
	case errors.Is(err, fs.ErrPermission):
		return &fault.Error{
			Step: title, Summary: "Permission denied", Detail: cause(err) + ".",
			Remedy: "Give folders that you may write to with --store DIR and --out DIR.",
			Err:    err,
		}
	}
	return &fault.Error{
		Step: title, Summary: "The step failed", Detail: err.Error() + ".",
		Remedy: "Run again with -vv to see more.",
		Err:    err,
	}
}

// place finds the range in the configuration that a diagnostic's path names.
type place func(path []string) (fault.Range, bool)

// placeTarget finds what a toolchain plugin's paths name.
func placeTarget(t config.Target) place {
	return func(path []string) (fault.Range, bool) {
		if path[0] == "busybox" {
			return nearest(t.Busybox.Ranges, path[1:])
		}
		return nearest(t.Toolchain.AttributeRanges, path[1:])
	}
}

// placeEntry finds the first of labels that is that of an entry of the rootfs
// blocks.
func placeEntry(t config.Target) place {
	return func(path []string) (fault.Range, bool) {
		for _, label := range path[1:] {
			for _, e := range t.Rootfs {
				if e.Path == label {
					return e.Range, true
				}
			}
		}
		return fault.Range{}, false
	}
}

// placeExport finds what an exporter's paths name.
func placeExport(e config.Export) place {
	return func(path []string) (fault.Range, bool) { return nearest(e.AttributeRanges, path[1:]) }
}

// diagnosed maps a toolchain plugin's diagnostics to the configuration.
func diagnosed(t config.Target, err error) error {
	return fromPlugin(err, t.Busybox.Range, placeTarget(t))
}

// diagnosedLibc is diagnosed for what has to do with the C library.
func diagnosedLibc(t config.Target, err error) error {
	at, ok := t.Toolchain.AttributeRanges["libc"]
	if !ok {
		at = t.Toolchain.Range
	}
	return fromPlugin(err, at, placeTarget(t))
}

// diagnosedExport maps an exporter's diagnostics to the configuration.
func diagnosedExport(e config.Export, err error) error {
	return fromPlugin(err, e.Range, placeExport(e))
}

// nearest returns the range of the longest start of a path that has one.
func nearest(ranges map[string]fault.Range, path []string) (fault.Range, bool) {
	for n := len(path); n > 0; n-- {
		if r, ok := ranges[strings.Join(path[:n], ".")]; ok {
			return r, true
		}
	}
	return fault.Range{}, false
}

// fromPlugin turns a plugin's diagnostics into faults, each at the place in
// the configuration that it is about, or else at the block's. A failure is
// never nil, whatever the plugin says of it.
func fromPlugin(err error, block fault.Range, find place) error {
	var ds sdk.Diagnostics
	if !errors.As(err, &ds) {
		return err
	}
	var faults []error
	for _, d := range ds {
		if d.Severity == sdk.Warning {
			continue
		}
		f := &fault.Error{Summary: d.Summary, Detail: d.Detail, Remedy: d.Remedy, Excerpt: d.Excerpt, Log: d.Log, Range: &block}
		if len(d.Path) > 1 {
			if r, ok := find(d.Path); ok {
				f.Range, f.Usage = &r, true
			}
		}
		faults = append(faults, f)
	}
	switch len(faults) {
	case 0:
		return unexplained(ds, block)
	case 1:
		return faults[0]
	}
	return errors.Join(faults...)
}

// unexplained is the fault of a plugin that failed and said nothing of it, or
// nothing but warnings.
func unexplained(ds sdk.Diagnostics, block fault.Range) error {
	f := &fault.Error{
		Summary: "The plugin failed without saying why",
		Detail:  "It returned no error, nor a result.",
		Remedy:  "Look at what the plugin writes, with -vv, and report this to whoever makes it.",
		Range:   &block,
	}
	for _, d := range ds {
		f.Detail = "It returned warnings alone, and no result."
		f.Excerpt = append(f.Excerpt, sdk.Diagnostics{d}.Error())
		f.Log = cmp.Or(f.Log, d.Log)
	}
	return f
}

// keepLogs copies the logs that an error names out of the folder that is
// about to be removed. name begins the names of what is kept.
func (r *run) keepLogs(name string, err error) error {
	keep := r.keeper(name)
	for _, f := range faults(err) {
		f.Log = keep(f.Log)
	}
	return err
}

// keeper returns a function that copies a log, once however often it is
// named, and returns its new path: empty if it can't be kept.
func (r *run) keeper(name string) func(log string) string {
	kept := map[string]string{"": ""}
	return func(log string) string {
		dst, ok := kept[log]
		if ok {
			return dst
		}
		dst = r.Store.Log(name)
		if n := len(kept); n > 1 {
			dst = r.Store.Log(fmt.Sprintf("%s.%d", name, n))
		}
		if err := copyLog(log, dst); err != nil {
			dst = ""
		}
		kept[log] = dst
		return dst
	}
}

// faults returns the faults that were joined.
func faults(err error) []*fault.Error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []*fault.Error
		for _, e := range joined.Unwrap() {
			all = append(all, faults(e)...)
		}
		return all
	}
	var f *fault.Error
	if errors.As(err, &f) {
		return []*fault.Error{f}
	}
	return nil
}

func copyLog(src, dst string) (err error) {
	if err := os.MkdirAll(filepath.Dir(dst), 0o755); err != nil {
		return err
	}
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(dst)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
