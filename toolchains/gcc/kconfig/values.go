package kconfig

import (
	"fmt"
	"slices"
	"strings"
)

// Values are the values of a .config file by symbol, without CONFIG_, in
// kconfig's notation: "y", "n", "42", "\"text\"".
type Values map[string]string

// ParseValues reads a .config file. Lines it doesn't know are passed over, as
// busybox's own tool does.
func ParseValues(text string) Values {
	values := Values{}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if rest, ok := strings.CutPrefix(line, "# CONFIG_"); ok {
			if name, ok := strings.CutSuffix(rest, " is not set"); ok && isName(name) {
				values[name] = "n"
			}
			continue
		}
		if rest, ok := strings.CutPrefix(line, "CONFIG_"); ok {
			if name, value, ok := strings.Cut(rest, "="); ok && isName(name) {
				values[name] = value
			}
		}
	}
	return values
}

// String returns the values as a .config file, sorted.
func (v Values) String() string {
	names := make([]string, 0, len(v))
	for name := range v {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names {
		if v[name] == "n" {
			fmt.Fprintf(&b, "# CONFIG_%s is not set\n", name)
		} else {
			fmt.Fprintf(&b, "CONFIG_%s=%s\n", name, v[name])
		}
	}
	return b.String()
}
