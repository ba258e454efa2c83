package apt

import (
	"os"
	"regexp"
	"strconv"
	"strings"
)

var signedOption = regexp.MustCompile(`\[[^\]]*\bsigned-by=([^\]\s]+)`)

// signedBy returns which keys sign a source, as a deb822 Signed-By field has
// it. Entry is apt's name of the source, FILE:N, in which N counts the lines
// of a .list file and the stanzas of a .sources file. It returns "" if that
// is not said there; apt then takes the keys that it trusts for everything.
func signedBy(entry string) string {
	i := strings.LastIndexByte(entry, ':')
	if i < 0 {
		return ""
	}
	n, err := strconv.Atoi(entry[i+1:])
	if err != nil || n < 1 {
		return ""
	}
	text, err := os.ReadFile(entry[:i])
	if err != nil {
		return ""
	}
	if strings.HasSuffix(entry[:i], ".sources") {
		return signedStanza(string(text), n)
	}
	return signedLine(string(text), n)
}

func signedLine(text string, n int) string {
	lines := strings.Split(text, "\n")
	if n > len(lines) {
		return ""
	}
	m := signedOption.FindStringSubmatch(lines[n-1])
	if m == nil {
		return ""
	}
	return strings.ReplaceAll(m[1], ",", " ")
}

func signedStanza(text string, n int) string {
	all, err := parseStanzas(strings.NewReader(text))
	if err != nil || n > len(all) {
		return ""
	}
	for name, value := range all[n-1] {
		if strings.EqualFold(name, "Signed-By") {
			// A key in the file itself has several lines, each indented.
			return strings.ReplaceAll(value, "\n", "\n ")
		}
	}
	return ""
}
