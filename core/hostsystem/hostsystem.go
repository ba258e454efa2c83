// Package hostsystem takes parts of an installed system for an image: the
// running one, or one in a folder. Parts are paths, commands with what they
// need to run, packages of dpkg or rpm, or all of it. It reads and copies
// nothing but names: what it returns are the places of files.
package hostsystem

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/fault"
)

// Item is a file, folder, link or device that is taken.
type Item struct {
	// Path is relative to the root and clean, with no symlink above it:
	// "usr/bin/bash".
	Path string
	// Disk is the absolute path on this machine.
	Disk string
	// Info is what lstat says.
	Info fs.FileInfo
	// Target is what a symlink points to.
	Target string
	// Unchecked says that it isn't there to be started, though its mode and
	// its first line look like that.
	Unchecked bool
}

// Collect returns what a host block asks for, sorted by path, so that a folder
// comes before what is in it. Nothing outside of the block's root is looked
// at, wherever symlinks lead. Errors that the user can mend are *fault.Error.
func Collect(ctx context.Context, h *config.Installed, block fault.Range) ([]Item, error) {
	s, err := collect(ctx, h, block)
	if err != nil {
		return nil, err
	}
	items := make([]Item, 0, len(s.items))
	for _, name := range slices.Sorted(maps.Keys(s.items)) {
		items = append(items, s.items[name])
	}
	return items, nil
}

// collect selects what a host block asks for.
func collect(ctx context.Context, h *config.Installed, block fault.Range) (*selection, error) {
	dir, err := filepath.EvalSymlinks(h.Root)
	if err != nil {
		return nil, &fault.Error{
			Step: "rootfs", Summary: "Root not found", Detail: sentence(err.Error()),
			Remedy: "Correct root in this block.", Range: &block, Usage: true, Err: err,
		}
	}
	s := &selection{
		host: h, block: block, dir: dir,
		items: make(map[string]Item), known: make(map[string]known),
	}
	for _, step := range []func(context.Context) error{
		s.addAll, s.addPaths, s.addPackages, s.complete, s.addCommands, s.addMerged, s.fits, s.readable,
	} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// problem is an error about one of the block's values, such as "commands.1".
func (s *selection) problem(key, summary, detail, remedy string, err error) error {
	at := s.block
	if exact, ok := s.host.Ranges[key]; ok {
		at = exact
	}
	return &fault.Error{
		Step: "rootfs", Summary: summary, Detail: detail, Remedy: remedy, Range: &at, Usage: true, Err: err,
	}
}

// sentence makes a full sentence of an error's text.
func sentence(text string) string {
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// missing says that an error means that there is no such file.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNoFolder)
}
