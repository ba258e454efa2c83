package rootfs

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/linkage"
)

// libraries returns what a program needs to be started. A file that is no ELF
// file needs nothing that is on this machine.
func libraries(entry *config.Entry) ([]linkage.Library, error) {
	sysroot := entry.Sysroot
	if sysroot == "" {
		sysroot = "/"
		if err := fitsHost(entry.Source); err != nil {
			return nil, err
		}
	}
	list, err := linkage.Closure(linkage.Program{
		Path: entry.Source, At: entry.Path, Sysroot: sysroot, Folders: entry.Libraries,
	})
	if errors.Is(err, linkage.ErrNotELF) {
		return nil, nil
	}
	return list, err
}

// fitsHost refuses a dynamic program of another architecture, whose libraries
// can't be this machine's.
func fitsHost(name string) error {
	program, err := readBinary(name)
	if errors.Is(err, linkage.ErrNotELF) || err == nil && program.Interpreter == "" && len(program.Needed) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	self, err := readBinary("/proc/self/exe")
	if err != nil || self.SameMachine(program) {
		return nil
	}
	return fmt.Errorf("%s is dynamically linked and for another machine than this one (%s), and no sysroot says where its libraries are", name, program)
}

func readBinary(name string) (*linkage.Binary, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, plain(err)
	}
	defer f.Close()
	return linkage.Read(f)
}

// addLibraries puts what a program needs to where its loader looks for it.
// What is there already, be it another program's, must be the same file or
// comes from the configuration, which knows better.
func addLibraries(t *tree, entry *config.Entry, from *origin) error {
	list, err := libraries(entry)
	if err != nil {
		return err
	}
	for _, l := range list {
		path := strings.TrimPrefix(l.At, "/")
		at, err := t.resolve(path, true)
		if err != nil {
			return err
		}
		if there := t.get(at); there != nil && there.kind == File {
			if other := there.from.library; other != "" && other != l.Path && !sameFile(other, l.Path) {
				return fmt.Errorf("%s needs %s as %s, but %s brought %s there", from.what, l.Path, l.At, there.from.what, other)
			}
			continue
		}
		info, err := os.Stat(l.Path)
		if err != nil {
			return plain(err)
		}
		origin := *from
		origin.library = l.Path
		n := &node{mode: 0o755, from: &origin}
		n.file(Content{Path: l.Path, Size: info.Size()})
		if _, err := t.put(at, n); err != nil {
			return err
		}
	}
	return nil
}

// sameFile says that two files on disk have the same content.
func sameFile(a, b string) bool {
	x, err := os.ReadFile(a)
	if err != nil {
		return false
	}
	y, err := os.ReadFile(b)
	return err == nil && string(x) == string(y)
}

// linked returns the node of a file, for another name of it.
func (t *tree) linked(entry *config.Entry) (*node, error) {
	at, err := t.resolve(strings.TrimPrefix(entry.Target, "/"), false)
	if err != nil {
		return nil, err
	}
	switch n := t.get(at); {
	case n == nil:
		return nil, fmt.Errorf("there is nothing at %s", entry.Target)
	case n.kind != File:
		return nil, fmt.Errorf("%s is a %s, and only a file can have another name", entry.Target, n.kind)
	default:
		n.file(n.contentAt(at)) // which the other name doesn't tell
		return n, nil
	}
}
