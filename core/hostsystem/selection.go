package hostsystem

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/symlink"
)

var errNoFolder = errors.New("it is below something that is no folder")

// selection is what is taken, in the making. Names have no leading slash; ""
// is the root.
type selection struct {
	host  *config.Installed
	block fault.Range
	// dir is the root's absolute path, with no symlink in it.
	dir   string
	items map[string]Item
	// added are the names of items in the order they came.
	added []string
	// known is what was looked at.
	known map[string]known
	// unreadable are folders that can't be listed.
	unreadable []string
}

// known is what lstat said of a name.
type known struct {
	info   fs.FileInfo
	target string
	err    error
}

// look returns what is at a name with no symlink above it.
func (s *selection) look(name string) known {
	if k, ok := s.known[name]; ok {
		return k
	}
	var k known
	disk := s.disk(name)
	k.info, k.err = os.Lstat(disk)
	if k.err == nil && k.info.Mode()&fs.ModeSymlink != 0 {
		k.target, k.err = os.Readlink(disk)
	}
	s.known[name] = k
	return k
}

func (s *selection) disk(name string) string {
	return filepath.Join(s.dir, filepath.FromSlash(name))
}

// resolve follows the symlinks of a path within the root, the last one
// excepted unless whole is set, and returns where it leads. It calls pass, if
// there is one, for all that is on the way and for the end.
func (s *selection) resolve(name string, whole bool, pass func(name string, k known)) (string, error) {
	return symlink.Resolve(name, whole, func(at string, more bool) (symlink.Name, error) {
		k := s.look(at)
		if k.err != nil {
			return symlink.Name{}, k.err
		}
		if pass != nil {
			pass(at, k)
		}
		link := k.info.Mode()&fs.ModeSymlink != 0
		if more && !link && !k.info.IsDir() {
			return symlink.Name{}, errNoFolder
		}
		return symlink.Name{Link: link, Target: k.target}, nil
	})
}

// take adds a path with the folders above it, all symlinks on the way, and
// what they lead to. It returns where the path leads, and says whether that
// wasn't excluded.
func (s *selection) take(name string) (at string, taken bool, err error) {
	var way []string
	at, err = s.resolve(name, true, func(name string, _ known) { way = append(way, name) })
	if err != nil {
		return at, false, err
	}
	for _, name := range way {
		if s.excluded(name) {
			return at, false, nil
		}
	}
	for _, name := range way {
		s.add(name)
	}
	return at, true, nil
}

// add adds one name that was looked at.
func (s *selection) add(name string) {
	if _, there := s.items[name]; there {
		return
	}
	k := s.look(name)
	if k.err != nil || k.info.Mode()&fs.ModeSocket != 0 {
		return // a socket means nothing without who listens
	}
	s.added = append(s.added, name)
	s.items[name] = Item{Path: name, Disk: s.disk(name), Info: k.info, Target: k.target, Unchecked: isUnchecked(name)}
}

// unchecked are patterns of files that can't be started in the systems that
// they are part of either: examples in documentation, and a module of Python
// that names an interpreter which its authors had.
var unchecked = []string{"usr/share/doc/**", "usr/lib{,64}/python3.*/cgi.py"}

func isUnchecked(name string) bool {
	for _, pattern := range unchecked {
		if doublestar.MatchUnvalidated(pattern, name) {
			return true
		}
	}
	return false
}

// excluded says whether a pattern names a path or a folder above it.
func (s *selection) excluded(name string) bool {
	if len(s.host.Exclude) == 0 {
		return false
	}
	for at := name; at != ""; at = symlink.Parent(at) {
		for _, pattern := range s.host.Exclude {
			if doublestar.MatchUnvalidated(strings.TrimPrefix(pattern, "/"), at) {
				return true
			}
		}
	}
	return false
}

// absolute shows a name as people write it.
func absolute(name string) string { return "/" + name }

// plain leaves the name of the system call out of an error.
func plain(err error) error {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("%s: %w", pathErr.Path, pathErr.Err)
	}
	return err
}
