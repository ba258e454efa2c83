package gcc

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// unlikePCH returns the objects, by name without folder, that must not be
// compiled with libbb.h in front of them. gcc can't tell: it takes the
// precompiled header for autoconf.h, which comes first in every file, and
// libbb.h along with it. That changes nothing if libbb.h is the first thing
// that a file includes anyway. It breaks those that leave it out on purpose,
// such as makedev.c, which would call itself.
func unlikePCH(sourceDir string) ([]string, error) {
	folders, err := filepath.Glob(filepath.Join(sourceDir, "*", "Kbuild*"))
	if err != nil {
		return nil, err
	}
	deeper, err := filepath.Glob(filepath.Join(sourceDir, "*", "*", "Kbuild*"))
	if err != nil {
		return nil, err
	}
	h := &headReader{source: sourceDir, known: map[string]bool{}}
	var objects []string
	for _, kbuild := range append(folders, deeper...) {
		files, err := filepath.Glob(filepath.Join(filepath.Dir(kbuild), "*.c"))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			if !h.startsWithLibbb(file, 0) {
				objects = append(objects, strings.TrimSuffix(filepath.Base(file), ".c")+".o")
			}
		}
	}
	slices.Sort(objects)
	return slices.Compact(objects), nil
}

// headReader looks at how files begin.
type headReader struct {
	source string
	known  map[string]bool
}

var (
	comment = regexp.MustCompile(`(?s)/\*.*?\*/|//[^\n]*`)
	guard   = regexp.MustCompile(`^#\s*ifndef\s+(\w+)\s+#\s*define\s+(\w+)[ \t0-9]*\n`)
	include = regexp.MustCompile(`^#\s*include\s+"([^"]+)"`)
)

// startsWithLibbb says whether the first thing in a file but comments and an
// include guard is libbb.h, or a header of which the same is true.
func (h *headReader) startsWithLibbb(file string, depth int) bool {
	if known, ok := h.known[file]; ok {
		return known
	}
	const deep = 5
	data, err := os.ReadFile(file)
	if err != nil || depth > deep {
		return false
	}
	text := strings.TrimSpace(comment.ReplaceAllString(string(data), " "))
	if m := guard.FindStringSubmatch(text); m != nil && m[1] == m[2] {
		text = strings.TrimSpace(text[len(m[0]):])
	}
	result := false
	if m := include.FindStringSubmatch(text); m != nil {
		result = m[1] == "libbb.h"
		if !result {
			for _, dir := range []string{filepath.Dir(file), filepath.Join(h.source, "include")} {
				if name := filepath.Join(dir, m[1]); exists(name) {
					result = h.startsWithLibbb(name, depth+1)
					break
				}
			}
		}
	}
	h.known[file] = result
	return result
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}
