package kconfig

import (
	"os"
	"path/filepath"
	"strings"
)

// Load reads the symbols of a busybox source tree. Most of its Config.in
// files don't exist there: they are what scripts/gen_build_files.sh makes of
// Config.src and of the comments in the C files beside it.
func Load(sourceDir string) (*Tree, error) {
	return Parse("Config.in", func(name string) (string, error) {
		path := filepath.Join(sourceDir, filepath.FromSlash(name))
		data, err := os.ReadFile(path)
		if !os.IsNotExist(err) {
			return string(data), err
		}
		return generate(filepath.Dir(path))
	})
}

// generate returns the Config.in of a folder that has a Config.src.
func generate(dir string) (string, error) {
	template, err := os.ReadFile(filepath.Join(dir, "Config.src"))
	if err != nil {
		return "", err
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.c"))
	if err != nil {
		return "", err
	}
	var inserted strings.Builder
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		for _, line := range Comments(string(data), "config") {
			inserted.WriteString(line + "\n")
		}
	}
	head, tail, _ := strings.Cut("\n"+string(template), "\nINSERT\n")
	return strings.TrimPrefix(head, "\n") + "\n" + inserted.String() + tail, nil
}

// Comments returns what stands behind "//tag:" at the start of a C file's
// lines, in order.
func Comments(text, tag string) []string {
	mark := "//" + tag + ":"
	var found []string
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, mark); ok {
			found = append(found, strings.TrimRight(rest, "\r\n"))
		}
	}
	return found
}
