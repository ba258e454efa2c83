package linkage

import (
	"debug/elf"
	"fmt"
	"io"
)

// Found is a file that a program of a system needs, in that system.
type Found struct {
	// Path is where it was found, perhaps by way of symlinks.
	Path string
	// Configured says that its folder is only known by ld.so.conf: glibc
	// needs the cache that ldconfig makes of it.
	Configured bool
}

// Needs returns what a program or a library of a system needs in it: its
// interpreter, its libraries and those that they need, each once. The error
// is ErrNotELF if it is no ELF file, and a *MissingError if something isn't
// found; what was found comes all the same.
func Needs(sys System, at string) ([]Found, error) {
	program, err := load(sys, at)
	if err != nil {
		return nil, err
	}
	program.at = at
	s := newSearch(sys, program.Binary, true, nil)
	objects, err := s.walk(program)
	list := make([]Found, len(objects))
	for i, o := range objects {
		list[i] = Found{Path: o.path, Configured: o.at == ""}
	}
	return list, err
}

// Imports returns the names of the symbols that an ELF file takes from
// libraries; none if it is static.
func Imports(r io.ReaderAt) (map[string]bool, error) {
	f, err := elf.NewFile(r)
	if err != nil {
		return nil, fmt.Errorf("damaged ELF file: %w", err)
	}
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return nil, nil // it has none, or no table of them
	}
	names := make(map[string]bool)
	for _, s := range symbols {
		if s.Section == elf.SHN_UNDEF {
			names[s.Name] = true
		}
	}
	return names, nil
}
