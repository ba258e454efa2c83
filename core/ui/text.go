package ui

import (
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/mattn/go-runewidth"
)

// cells measures text as terminals show it. It doesn't look at the locale, so
// that the same events give the same bytes everywhere; terminals in a Chinese
// locale too draw characters of ambiguous width in one cell.
func cells() *runewidth.Condition {
	return &runewidth.Condition{StrictEmojiNeutral: true}
}

// width returns how many cells s takes.
func width(s string) int { return cells().StringWidth(s) }

// pad appends spaces up to n cells.
func pad(s string, n int) string { return s + strings.Repeat(" ", max(0, n-width(s))) }

// padLeft prepends spaces up to n cells.
func padLeft(s string, n int) string { return strings.Repeat(" ", max(0, n-width(s))) + s }

// truncate cuts s to at most n cells.
func truncate(s string, n int) string {
	if n <= 0 {
		return ""
	}
	tail := ".."
	if n < 5 {
		tail = ""
	}
	return cells().Truncate(s, n, tail)
}

// Wrap breaks a line at spaces so that it takes at most limit cells of a
// terminal; words that are too long stay whole. A limit of 0 is none.
func Wrap(s string, limit int) string { return wrap(s, limit, 0) }

// wrap breaks a line at spaces so that it takes at most limit cells, those
// after the first behind an indent; words that are too long stay whole. A
// limit of 0 is none.
func wrap(s string, limit, indent int) string {
	if limit <= 2*indent || width(s) <= limit {
		return s
	}
	var b strings.Builder
	used := 0
	for i, word := range strings.Fields(s) {
		w := width(word)
		switch {
		case i == 0:
		case used+1+w > limit:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			used = indent
		default:
			b.WriteByte(' ')
			used++
		}
		b.WriteString(word)
		used += w
	}
	return b.String()
}

// escapes are the control sequences of terminals.
// Source: ECMA-48, 5.3, 5.4 and 5.6.
var escapes = regexp.MustCompile(`\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]`)

// clean makes one line of printable text of what a plugin or a compiler wrote:
// nothing in it moves the cursor, sets colours or turns the text's direction.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = escapes.ReplaceAllString(s, "")
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\u2028' || r == '\u2029':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, s)
	return strings.TrimSpace(s)
}

// size writes a number of bytes in binary units.
func size(n int64) string {
	unit, name, digits := scale(n)
	return fmt.Sprintf("%.*f %s", digits, float64(n)/unit, name)
}

// sizes writes two numbers of bytes in the unit that fits the second:
// "1.20/2.40 MiB".
func sizes(done, total int64) string {
	unit, name, digits := scale(total)
	return fmt.Sprintf("%.*f/%.*f %s", digits, float64(done)/unit, digits, float64(total)/unit, name)
}

func scale(n int64) (unit float64, name string, digits int) {
	switch {
	case n < 1<<10:
		return 1, "B", 0
	case n < 1<<20:
		return 1 << 10, "KiB", 1
	case n < 1<<30:
		return 1 << 20, "MiB", 2
	}
	return 1 << 30, "GiB", 2
}

// duration writes how long something took: "0.4s", "1m02s", "1h02m".
func duration(d time.Duration) string {
	if tenths := d.Round(100 * time.Millisecond); tenths < time.Minute {
		return fmt.Sprintf("%.1fs", tenths.Seconds())
	}
	s := int(d.Round(time.Second).Seconds())
	if s < 3600 {
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	}
	return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
}

// clock writes a running time: "0:41", "1:02:03".
func clock(d time.Duration) string {
	s := max(0, int(d.Seconds()))
	if s < 3600 {
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}

// short is the start of a digest or key that tells it apart well enough.
func short(digest string) string { return digest[:min(12, len(digest))] }

// count writes "1 step" or "3 steps".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
