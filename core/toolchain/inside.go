package toolchain

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// Drivers returns the paths of the compilers' drivers that are found below a
// folder that a provider names: in it, in its bin and in its usr/bin. The
// prefix is a block's own, or empty.
func Drivers(info sdk.ToolchainInfo, dir, prefix string) []string {
	var s search
	s.path(info, config.From{Dir: dir, Prefix: prefix})
	var paths []string
	for _, c := range s.found {
		paths = append(paths, c.CC)
	}
	return paths
}

// mostInside is how many names a list shows.
const mostInside = 8

// Inside says what a tree without the compiler that was looked for holds:
// other compilers, or else what is at its top.
func Inside(root string) string {
	var found []string
	// What can't be read has no compiler of use.
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !isDriver(d.Name()) {
			return nil
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return nil
		}
		if !executable(path) {
			name += ", which can't be executed"
		}
		found = append(found, printable(name))
		return nil
	})
	if len(found) > 0 {
		return "it holds " + list(found)
	}
	entries, err := os.ReadDir(root)
	if err != nil || len(entries) == 0 {
		return "it is empty"
	}
	for _, e := range entries {
		found = append(found, printable(e.Name()))
	}
	return "it holds no compiler at all, and at its top " + list(found)
}

// isDriver says whether a file has the name of a C compiler's driver.
func isDriver(name string) bool {
	return name == "gcc" || name == "clang" || strings.HasSuffix(name, "-gcc") || strings.HasSuffix(name, "-clang")
}

func list(names []string) string {
	slices.Sort(names)
	if more := len(names) - mostInside; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:mostInside], ", "), more)
	}
	return strings.Join(names, ", ")
}

// printable replaces control characters, which names in archives may hold.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// Clause puts an error into the one clause that a provider's error is: a
// [*fault.Error] with its cause and the places that were tried.
func Clause(err error) error {
	var f *fault.Error
	if !errors.As(err, &f) {
		return err
	}
	text := strings.TrimSuffix(f.Detail, ".")
	if text == "" {
		text = f.Summary
	}
	// A sentence begins with a capital letter, a clause needn't.
	if word, _, _ := strings.Cut(text, " "); slices.Contains([]string{"It", "None", "The", "There", "Writing"}, word) {
		text = strings.ToLower(text[:1]) + text[1:]
	}
	if len(f.Excerpt) > 0 {
		text += " (" + strings.Join(f.Excerpt, "; ") + ")"
	}
	return &clause{text, err}
}

// clause is an error in other words.
type clause struct {
	text string
	err  error
}

func (c *clause) Error() string { return c.text }
func (c *clause) Unwrap() error { return c.err }
