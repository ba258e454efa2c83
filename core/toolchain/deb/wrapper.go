package deb

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// wrapper runs a tool of the tree. It finds the tree by its own path, so that
// the whole can be moved. The libraries that the tools need beside the C
// library are the tree's; and its root is where gcc and ld look for what they
// would else take from /usr: linker scripts name libraries by absolute paths.
const wrapper = `#!/bin/sh
# Runs %[1]s of packages that are unpacked beside this folder.
self=$0
if [ -h "$self" ]; then self=$(readlink -f -- "$self") || exit 127; fi
case $self in
/*) dir=${self%%/*} ;;
*/*) dir=$(cd -- "${self%%/*}" && pwd) || exit 127 ;;
*) dir=$(pwd) || exit 127 ;;
esac
tree=${dir%%/*}/%[2]s
%[3]sexec "$tree/usr/bin/%[1]s"%[4]s "$@"
`

const libraries = `export LD_LIBRARY_PATH="%s${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
`

// rooted are the tools that look for headers or libraries.
var rooted = regexp.MustCompile(`^(gcc|g\+\+|c\+\+|cpp|gfortran|ld|ld\.bfd|ld\.gold)(-[0-9]+)?$`)

// wrap writes a wrapper for each tool of the compiler into the folder's bin.
func wrap(dir string, d driver) error {
	tree := filepath.Join(dir, treeName)
	env, err := environment(tree)
	if err != nil {
		return err
	}
	tools, err := tools(tree, d)
	if err != nil {
		return err
	}
	bin := filepath.Join(dir, binName)
	if err := os.Mkdir(bin, 0o755); err != nil {
		return fmt.Errorf("make the wrappers: %w", err)
	}
	for name, target := range tools {
		root := ""
		if rooted.MatchString(strings.TrimPrefix(name, d.triplet+"-")) {
			root = ` --sysroot="$tree"`
		}
		path := filepath.Join(bin, name)
		text := fmt.Sprintf(wrapper, target, treeName, env, root)
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			return fmt.Errorf("make the wrappers: %w", err)
		}
		if err := os.Chmod(path, 0o755); err != nil { // whatever the umask
			return fmt.Errorf("make the wrappers: %w", err)
		}
	}
	// Making them in bin needs no write permission for others.
	if err := os.Chmod(bin, 0o755); err != nil {
		return fmt.Errorf("make the wrappers: %w", err)
	}
	return nil
}

// tools returns the names of the wrappers and what in usr/bin each runs.
func tools(tree string, d driver) (map[string]string, error) {
	entries, err := os.ReadDir(filepath.Join(tree, "usr/bin"))
	if err != nil {
		return nil, fmt.Errorf("list the tools: %w", err)
	}
	all := map[string]string{}
	for _, e := range entries {
		if name := e.Name(); strings.HasPrefix(name, d.triplet+"-") && shellSafe.MatchString(name) {
			all[name] = name
		}
	}
	all[d.triplet+"-gcc"] = d.name
	return all, nil
}

// shellSafe are names that need no quoting between double quotes.
var shellSafe = regexp.MustCompile(`^[A-Za-z0-9._+-]+$`)

// environment returns the lines that give the tools the tree's libraries.
func environment(tree string) (string, error) {
	matches, err := filepath.Glob(filepath.Join(tree, "usr/lib/*-linux-*/lib*.so*"))
	if err != nil {
		return "", fmt.Errorf("list the libraries: %w", err)
	}
	var dirs []string
	for _, m := range matches {
		rel, err := filepath.Rel(tree, filepath.Dir(m))
		if err != nil {
			return "", fmt.Errorf("list the libraries: %w", err)
		}
		if dir := "$tree/" + rel; !slices.Contains(dirs, dir) && shellSafe.MatchString(filepath.Base(rel)) {
			dirs = append(dirs, dir)
		}
	}
	if len(dirs) == 0 {
		return "", nil
	}
	return fmt.Sprintf(libraries, strings.Join(dirs, ":")), nil
}
