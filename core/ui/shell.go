package ui

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/mkmini/mkmini/core/event"
)

// Commands returns the shell commands that use an artifact: its Run with
// {path} replaced by the quoted path.
func Commands(a event.Artifact) []string {
	path := a.Path
	if strings.HasPrefix(path, "-") {
		path = "./" + path // else it would be taken for an option
	}
	commands := make([]string, len(a.Run))
	for i, hint := range a.Run {
		commands[i] = strings.ReplaceAll(clean(hint), "{path}", Quote(path))
	}
	return commands
}

// Quote returns s as one word of a POSIX shell. Text with control characters
// is written as $'…', which POSIX has since 2024 and older shells may not.
func Quote(s string) string {
	switch {
	case s == "":
		return "''"
	case strings.ContainsFunc(s, unicode.IsControl):
		return quoteControl(s)
	case strings.ContainsFunc(s, special):
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	return s
}

// special says whether a character can mean something to a shell. Letters of
// all scripts can't.
func special(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_./:,@%+=", r)
}

func quoteControl(s string) string {
	var b strings.Builder
	b.WriteString("$'")
	for _, c := range []byte(s) {
		switch {
		case c == '\'' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c >= 0x7f:
			fmt.Fprintf(&b, `\%03o`, c) // always three digits: it ends there
		default:
			b.WriteByte(c)
		}
	}
	b.WriteString("'")
	return b.String()
}
