// Package kconfig reads the Config.in files and .config files of busybox:
// which symbols there are, what each depends on, and what values they have.
// It explains configurations; making them is left to busybox's own tool.
package kconfig

import (
	"slices"
	"strings"
)

// Tree is all that a Config.in and the files it includes declare.
type Tree struct {
	// Symbols are the symbols by name, without CONFIG_.
	Symbols map[string]*Symbol
	// Choices are the groups of which one is on.
	Choices []*Choice
}

// Symbol is a `config` entry.
type Symbol struct {
	Name string
	// Type is "bool", "int", "hex", "string" or "tristate"; empty if none
	// was declared.
	Type string
	// Prompt is the question to the user; empty if it can't be set.
	Prompt string
	// Depends are all conditions it needs, with those of the menus and
	// choices around it.
	Depends []*Expr
	// Selects are what it turns on.
	Selects []Select
	// Choice is the group it belongs to; nil if none.
	Choice *Choice
	// File and Line tell where it stands.
	File string
	Line int
}

// Select is a symbol that another turns on.
type Select struct {
	Name string
	// If is the condition; nil if there is none.
	If *Expr
}

// Choice is a group of symbols of which exactly one is on.
type Choice struct {
	// Prompt is the question to the user.
	Prompt string
	// Members are the names of the symbols, in order.
	Members []string
}

// Unmet returns the conditions of a symbol that don't hold, in order.
func (s *Symbol) Unmet(values Values) []*Expr {
	var unmet []*Expr
	for _, e := range s.Depends {
		if !e.Holds(values) {
			unmet = append(unmet, e)
		}
	}
	return unmet
}

// SelectedBy returns the names of the symbols that are on and turn on a
// symbol, sorted.
func (t *Tree) SelectedBy(name string, values Values) []string {
	var names []string
	for _, symbol := range t.Symbols {
		for _, s := range symbol.Selects {
			if s.Name == name && values[symbol.Name] == "y" && (s.If == nil || s.If.Holds(values)) {
				names = append(names, symbol.Name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Nearest returns the declared symbol whose name is nearest to a name, or ""
// if none is near.
func (t *Tree) Nearest(name string) string {
	names := make([]string, 0, len(t.Symbols))
	for n := range t.Symbols {
		names = append(names, n)
	}
	return Nearest(strings.ToUpper(name), names)
}

// Nearest returns the candidate that is nearest to a name, or "" if none is
// near: at most a third of the name's letters, and 1 in short ones, differ.
func Nearest(name string, candidates []string) string {
	best, least := "", max(1, len(name)/3)+1
	slices.Sort(candidates)
	for _, candidate := range candidates {
		if d := distance(name, candidate); d < least {
			best, least = candidate, d
		}
	}
	return best
}

// distance counts the letters to add, take away, replace, or swap with the
// next to turn one word into the other, each letter being touched once.
func distance(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, before
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replace := last[j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			row[j] = min(last[j]+1, row[j-1]+1, replace)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
