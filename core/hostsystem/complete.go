package hostsystem

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/core/linkage"
)

// searchPath is where commands are looked for, as for a user who is root.
var searchPath = []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}

// complete adds what the programs and libraries that were taken need. What
// isn't found is left to the check of the whole file system, which knows what
// other blocks bring.
func (s *selection) complete(ctx context.Context) error {
	if s.host.All {
		return nil // it is all there already
	}
	return s.completeNames(ctx, slices.Sorted(maps.Keys(s.items)), nil)
}

// completeNames does so for some names, and in turn for what that adds. It
// calls each, if there is one, for every file that is an ELF file.
func (s *selection) completeNames(ctx context.Context, queue []string, each func(name string) error) error {
	seen := make(map[string]bool)
	for ; len(queue) > 0; queue = queue[1:] {
		name := queue[0]
		item, there := s.items[name]
		if seen[name] || !there {
			continue
		}
		seen[name] = true
		if err := ctx.Err(); err != nil {
			return err
		}
		if item.Info.Mode()&fs.ModeSymlink != 0 {
			if at, err := s.resolve(name, true, nil); err == nil {
				queue = append(queue, at)
			}
			continue
		}
		if !item.Info.Mode().IsRegular() || item.Info.Mode()&0o111 == 0 && !isLibrary(name) {
			continue
		}
		needs, isELF := s.needs(name)
		for _, need := range needs {
			if at, taken, err := s.take(need); err == nil && taken {
				queue = append(queue, at)
			}
		}
		if isELF && each != nil {
			if err := each(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// isLibrary says that a file's name is that of a shared library.
func isLibrary(name string) bool {
	base := path.Base(name)
	return strings.HasSuffix(base, ".so") || strings.Contains(base, ".so.")
}

// needs returns the paths of what a file needs to be started or loaded.
func (s *selection) needs(name string) (paths []string, isELF bool) {
	f, err := os.Open(s.disk(name))
	if err != nil {
		return nil, false // see readable
	}
	defer f.Close()
	if script, ok := linkage.ReadScript(f); ok {
		paths = append(paths, script.Interpreter)
		if at, err := s.find(script.Program); script.Program != "" && err == nil {
			paths = append(paths, at)
		}
		return paths, false
	}
	list, err := linkage.Needs(linkage.Dir(s.dir), "/"+name)
	if errors.Is(err, linkage.ErrNotELF) {
		return nil, false
	}
	for _, found := range list {
		paths = append(paths, found.Path)
		if found.Configured {
			// Its loader finds the folder by these alone.
			paths = append(paths, "/etc/ld.so.cache")
		}
	}
	return paths, true
}

// find looks for a command on the root's PATH.
func (s *selection) find(command string) (string, error) {
	in := searchPath
	if strings.HasPrefix(command, "/") {
		in, command = []string{path.Dir(command)}, path.Base(command)
	}
	for _, dir := range in {
		at, err := s.resolve(path.Join(dir, command), true, nil)
		if err != nil {
			continue
		}
		if k := s.look(at); k.info.Mode().IsRegular() && k.info.Mode()&0o111 != 0 {
			return path.Join(dir, command), nil
		}
	}
	return "", fs.ErrNotExist
}
