package linkage

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Program is a program that is to run in another file system.
type Program struct {
	// Path is the absolute path of its file on disk, At the one that it will
	// have.
	Path, At string
	// Sysroot is the absolute path of the folder with the libraries it was
	// linked with, "/" for the machine's own.
	Sysroot string
	// Folders are absolute paths of further folders on disk with libraries.
	Folders []string
}

// Library is a file that a program needs: a library or its interpreter.
type Library struct {
	// Path is the absolute path of the file on disk, At the one to give it.
	Path, At string
}

// MissingError says which libraries a program needs and doesn't find.
type MissingError struct{ Missing []Missing }

// Missing is a library that isn't found.
type Missing struct {
	// Name is the library's or the interpreter's, By the path of the file
	// that needs it.
	Name, By string
	// Folders are where it was looked for.
	Folders []string
	// Others are paths of files of that name for another machine.
	Others []string
}

func (e *MissingError) Error() string {
	texts := make([]string, len(e.Missing))
	for i, m := range e.Missing {
		texts[i] = m.String()
	}
	return strings.Join(texts, "; ")
}

// String tells of it in a sentence's part.
func (m Missing) String() string {
	if len(m.Others) > 0 {
		return fmt.Sprintf("%s needs %s, and %s is for another machine", m.By, m.Name, strings.Join(m.Others, ", "))
	}
	text := fmt.Sprintf("%s needs %s, which isn't there", m.By, m.Name)
	if len(m.Folders) > 0 {
		text += ": not in " + strings.Join(m.Folders, ", ")
	}
	return text
}

// Closure returns what a program needs to be started, sorted by At: its
// interpreter at the path it names, and its libraries with those that they
// need, each where the loader will look for it. A static program needs
// nothing. The error is a *MissingError if something isn't found.
func Closure(p Program) ([]Library, error) {
	host := Dir("/")
	program, err := load(host, p.Path)
	if err != nil {
		return nil, err
	}
	program.at = p.At
	if program.Interpreter == "" && len(program.Needed) == 0 {
		return nil, nil
	}
	var further []place
	for _, dir := range p.Folders {
		further = append(further, place{sys: host, dir: dir})
	}
	s := newSearch(Dir(p.Sysroot), program.Binary, true, further)
	objects, err := s.walk(program)
	if err != nil {
		return nil, err
	}
	home := home(objects)
	list := make([]Library, 0, len(objects))
	for _, o := range objects {
		file, err := o.sys.(Dir).Path(o.path)
		if err != nil {
			return nil, err
		}
		at := o.at
		if at == "" {
			at = path.Join(home, path.Base(o.path))
		}
		list = append(list, Library{Path: file, At: at})
	}
	slices.SortFunc(list, func(a, b Library) int { return strings.Compare(a.At, b.At) })
	return slices.Compact(list), nil
}

// home is the folder of libraries that have none of their own: where the C
// library is, as the loader looks there for certain.
func home(objects []*object) string {
	for _, o := range objects {
		if strings.HasPrefix(path.Base(o.path), "libc.") && o.at != "" {
			return path.Dir(o.at)
		}
	}
	return "/usr/lib"
}

// Check says whether a program of a file system finds all it needs in it. The
// error is a *MissingError if it doesn't, and ErrNotELF if it is no ELF file.
func Check(sys System, at string) error {
	program, err := load(sys, at)
	if err != nil {
		return err
	}
	program.at = at
	if program.Interpreter == "" {
		return nil
	}
	cache, err := sys.Open("/etc/ld.so.cache")
	if err == nil {
		cache.Close()
	}
	s := newSearch(sys, program.Binary, err == nil, nil)
	_, err = s.walk(program)
	return err
}

func load(sys System, name string) (*object, error) {
	f, err := sys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := Read(f)
	if err != nil {
		return nil, err
	}
	return &object{Binary: b, sys: sys, path: name}, nil
}

// walk returns all that a program needs, without the program. With a
// *MissingError comes what was found.
func (s *search) walk(program *object) ([]*object, error) {
	var (
		objects []*object
		missing []Missing
	)
	loaded := make(map[string]bool)
	if program.Interpreter != "" {
		loaded[path.Base(program.Interpreter)] = true
		o, err := s.interpreter(program)
		if err != nil || !o.SameMachine(program.Binary) {
			missing = append(missing, Missing{Name: program.Interpreter, By: program.name()})
		} else {
			o.at = program.Interpreter
			objects = append(objects, o)
		}
	}
	for queue := []*object{program}; len(queue) > 0; queue = queue[1:] {
		for _, name := range queue[0].Needed {
			if loaded[name] || isMusl(program.Interpreter, name) {
				continue
			}
			loaded[name] = true
			o, lack := s.find(queue[0], program, name)
			if o == nil {
				missing = append(missing, lack)
				continue
			}
			objects, queue = append(objects, o), append(queue, o)
		}
	}
	if len(missing) > 0 {
		return objects, &MissingError{missing}
	}
	return objects, nil
}

// interpreter loads a program's, from the path that it names, or else from one
// of the further folders: a cross compiler may have it anywhere.
func (s *search) interpreter(program *object) (*object, error) {
	o, err := load(s.sys, program.Interpreter)
	if err == nil {
		return o, nil
	}
	for _, p := range s.further {
		if o, other := load(p.sys, path.Join(p.dir, path.Base(program.Interpreter))); other == nil {
			return o, nil
		}
	}
	return nil, err
}

// find looks for a library that an object needs.
func (s *search) find(o, program *object, name string) (*object, Missing) {
	lack := Missing{Name: name, By: o.name()}
	in := s.in(o)
	if path.IsAbs(name) {
		in = []place{{s.sys, path.Dir(name), path.Dir(name)}}
	}
	for _, p := range in {
		at := path.Join(p.dir, path.Base(name))
		found, err := load(p.sys, at)
		switch {
		case errors.Is(err, ErrNotELF):
			continue // a linker script, as libc.so is one
		case err == nil && !found.SameMachine(program.Binary):
			lack.Others = append(lack.Others, at)
			continue
		case err != nil:
			if len(lack.Folders) == 0 || !slices.Contains(lack.Folders, p.dir) {
				lack.Folders = append(lack.Folders, p.dir)
			}
			continue
		}
		found.by = o
		if p.at != "" {
			found.at = path.Join(p.at, path.Base(name))
		}
		return found, Missing{}
	}
	return nil, lack
}

// name is how people know the object.
func (o *object) name() string {
	if o.at != "" {
		return o.at
	}
	return o.path
}
