package linkage

import (
	"bufio"
	"io"
	"path"
	"slices"
	"strings"
)

// object is a file as the loader has it in memory.
type object struct {
	*Binary
	// sys holds the file at path.
	sys  System
	path string
	// at is its path in the file system it is to run in; empty for a library
	// that has no place of its own.
	at string
	// by is the object that needs it; nil for the program.
	by *object
}

// place is a folder that libraries are looked for in.
type place struct {
	sys System
	dir string
	// at is the folder in the file system to run in; empty for none.
	at string
}

// search looks for libraries.
type search struct {
	sys System
	// usual are the loader's own folders, further those of others.
	usual, further []place
}

// newSearch makes the search of a program's loader. Folders of ld.so.conf are
// further ones, if they are asked for: glibc knows them only by a cache that
// ldconfig made, while musl reads its file itself.
func newSearch(sys System, program *Binary, conf bool, further []place) *search {
	s := &search{sys: sys, further: further}
	if musl := muslName(program.Interpreter); musl != "" {
		dirs := readList(sys, "/etc/ld-musl-"+musl+".path")
		if len(dirs) == 0 {
			dirs = []string{"/lib", "/usr/local/lib", "/usr/lib"}
		}
		s.usual = places(sys, dirs)
		return s
	}
	s.usual = places(sys, usualFolders(sys))
	if !conf {
		return s
	}
	for _, dir := range configured(sys, "/etc/ld.so.conf", make(map[string]bool)) {
		if !slices.ContainsFunc(s.usual, func(p place) bool { return p.dir == dir }) {
			s.further = append(s.further, place{sys: sys, dir: dir})
		}
	}
	return s
}

// muslName returns the architecture in the name of musl's loader:
// "/lib/ld-musl-aarch64.so.1".
func muslName(interpreter string) string {
	name, found := strings.CutPrefix(path.Base(interpreter), "ld-musl-")
	name, _, _ = strings.Cut(name, ".")
	if !found {
		return ""
	}
	return name
}

// isMusl says that a library is musl's loader itself, which knows the names of
// what it has in it. Source: musl 1.2.3, ldso/dynlink.c, load_library
func isMusl(interpreter, library string) bool {
	name, _, _ := strings.Cut(strings.TrimPrefix(library, "lib"), ".")
	return muslName(interpreter) != "" && library != name &&
		slices.Contains([]string{"c", "pthread", "rt", "m", "dl", "util", "xnet"}, name)
}

// usualFolders are what glibc's loader has built in: one or the other,
// depending on who built it.
func usualFolders(sys System) []string {
	var dirs []string
	for _, parent := range []string{"/lib", "/usr/lib"} {
		for _, name := range sys.List(parent) {
			if strings.Contains(name, "-linux-") {
				dirs = append(dirs, path.Join(parent, name))
			}
		}
	}
	for _, name := range []string{"lib64/lp64d", "lib64", "lib32", "libx32", "lib"} {
		dirs = append(dirs, "/"+name, "/usr/"+name)
	}
	return dirs
}

func places(sys System, dirs []string) []place {
	all := make([]place, len(dirs))
	for i, dir := range dirs {
		all[i] = place{sys: sys, dir: dir, at: dir}
	}
	return all
}

// in returns where to look for what an object needs, in the loader's order.
func (s *search) in(o *object) []place {
	var all []place
	if len(o.RunPath) == 0 {
		for up := o; up != nil; up = up.by {
			if len(up.RunPath) == 0 {
				all = append(all, s.written(up, up.RPath)...)
			}
		}
	}
	all = append(all, s.written(o, o.RunPath)...)
	return slices.Concat(all, s.usual, s.further)
}

// written returns the folders that a file names. Those that begin at $ORIGIN
// stay as far from it as they are.
func (s *search) written(o *object, dirs []string) []place {
	var all []place
	for _, dir := range dirs {
		for _, dir := range expandLib(dir) {
			rest, relative := cutOrigin(dir)
			switch {
			case strings.Contains(rest, "$"): // $PLATFORM is of one processor
			case relative && o.at == "":
				all = append(all, place{sys: o.sys, dir: path.Join(path.Dir(o.path), rest)})
			case relative:
				all = append(all, place{o.sys, path.Join(path.Dir(o.path), rest), path.Join(path.Dir(o.at), rest)})
			case path.IsAbs(rest):
				all = append(all, place{s.sys, path.Clean(rest), path.Clean(rest)})
			}
		}
	}
	return all
}

// expandLib returns what $LIB may stand for.
func expandLib(dir string) []string {
	dir = strings.ReplaceAll(dir, "${LIB}", "$LIB")
	if !strings.Contains(dir, "$LIB") {
		return []string{dir}
	}
	return []string{strings.ReplaceAll(dir, "$LIB", "lib64"), strings.ReplaceAll(dir, "$LIB", "lib")}
}

func cutOrigin(dir string) (rest string, found bool) {
	for _, mark := range []string{"$ORIGIN", "${ORIGIN}"} {
		if rest, found := strings.CutPrefix(dir, mark); found && (rest == "" || rest[0] == '/') {
			return rest, true
		}
	}
	return dir, false
}

// configured returns the folders of an ld.so.conf. Seen are the files that were
// read, each of which says something once: they may include each other.
func configured(sys System, name string, seen map[string]bool) []string {
	if seen[name] {
		return nil
	}
	seen[name] = true
	var dirs []string
	for _, line := range readList(sys, name) {
		pattern, include := strings.CutPrefix(line, "include ")
		switch {
		case include:
			pattern = strings.TrimSpace(pattern)
			if !path.IsAbs(pattern) {
				pattern = path.Join(path.Dir(name), pattern)
			}
			for _, file := range sys.List(path.Dir(pattern)) {
				if ok, err := path.Match(path.Base(pattern), file); ok && err == nil {
					dirs = append(dirs, configured(sys, path.Join(path.Dir(pattern), file), seen)...)
				}
			}
		case path.IsAbs(line):
			dirs = append(dirs, path.Clean(line))
		}
	}
	return dirs
}

// maxList is how much is read of a file that lists folders, in bytes.
const maxList = 1 << 16

// readList returns the lines of a file, without comments; none if there is no
// file. A colon separates as well.
func readList(sys System, name string) []string {
	f, err := sys.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	var lines []string
	scanner := bufio.NewScanner(io.NewSectionReader(f, 0, maxList))
	for scanner.Scan() {
		line, _, _ := strings.Cut(scanner.Text(), "#")
		for part := range strings.SplitSeq(line, ":") {
			if part = strings.TrimSpace(part); part != "" {
				lines = append(lines, part)
			}
		}
	}
	return lines
}
