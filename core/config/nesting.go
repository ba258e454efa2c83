package config

import (
	"regexp"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// The parser of hcl is recursive and has no limit of its own, and a stack
// that grows too far ends the process. These are far beyond what people write.
const (
	maxFileBytes = 1 << 20
	maxNesting   = 100
	maxOperators = 5000
)

// exponent matches numbers that take minutes to be written as text.
var exponent = regexp.MustCompile(`[eE][+-]?0*[1-9][0-9]{3,}$`)

// nesting counts what makes the parser go deeper.
type nesting struct{ brackets, operators int }

// add takes the next token and says whether it is still reasonable.
func (n *nesting) add(t hclsyntax.TokenType) bool {
	switch t {
	case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen,
		hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc, hclsyntax.TokenTemplateInterp:
		n.brackets++
	case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen,
		hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc:
		n.brackets--
	case hclsyntax.TokenTemplateControl:
		// Closed like an interpolation, yet its if and for enclose what
		// follows.
		n.brackets++
		n.operators++
	case hclsyntax.TokenTemplateSeqEnd:
		n.brackets--
	case hclsyntax.TokenNewline:
		if n.brackets == 0 {
			n.operators = 0
		}
	case hclsyntax.TokenMinus, hclsyntax.TokenBang, hclsyntax.TokenQuestion,
		hclsyntax.TokenPlus, hclsyntax.TokenStar, hclsyntax.TokenSlash,
		hclsyntax.TokenPercent, hclsyntax.TokenAnd, hclsyntax.TokenOr,
		hclsyntax.TokenEqualOp, hclsyntax.TokenNotEqual, hclsyntax.TokenLessThan,
		hclsyntax.TokenLessThanEq, hclsyntax.TokenGreaterThan, hclsyntax.TokenGreaterThanEq,
		hclsyntax.TokenEllipsis, hclsyntax.TokenFatArrow:
		n.operators++
	}
	// What closes more than it opened must not make room for later.
	n.brackets = max(n.brackets, 0)
	return n.brackets <= maxNesting && n.operators <= maxOperators
}

// reasonable refuses source text that would exhaust the parser's stack.
func reasonable(src []byte, tokens hclsyntax.Tokens, name string) hcl.Diagnostics {
	if len(src) > maxFileBytes {
		return hcl.Diagnostics{problem(startOf(name), "File too large",
			"This is %d bytes long, and %d is the limit. Move long contents to files of their own and name them with \"source\".",
			len(src), maxFileBytes)}
	}
	var n nesting
	for _, token := range tokens {
		if token.Type == hclsyntax.TokenNumberLit && exponent.Match(token.Bytes) {
			return hcl.Diagnostics{problem(token.Range, "Number out of range",
				"A number has an exponent of at most three digits. Write a smaller one.")}
		}
		if !n.add(token.Type) {
			return hcl.Diagnostics{problem(token.Range, "Nested too deeply",
				"An expression or block here is nested deeper than %d, or has more than %d operators. Split it with locals.",
				maxNesting, maxOperators)}
		}
	}
	return nil
}

// parseConfig is hclsyntax.ParseConfig with limits. The body is never nil.
func parseConfig(src []byte, name string) (*hcl.File, *hclsyntax.Body, hcl.Diagnostics) {
	file, body, _, diags := parseLabels(src, name, false)
	return file, body, diags
}

// parseLabels is parseConfig for files whose labels may hold templates, which
// are returned by where they begin.
func parseLabels(src []byte, name string, hide bool) (*hcl.File, *hclsyntax.Body, templates, hcl.Diagnostics) {
	empty := &hclsyntax.Body{SrcRange: startOf(name), EndRange: startOf(name)}
	if len(src) > maxFileBytes {
		return &hcl.File{Body: empty}, empty, nil, reasonable(src, nil, name)
	}
	tokens, _ := hclsyntax.LexConfig(src, name, hcl.InitialPos)
	if diags := reasonable(src, tokens, name); diags.HasErrors() {
		return &hcl.File{Bytes: src, Body: empty}, empty, nil, diags
	}
	plain, found := src, templates{}
	if hide {
		plain, found = hideTemplates(src, tokens, name)
	}
	file, diags := hclsyntax.ParseConfig(plain, name, hcl.InitialPos)
	diags = first(diags)
	if file == nil {
		return &hcl.File{Bytes: src, Body: empty}, empty, nil, diags
	}
	file.Bytes = src
	body, ok := file.Body.(*hclsyntax.Body)
	if !ok {
		body = empty
	}
	guardOperators(body)
	return file, body, found, diags
}

// maxSyntaxErrors is how many errors of the parser are shown for one file.
const maxSyntaxErrors = 10

// first returns the first errors of the parser, which has one for each
// character of a file that is no text at all.
func first(diags hcl.Diagnostics) hcl.Diagnostics {
	if len(diags) <= maxSyntaxErrors {
		return diags
	}
	more := len(diags) - maxSyntaxErrors
	return append(diags[:maxSyntaxErrors:maxSyntaxErrors], problem(subject(diags[maxSyntaxErrors]), "More errors",
		"There are %d more errors like these. Is this the file that was meant?", more))
}

// parseExpression is hclsyntax.ParseExpression with limits.
func parseExpression(src []byte, name string) (hclsyntax.Expression, hcl.Diagnostics) {
	tokens, _ := hclsyntax.LexExpression(src, name, hcl.InitialPos)
	if diags := reasonable(src, tokens, name); diags.HasErrors() {
		return nil, diags
	}
	return guarded(hclsyntax.ParseExpression(src, name, hcl.InitialPos))
}

// parseTemplate is hclsyntax.ParseTemplate with limits.
func parseTemplate(src []byte, name string) (hclsyntax.Expression, hcl.Diagnostics) {
	tokens, _ := hclsyntax.LexTemplate(src, name, hcl.InitialPos)
	if diags := reasonable(src, tokens, name); diags.HasErrors() {
		return nil, diags
	}
	return guarded(hclsyntax.ParseTemplate(src, name, hcl.InitialPos))
}

func guarded(expr hclsyntax.Expression, diags hcl.Diagnostics) (hclsyntax.Expression, hcl.Diagnostics) {
	if expr != nil {
		guardOperators(expr)
	}
	return expr, diags
}
