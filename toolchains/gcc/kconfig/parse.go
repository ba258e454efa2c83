package kconfig

import (
	"fmt"
	"strings"
)

// maxIncludes bounds how many files a Config.in may include in all.
const maxIncludes = 1000

// Parse parses a Config.in file and those it includes. open returns the text
// of a file by the name that a `source` line has.
func Parse(name string, open func(name string) (string, error)) (*Tree, error) {
	p := &parser{open: open, tree: &Tree{Symbols: map[string]*Symbol{}}}
	if err := p.file(name); err != nil {
		return nil, err
	}
	if len(p.blocks) > 0 {
		return nil, fmt.Errorf("%w: %s: `%s` is not closed", errSyntax, name, p.blocks[0].kind)
	}
	return p.tree, nil
}

// block is a `menu`, `choice` or `if` that is open.
type block struct {
	kind    string
	depends []*Expr
	choice  *Choice
}

type parser struct {
	open   func(string) (string, error)
	tree   *Tree
	files  int
	blocks []*block
	// symbol and block are what an indented line is about; at most one is
	// set, and neither after a `comment`.
	symbol *Symbol
	block  *block
	// help is the indentation of a help text that is being passed over; -1
	// on its first line, 0 outside of one.
	help int
}

func (p *parser) file(name string) error {
	if p.files++; p.files > maxIncludes {
		return fmt.Errorf("%w: %s: too many files are included", errSyntax, name)
	}
	text, err := p.open(name)
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	p.symbol, p.block, p.help = nil, nil, 0
	for i, line := range joinLines(text) {
		if p.inHelp(line) {
			continue
		}
		if err := p.line(name, i+1, strings.TrimSpace(line)); err != nil {
			return fmt.Errorf("%s:%d: %w", name, i+1, err)
		}
	}
	return nil
}

// joinLines cuts a text into lines; one that ends in a backslash takes the
// next along, which is left empty so that numbers stay right.
func joinLines(text string) []string {
	lines := strings.Split(text, "\n")
	for i := len(lines) - 2; i >= 0; i-- {
		if line, ok := strings.CutSuffix(lines[i], `\`); ok {
			lines[i], lines[i+1] = line+" "+strings.TrimSpace(lines[i+1]), ""
		}
	}
	return lines
}

// inHelp says whether a line belongs to a help text. Such a text ends before
// the first line that is indented less than its first one.
func (p *parser) inHelp(line string) bool {
	if p.help == 0 {
		return false
	}
	if strings.TrimSpace(line) == "" {
		return true
	}
	indent := indentation(line)
	if p.help < 0 && indent > 0 {
		p.help = indent
	}
	if p.help > 0 && indent >= p.help {
		return true
	}
	p.help = 0
	return false
}

// indentation returns the width of a line's leading blanks.
func indentation(line string) int {
	width := 0
	for _, c := range line {
		switch c {
		case ' ':
			width++
		case '\t':
			width = width&^7 + 8
		default:
			return width
		}
	}
	return width
}

func (p *parser) line(file string, number int, line string) error {
	if line == "" || line[0] == '#' {
		return nil
	}
	word, rest := line, ""
	if i := strings.IndexAny(line, " \t"); i >= 0 {
		word, rest = line[:i], strings.TrimSpace(line[i:])
	}
	switch word {
	case "config", "menuconfig":
		return p.config(file, number, rest)
	case "menu", "choice", "if":
		return p.openBlock(word, rest)
	case "endmenu", "endchoice", "endif":
		return p.closeBlock(word)
	case "source":
		return p.file(strings.Trim(rest, `"`))
	case "mainmenu":
		return nil
	case "comment":
		p.symbol, p.block = nil, nil
		return nil
	case "help", "---help---":
		p.help = -1
		return nil
	}
	return p.property(word, rest)
}

func (p *parser) config(file string, number int, name string) error {
	name, _, _ = strings.Cut(name, "#")
	name = strings.TrimSpace(name)
	if !isName(name) {
		return fmt.Errorf("%w: %q is no symbol", errSyntax, name)
	}
	symbol := p.tree.Symbols[name]
	if symbol == nil {
		symbol = &Symbol{Name: name, File: file, Line: number}
		p.tree.Symbols[name] = symbol
	}
	for _, b := range p.blocks {
		symbol.Depends = append(symbol.Depends, b.depends...)
		if b.choice != nil {
			symbol.Choice = b.choice
			b.choice.Members = append(b.choice.Members, name)
		}
	}
	p.symbol, p.block = symbol, nil
	return nil
}

func (p *parser) openBlock(kind, rest string) error {
	b := &block{kind: kind}
	switch kind {
	case "choice":
		b.choice = &Choice{}
		p.tree.Choices = append(p.tree.Choices, b.choice)
	case "if":
		e, err := ParseExpr(rest)
		if err != nil {
			return err
		}
		b.depends = []*Expr{e}
	}
	p.blocks = append(p.blocks, b)
	p.symbol, p.block = nil, b
	return nil
}

func (p *parser) closeBlock(word string) error {
	kind := strings.TrimPrefix(word, "end")
	last := len(p.blocks) - 1
	if last < 0 || p.blocks[last].kind != kind {
		return fmt.Errorf("%w: `%s` closes nothing", errSyntax, word)
	}
	p.blocks = p.blocks[:last]
	p.symbol, p.block = nil, nil
	return nil
}

// property takes a line that says something of the symbol or block above it.
func (p *parser) property(word, rest string) error {
	switch word {
	case "bool", "boolean", "tristate", "int", "hex", "string":
		if p.symbol != nil {
			p.symbol.Type = strings.Replace(word, "boolean", "bool", 1)
			p.symbol.Prompt = prompt(rest)
		}
		return nil
	case "prompt":
		switch {
		case p.symbol != nil:
			p.symbol.Prompt = prompt(rest)
		case p.block != nil && p.block.choice != nil:
			p.block.choice.Prompt = prompt(rest)
		}
		return nil
	case "depends", "requires":
		return p.depends(strings.TrimSpace(strings.TrimPrefix(rest, "on")))
	case "select":
		return p.selects(rest)
	case "default", "def_bool", "range", "optional", "option", "visible", "imply":
		return nil
	}
	return fmt.Errorf("%w: unexpected %q", errSyntax, word)
}

func (p *parser) depends(text string) error {
	e, err := ParseExpr(text)
	if err != nil {
		return err
	}
	switch {
	case p.symbol != nil:
		p.symbol.Depends = append(p.symbol.Depends, e)
	case p.block != nil:
		p.block.depends = append(p.block.depends, e)
	}
	return nil
}

func (p *parser) selects(text string) error {
	name, condition, found := strings.Cut(text, " if ")
	name, _, _ = strings.Cut(name, "#")
	name = strings.TrimSpace(name)
	if !isName(name) {
		return fmt.Errorf("%w: %q is no symbol to select", errSyntax, name)
	}
	if p.symbol == nil {
		return fmt.Errorf("%w: `select` belongs to no symbol", errSyntax)
	}
	s := Select{Name: name}
	if found {
		e, err := ParseExpr(condition)
		if err != nil {
			return err
		}
		s.If = e
	}
	p.symbol.Selects = append(p.symbol.Selects, s)
	return nil
}

// prompt returns the text in quotes at the start of a line.
func prompt(text string) string {
	tokens, err := tokenize(text)
	if err != nil || len(tokens) == 0 || tokens[0][0] != '"' {
		return ""
	}
	return strings.Trim(tokens[0], `"`)
}
