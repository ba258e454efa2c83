package hostsystem

import (
	"bufio"
	"io"
	"strings"
)

// maxLine is the longest line of a package database, in bytes: lists of what
// a package provides are long.
const maxLine = 16 << 20

// parseControl reads paragraphs of fields. Lines that go on with the field
// before are of no interest here, but for lists of relations. Source:
// deb822(5).
func parseControl(r io.Reader, each func(fields map[string]string)) error {
	fields, last := make(map[string]string), ""
	text := bufio.NewScanner(r)
	text.Buffer(nil, maxLine)
	for text.Scan() {
		line := text.Text()
		switch {
		case strings.TrimSpace(line) == "":
			if len(fields) > 0 {
				each(fields)
				fields = make(map[string]string)
			}
		case line[0] == ' ' || line[0] == '\t':
			if last == "Depends" || last == "Pre-Depends" || last == "Provides" {
				fields[last] += line
			}
		default:
			name, value, _ := strings.Cut(line, ":")
			last = name
			fields[name] = strings.TrimSpace(value)
		}
	}
	if len(fields) > 0 {
		each(fields)
	}
	return text.Err()
}

// relations returns the names in a list of dependencies: "a (>= 1), b:any | c".
func relations(text string) [][]string {
	var list [][]string
	for part := range strings.SplitSeq(text, ",") {
		var alternatives []string
		for one := range strings.SplitSeq(part, "|") {
			name, _, _ := strings.Cut(strings.TrimSpace(one), " ")
			name, _, _ = strings.Cut(name, "(")
			if name, _, _ = strings.Cut(name, ":"); name != "" {
				alternatives = append(alternatives, name)
			}
		}
		if len(alternatives) > 0 {
			list = append(list, alternatives)
		}
	}
	return list
}
