package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
)

// nearest returns the option that was probably meant by given, or "" if none
// resembles it. Of equally near ones it returns the first.
func nearest(given string, options []string) string {
	given = strings.ToLower(given)
	best, bestDistance := "", 0
	for _, option := range options {
		distance := levenshtein.Distance(given, strings.ToLower(option), nil)
		if near(given, option, distance) && (best == "" || distance < bestDistance) {
			best, bestDistance = option, distance
		}
	}
	return best
}

// near says whether two names resemble each other: few edits, in proportion
// to their length, or one begins with the other.
func near(given, option string, distance int) bool {
	option = strings.ToLower(option)
	if distance <= max(1, max(len(given), len(option))/3) || distance == 2 && sameLetters(given, option) {
		return true
	}
	return len(given) >= 3 && strings.HasPrefix(option, given) ||
		len(option) >= 3 && strings.HasPrefix(given, option)
}

// sameLetters says whether two names differ in the order of letters only:
// swapping two of them is the commonest slip, and counts as two edits.
func sameLetters(a, b string) bool {
	x, y := []byte(a), []byte(b)
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}

// hint returns sentences, each after a space, that help with an unknown
// name: the nearest option and then all of them. The noun is in the plural.
func hint(given, noun string, options []string) string {
	if len(options) == 0 {
		return fmt.Sprintf(" There are no %s here.", noun)
	}
	var s strings.Builder
	if best := nearest(given, options); best != "" {
		fmt.Fprintf(&s, " Did you mean %q?", best)
	}
	if len(options) == 1 {
		fmt.Fprintf(&s, " The only %s is %s.", strings.TrimSuffix(noun, "s"), options[0])
	} else {
		fmt.Fprintf(&s, " The %s are %s.", noun, list(options))
	}
	return s.String()
}

// list returns "a, b and c".
func list(names []string) string {
	switch len(names) {
	case 0:
		return ""
	case 1:
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// capital returns a sentence with a capital at its start.
func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// article returns a noun after "a" or "an".
func article(noun string) string {
	if noun != "" && strings.Contains("aeio", noun[:1]) {
		return "an " + noun
	}
	return "a " + noun
}
