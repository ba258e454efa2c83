package apt

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// maxStanza bounds one stanza of an index in bytes; the longest of Debian's
// have some 300 kB.
const maxStanza = 16 << 20

// stanza is a paragraph of a deb822 file: fields by name. Lines after a
// field's first are joined with "\n", without their leading space.
type stanza map[string]string

// eachStanza calls visit with the text of every stanza until it returns
// false.
func eachStanza(r io.Reader, visit func(text []byte) bool) error {
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 256<<10), maxStanza)
	sc.Split(splitStanza)
	for sc.Scan() {
		if text := bytes.Trim(sc.Bytes(), "\n"); len(text) > 0 && !visit(text) {
			return nil
		}
	}
	return sc.Err()
}

// splitStanza is a bufio.SplitFunc for text between empty lines.
func splitStanza(data []byte, atEOF bool) (int, []byte, error) {
	if i := bytes.Index(data, []byte("\n\n")); i >= 0 {
		return i + 2, data[:i+1], nil
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

func parseStanzas(r io.Reader) ([]stanza, error) {
	var all []stanza
	err := eachStanza(r, func(text []byte) bool {
		if s := parseStanza(string(text)); len(s) > 0 {
			all = append(all, s)
		}
		return true
	})
	return all, err
}

func parseStanza(text string) stanza {
	s := stanza{}
	field := ""
	for line := range strings.SplitSeq(text, "\n") {
		switch {
		case strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t"):
			if field != "" {
				s[field] += "\n" + strings.TrimSpace(line)
			}
		default:
			name, value, ok := strings.Cut(line, ":")
			if field = ""; ok {
				field = name
				s[field] = strings.TrimSpace(value)
			}
		}
	}
	return s
}

// file is a file of a source package.
type file struct {
	// Name is its base name.
	Name string
	// Path is relative to the mirror's address.
	Path string
	// Size is in bytes.
	Size int64
}

// findFile reads a Sources index and returns the file with that sha256 of
// the source package pkg, or errAbsent.
func findFile(r io.Reader, pkg, sha256 string) (file, error) {
	sha256 = strings.ToLower(sha256)
	var found *file
	err := eachStanza(r, func(text []byte) bool {
		if !bytes.Contains(text, []byte(sha256)) {
			return true
		}
		s := parseStanza(string(text))
		if s["Package"] == pkg {
			found = s.file(sha256)
		}
		return found == nil
	})
	if err != nil {
		return file{}, fmt.Errorf("read the index of sources: %w", err)
	}
	if found == nil {
		return file{}, errAbsent
	}
	return *found, nil
}

// file returns the file with that sha256, or nil.
func (s stanza) file(sha256 string) *file {
	for line := range strings.SplitSeq(s["Checksums-Sha256"], "\n") {
		f := strings.Fields(line)
		if len(f) != 3 || f[0] != sha256 || strings.Contains(f[2], "/") {
			continue
		}
		size, err := strconv.ParseInt(f[1], 10, 64)
		if err != nil || size < 0 {
			continue
		}
		dir := strings.Trim(s["Directory"], "/")
		if dir == "" || dir == "." {
			return &file{f[2], f[2], size}
		}
		return &file{f[2], dir + "/" + f[2], size}
	}
	return nil
}
