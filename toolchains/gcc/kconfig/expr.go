package kconfig

import (
	"errors"
	"fmt"
	"strings"
)

// Expr is a condition on symbols: what stands behind "depends on" and "if".
type Expr struct {
	// Op is "&&", "||", "!", "=", "!=", or "" for a symbol.
	Op string
	// Args are the operands; empty for a symbol.
	Args []*Expr
	// Name is the symbol, or a constant in quotes.
	Name string
}

// String returns the condition in kconfig's notation.
func (e *Expr) String() string {
	switch e.Op {
	case "":
		return e.Name
	case "!":
		return "!" + e.Args[0].operand()
	}
	parts := make([]string, len(e.Args))
	for i, arg := range e.Args {
		parts[i] = arg.operand()
		if arg.Op == e.Op || e.Op == "||" && arg.Op == "&&" {
			parts[i] = arg.String()
		}
	}
	return strings.Join(parts, " "+e.Op+" ")
}

func (e *Expr) operand() string {
	if e.Op == "&&" || e.Op == "||" {
		return "(" + e.String() + ")"
	}
	return e.String()
}

// Holds says whether the condition is true of the values of a configuration.
func (e *Expr) Holds(values Values) bool {
	switch e.Op {
	case "!":
		return !e.Args[0].Holds(values)
	case "&&":
		return e.Args[0].Holds(values) && e.Args[1].Holds(values)
	case "||":
		return e.Args[0].Holds(values) || e.Args[1].Holds(values)
	case "=":
		return e.Args[0].value(values) == e.Args[1].value(values)
	case "!=":
		return e.Args[0].value(values) != e.Args[1].value(values)
	}
	return e.value(values) == "y"
}

func (e *Expr) value(values Values) string {
	switch e.Name {
	case "y", "n", "m":
		return e.Name
	}
	if strings.HasPrefix(e.Name, `"`) {
		return strings.Trim(e.Name, `"`)
	}
	if value, ok := values[e.Name]; ok {
		return strings.Trim(value, `"`)
	}
	return "n"
}

// Symbols returns the names of the symbols in the condition, as written.
func (e *Expr) Symbols() []string {
	if e.Op == "" {
		if e.Name == "y" || e.Name == "n" || strings.HasPrefix(e.Name, `"`) {
			return nil
		}
		return []string{e.Name}
	}
	var names []string
	for _, arg := range e.Args {
		names = append(names, arg.Symbols()...)
	}
	return names
}

// errSyntax is wrapped by all errors of the parser.
var errSyntax = errors.New("not kconfig")

// maxDepth bounds the nesting of a condition, far above what anybody writes.
const maxDepth = 100

// ParseExpr parses a condition. A "#" outside of quotes starts a comment.
func ParseExpr(text string) (*Expr, error) {
	tokens, err := tokenize(text)
	if err != nil {
		return nil, err
	}
	p := &exprParser{tokens: tokens}
	e, err := p.or()
	if err != nil {
		return nil, err
	}
	if len(p.tokens) > 0 {
		return nil, fmt.Errorf("%w: unexpected %q in %q", errSyntax, p.tokens[0], text)
	}
	return e, nil
}

// exprParser is a recursive descent over the tokens that are left.
type exprParser struct {
	tokens []string
	depth  int
}

func (p *exprParser) next(want ...string) (string, bool) {
	if len(p.tokens) == 0 {
		return "", false
	}
	for _, w := range want {
		if p.tokens[0] == w {
			p.tokens = p.tokens[1:]
			return w, true
		}
	}
	return "", false
}

func (p *exprParser) or() (*Expr, error)  { return p.binary(p.and, "||") }
func (p *exprParser) and() (*Expr, error) { return p.binary(p.compare, "&&") }

func (p *exprParser) binary(operand func() (*Expr, error), op string) (*Expr, error) {
	left, err := operand()
	if err != nil {
		return nil, err
	}
	for {
		if _, ok := p.next(op); !ok {
			return left, nil
		}
		right, err := operand()
		if err != nil {
			return nil, err
		}
		left = &Expr{Op: op, Args: []*Expr{left, right}}
	}
}

func (p *exprParser) compare() (*Expr, error) {
	left, err := p.unary()
	if err != nil {
		return nil, err
	}
	op, ok := p.next("=", "!=")
	if !ok {
		return left, nil
	}
	right, err := p.unary()
	if err != nil {
		return nil, err
	}
	if left.Op != "" || right.Op != "" {
		return nil, fmt.Errorf("%w: %s compares more than symbols", errSyntax, op)
	}
	return &Expr{Op: op, Args: []*Expr{left, right}}, nil
}

func (p *exprParser) unary() (*Expr, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, fmt.Errorf("%w: nested too deep", errSyntax)
	}
	defer func() { p.depth-- }()
	if _, ok := p.next("!"); ok {
		arg, err := p.unary()
		if err != nil {
			return nil, err
		}
		return &Expr{Op: "!", Args: []*Expr{arg}}, nil
	}
	if _, ok := p.next("("); ok {
		inner, err := p.or()
		if err != nil {
			return nil, err
		}
		if _, ok := p.next(")"); !ok {
			return nil, fmt.Errorf("%w: no closing parenthesis", errSyntax)
		}
		return inner, nil
	}
	if len(p.tokens) == 0 || !isName(p.tokens[0]) && p.tokens[0][0] != '"' {
		return nil, fmt.Errorf("%w: a symbol is missing", errSyntax)
	}
	name := p.tokens[0]
	p.tokens = p.tokens[1:]
	return &Expr{Name: name}, nil
}

// tokenize cuts a line into names, quoted strings and operators.
func tokenize(text string) ([]string, error) {
	var tokens []string
	for i := 0; i < len(text); {
		rest := text[i:]
		switch c := text[i]; {
		case c == ' ' || c == '\t':
			i++
			continue
		case c == '#':
			return tokens, nil
		case strings.HasPrefix(rest, "&&"), strings.HasPrefix(rest, "||"), strings.HasPrefix(rest, "!="):
			tokens = append(tokens, rest[:2])
		case c == '!' || c == '(' || c == ')' || c == '=':
			tokens = append(tokens, rest[:1])
		case c == '"' || c == '\'':
			end := strings.IndexByte(rest[1:], c)
			if end < 0 {
				return nil, fmt.Errorf("%w: no closing quote in %q", errSyntax, text)
			}
			tokens = append(tokens, `"`+strings.ReplaceAll(rest[1:end+1], `"`, "'")+`"`)
			i += end + 2
			continue
		default:
			end := strings.IndexFunc(rest, func(r rune) bool { return !isNameRune(r) })
			if end < 0 {
				end = len(rest)
			}
			if end == 0 {
				return nil, fmt.Errorf("%w: unexpected %q", errSyntax, rest)
			}
			tokens = append(tokens, rest[:end])
		}
		i += len(tokens[len(tokens)-1])
	}
	return tokens, nil
}

func isName(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool { return !isNameRune(r) }) < 0
}

func isNameRune(r rune) bool {
	return r == '_' || r == '-' || r == '.' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z'
}
