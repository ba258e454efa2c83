package source

import (
	"fmt"
	"path"
	"strings"
)

// rules say what a tree takes in.
type rules struct {
	limits Limits
	// single demands one top folder, which is left out of names. It is how
	// projects pack their source, and nothing odd is taken then.
	single bool
	// strip is how many leading folders are left out of names.
	strip int
	// layers says that archives are layers of a container image: the tree is
	// the root of a system, whose links are followed as it would follow them.
	layers bool
}

// name returns where an entry belongs: a path below the root, "." for that
// itself. ok is false for one that is above what is unpacked.
func (t *tree) place(name string, folder bool) (place string, ok bool, err error) {
	if strings.ContainsRune(name, 0) || strings.HasPrefix(name, "/") && !t.layers {
		return "", false, errOutside
	}
	var parts []string
	for p := range strings.SplitSeq(name, "/") {
		switch p {
		case "", ".":
		case "..":
			return "", false, errOutside
		default:
			parts = append(parts, p)
		}
	}
	strip := t.strip
	if t.single {
		strip = 1
		if len(parts) == 0 {
			return ".", true, nil // the "./" of an archive of "."
		}
		if t.top == "" {
			t.top = parts[0]
		}
		if parts[0] != t.top {
			return "", false, fmt.Errorf("it is not in the folder %s as what is before it: the archive has no single top folder", t.top)
		}
		folder = true // a file there is told of as such
	}
	if len(parts) < strip || len(parts) == strip && !folder {
		return "", false, nil
	}
	return path.Join(".", path.Join(parts[strip:]...)), true, nil
}

// LeftOut are the entries of an archive that could not be unpacked and that
// a compiler does without.
type LeftOut struct {
	// Devices counts devices, pipes and sockets, and Links symbolic links to
	// absolute paths, which would read this machine's own files.
	Devices, Links int
	// Example is the name of the first.
	Example string
}

// String returns what was left out in words; it is empty if nothing was.
func (l LeftOut) String() string {
	var parts []string
	if l.Devices > 0 {
		parts = append(parts, fmt.Sprintf("%d devices, pipes or sockets", l.Devices))
	}
	if l.Links > 0 {
		parts = append(parts, fmt.Sprintf("%d links to places outside", l.Links))
	}
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, " and ") + ", such as " + printable(l.Example)
}

func (l *LeftOut) note(count *int, name string) {
	if *count++; l.Example == "" {
		l.Example = name
	}
}
