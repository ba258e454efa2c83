// Package applet reads which applets a busybox source has, and which symbols
// turn each of them on.
package applet

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/toolchains/gcc/kconfig"
)

// Applet is one entry of busybox's table of applets. A name can have several,
// under conditions that exclude each other.
type Applet struct {
	// Name is the command: "sh", "[".
	Name string
	// Dir is where its link is installed: "/usr/bin", or "/".
	Dir string
	// Symbol is the one that turns it on, without CONFIG_.
	Symbol string
	// If is the whole condition, Symbol included.
	If *kconfig.Expr
}

var errSyntax = errors.New("not an applet line")

// Load reads the applets of a source tree, from the `//applet:` comments in
// its C files, in the order of busybox's table.
func Load(sourceDir string) ([]Applet, error) {
	var files []string
	for _, pattern := range []string{"*/*.c", "*/*/*.c"} { // as in gen_build_files.sh
		matches, err := filepath.Glob(filepath.Join(sourceDir, filepath.FromSlash(pattern)))
		if err != nil {
			return nil, err
		}
		files = append(files, matches...)
	}
	var lines []string
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read applets: %w", err)
		}
		lines = append(lines, kconfig.Comments(string(data), "applet")...)
	}
	template, err := os.ReadFile(filepath.Join(sourceDir, "include", "applets.src.h"))
	if err != nil {
		return nil, fmt.Errorf("read applets: %w", err)
	}
	for line := range strings.Lines(string(template)) {
		// Old sources list most applets here. Directives are the header's own.
		if strings.HasPrefix(line, "IF_") {
			lines = append(lines, line)
		}
	}
	applets, err := Parse(lines)
	if err != nil {
		return nil, fmt.Errorf("read applets of %s: %w", sourceDir, err)
	}
	return applets, nil
}

// Parse parses the lines behind `//applet:`.
func Parse(lines []string) ([]Applet, error) {
	var applets []Applet
	var conditions []*kconfig.Expr // of the #if that are open
	for _, line := range lines {
		line = strings.TrimSpace(line)
		directive := strings.TrimSpace(strings.TrimPrefix(line, "#"))
		switch {
		case line == "" || strings.HasPrefix(line, "/*") || strings.HasPrefix(line, "//"):
		case strings.HasPrefix(line, "#") && strings.HasPrefix(directive, "endif"):
			if len(conditions) == 0 {
				return nil, fmt.Errorf("%w: #endif closes nothing", errSyntax)
			}
			conditions = conditions[:len(conditions)-1]
		case strings.HasPrefix(line, "#") && strings.HasPrefix(directive, "if "):
			e, err := kconfig.ParseExpr(strings.ReplaceAll(directive[3:], "ENABLE_", ""))
			if err != nil {
				return nil, err
			}
			conditions = append(conditions, e)
		case strings.HasPrefix(line, "IF_"):
			one, err := parseLine(line, conditions)
			if err != nil {
				return nil, err
			}
			applets = append(applets, one)
		default:
			return nil, fmt.Errorf("%w: %q", errSyntax, line)
		}
	}
	if len(conditions) > 0 {
		return nil, fmt.Errorf("%w: #if is not closed", errSyntax)
	}
	return applets, nil
}

// parseLine parses IF_FOO(IF_NOT_BAR(APPLET_NOEXEC(name, main, BB_DIR_BIN, …))).
func parseLine(line string, conditions []*kconfig.Expr) (Applet, error) {
	all := conditions
	var symbol string
	rest := line
	for strings.HasPrefix(rest, "IF_") {
		word, inner, ok := strings.Cut(rest, "(")
		if !ok {
			return Applet{}, fmt.Errorf("%w: %q", errSyntax, line)
		}
		name := strings.TrimSpace(strings.TrimPrefix(word, "IF_"))
		e := &kconfig.Expr{Name: name}
		if negated, ok := strings.CutPrefix(name, "NOT_"); ok {
			e = &kconfig.Expr{Op: "!", Args: []*kconfig.Expr{{Name: negated}}}
		} else if symbol == "" {
			symbol = name
		}
		all = append(slices.Clip(all), e)
		rest = strings.TrimSpace(inner)
	}
	macro, arguments, ok := strings.Cut(rest, "(")
	arguments, _, closed := strings.Cut(arguments, ")")
	if !ok || !closed || symbol == "" || !strings.HasPrefix(macro, "APPLET") {
		return Applet{}, fmt.Errorf("%w: %q", errSyntax, line)
	}
	fields := strings.Split(arguments, ",")
	one := Applet{Name: strings.TrimSpace(fields[0]), Symbol: symbol, If: conjunction(all)}
	for _, field := range fields[1:] {
		if dir, ok := strings.CutPrefix(strings.TrimSpace(field), "BB_DIR_"); ok {
			one.Dir = "/" + strings.ToLower(strings.ReplaceAll(dir, "_", "/"))
		}
	}
	if one.Dir == "/root" {
		one.Dir = "/" // as in applets/busybox.mkll
	}
	if one.Name == "" || one.Dir == "" || strings.ContainsAny(one.Name, "/ \t") {
		return Applet{}, fmt.Errorf("%w: %q", errSyntax, line)
	}
	return one, nil
}

func conjunction(all []*kconfig.Expr) *kconfig.Expr {
	e := all[0]
	for _, next := range all[1:] {
		e = &kconfig.Expr{Op: "&&", Args: []*kconfig.Expr{e, next}}
	}
	return e
}

// Enabled returns the names of the applets that a configuration turns on,
// sorted, without "busybox" itself, which is no link.
func Enabled(applets []Applet, values kconfig.Values) []string {
	var names []string
	for _, one := range applets {
		if one.Name != "busybox" && one.If.Holds(values) {
			names = append(names, one.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Named returns the entries of a name, in order.
func Named(applets []Applet, name string) []Applet {
	var found []Applet
	for _, one := range applets {
		if one.Name == name {
			found = append(found, one)
		}
	}
	return found
}

// Names returns all names, sorted.
func Names(applets []Applet) []string {
	names := make([]string, len(applets))
	for i, one := range applets {
		names[i] = one.Name
	}
	slices.Sort(names)
	return slices.Compact(names)
}
