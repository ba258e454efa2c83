package toolchain

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// Candidate is a compiler driver that was found.
type Candidate struct {
	// CC is the driver's absolute path, and Prefix the start of the paths of
	// the tools beside it.
	CC     string `json:"cc"`
	Prefix string `json:"prefix"`
	// From is where it was found, for people.
	From string `json:"from"`
}

// search is a look for compilers: what was found, and what was not.
type search struct {
	found []Candidate
	tried []string
	// dir is the folder that a provider brought, and pins what is known of
	// all that was found in it.
	dir  string
	pins map[string]string
}

// Host is what a search sees of the machine.
type Host struct {
	// Path are the folders of PATH.
	Path []string
	// Machine is what `uname -m` says.
	Machine string
}

// find looks in the place of one `from` block. It finds nothing in a place
// that a provider has to fill first.
func (h Host) find(info sdk.ToolchainInfo, f config.From) search {
	var s search
	switch {
	case f.Kind == "path" && f.Dir == "":
		s.tried = append(s.tried, `from "path": dir is not set`)
	case f.Kind == "path":
		s.path(info, f)
	case f.Kind == "host":
		s.host(h, info)
	}
	return s
}

// host looks for PREFIX-gcc on PATH and in the vendors' places, then for the
// plain gcc where it compiles for this architecture.
func (s *search) host(h Host, info sdk.ToolchainInfo) {
	places := expand(info.Places)
	before := len(s.found)
	for _, triplet := range info.Triplets {
		for _, dir := range slices.Concat(h.Path, places) {
			s.drivers(dir, triplet+"-gcc", "host")
		}
	}
	native := slices.Contains(info.HostMachines, h.Machine)
	if native {
		for _, dir := range h.Path {
			s.drivers(dir, "gcc", "host")
		}
	}
	if len(s.found) > before {
		return
	}
	for _, triplet := range info.Triplets {
		s.tried = append(s.tried, fmt.Sprintf(`from "host": no %s-gcc on PATH`, triplet))
	}
	if native {
		s.tried = append(s.tried, `from "host": no gcc on PATH`)
	} else if len(info.HostMachines) > 0 {
		s.tried = append(s.tried, fmt.Sprintf(`from "host": the plain gcc was not looked for, since this machine is %s`, h.Machine))
	}
	for _, place := range info.Places {
		s.tried = append(s.tried, fmt.Sprintf(`from "host": no compiler in %s`, place))
	}
}

// bins are the folders of a compiler's tree that drivers live in.
var bins = []string{"", "bin", "usr/bin"}

// path looks for a compiler below one folder: with the prefix given, else
// with the known triplets, else any one that ends in gcc.
func (s *search) path(info sdk.ToolchainInfo, f config.From) {
	from := fmt.Sprintf("%s %q", f.Kind, f.Dir)
	if _, err := os.Stat(f.Dir); err != nil {
		s.tried = append(s.tried, fmt.Sprintf("from %s: there is no such folder", from))
		return
	}
	names := []string{f.Prefix + "gcc"}
	if f.Prefix == "" {
		names = nil
		for _, triplet := range info.Triplets {
			names = append(names, triplet+"-gcc")
		}
		names = append(names, "*-gcc", "gcc")
	}
	before := len(s.found)
	for _, name := range names {
		for _, bin := range bins {
			s.drivers(filepath.Join(f.Dir, bin), name, from)
		}
		if len(s.found) > before {
			return
		}
	}
	s.tried = append(s.tried, fmt.Sprintf("from %s: no %s in it, in its bin or its usr/bin", from, strings.Join(names, ", ")))
}

// drivers adds the executables of a folder whose names match a pattern, each
// once. The folder's own name is no pattern.
func (s *search) drivers(dir, pattern, from string) {
	matches, err := fs.Glob(os.DirFS(dir), pattern)
	if err != nil {
		s.tried = append(s.tried, fmt.Sprintf("from %s: %s is no pattern", from, pattern))
		return
	}
	for _, name := range matches {
		cc := filepath.Join(dir, name)
		if !executable(cc) || slices.ContainsFunc(s.found, func(c Candidate) bool { return same(c.CC, cc) }) {
			continue
		}
		s.found = append(s.found, Candidate{CC: cc, Prefix: strings.TrimSuffix(cc, "gcc"), From: from})
	}
}

// expand returns the folders that the patterns match, sorted in each.
func expand(patterns []string) []string {
	var dirs []string
	for _, p := range patterns {
		matches, _ := filepath.Glob(p) // a malformed pattern matches nothing
		dirs = append(dirs, matches...)
	}
	return dirs
}

// same reports whether two paths lead to one file, as /bin and /usr/bin do.
func same(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}
