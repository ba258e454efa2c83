package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// locals evaluates the values of `locals` blocks, each after those it refers
// to. The name of the system takes part: it may use locals, and they it.
type locals struct {
	doc    *Document
	nodes  map[string]*local
	values map[string]cty.Value
	// open are the nodes that wait for others, the outermost first.
	open  []*local
	diags hcl.Diagnostics
}

// local is one value, or the name of the system.
type local struct {
	name string
	expr hclsyntax.Expression
	at   hcl.Range
	// waiting is true while those that it refers to are resolved.
	waiting, done bool
}

// title is the key of the name of the system among the locals. It can't be
// an identifier.
const title = "name="

// evaluateLocals sets the name, and completes the scope with it and with all
// locals.
func (d *Document) evaluateLocals() hcl.Diagnostics {
	l := &locals{doc: d, nodes: make(map[string]*local), values: make(map[string]cty.Value)}
	order := l.collect()
	d.scope.locals = slices.Clone(order)
	for _, name := range order {
		l.resolve(l.nodes[name])
	}
	if d.title != nil {
		l.resolve(l.nodes[title])
	} else {
		d.name = cty.StringVal(DefaultName)
	}
	d.scope.ctx.Variables["local"] = cty.ObjectVal(l.values)
	d.scope.ctx.Variables["name"] = d.name
	d.name = unmarked(d.name)
	return l.diags
}

// collect reads the blocks and returns the names in the order written.
func (l *locals) collect() []string {
	var order []string
	if t := l.doc.title; t != nil {
		l.nodes[title] = &local{name: title, expr: t.Expr, at: t.NameRange}
	}
	for _, block := range l.doc.blocks["locals"] {
		for _, b := range block.Body.Blocks {
			l.diags = append(l.diags, problem(b.TypeRange, fmt.Sprintf("Unknown block %q", b.Type),
				"A locals block holds NAME = VALUE lines only. Write %s = … with an equals sign, or move the block out.", b.Type))
		}
		for _, attr := range sortedAttrs(block.Body) {
			if first := l.nodes[attr.Name]; first != nil {
				l.diags = append(l.diags, clash(attr.NameRange, first.at, fmt.Sprintf("Duplicate local %q", attr.Name),
					"The local is declared twice. Remove or rename one of the two."))
				continue
			}
			l.nodes[attr.Name] = &local{name: attr.Name, expr: attr.Expr, at: attr.NameRange}
			order = append(order, attr.Name)
		}
	}
	return order
}

// resolve evaluates a node after those that it refers to.
func (l *locals) resolve(n *local) {
	if n.done {
		return
	}
	if n.waiting {
		l.cycle(l.open[slices.Index(l.open, n):])
		return
	}
	n.waiting = true
	l.open = append(l.open, n)
	needs, whole := l.needs(n)
	for _, need := range needs {
		l.resolve(l.nodes[need])
	}
	l.open = l.open[:len(l.open)-1]
	n.waiting = false
	if n.done {
		return
	}
	n.done = true
	if whole != nil {
		l.diags = append(l.diags, problem(*whole, "Locals refer to themselves",
			"Within locals and the name, \"local\" needs the name of one: write local.NAME."))
		l.set(n, cty.DynamicVal)
		return
	}
	l.evaluate(n, needs)
}

// needs returns the nodes that a node refers to, in the order written, and
// where it refers to all of them at once.
func (l *locals) needs(n *local) (needs []string, whole *hcl.Range) {
	for _, t := range hclsyntax.Variables(n.expr) {
		if t.IsRelative() {
			continue
		}
		switch t.RootName() {
		case "local":
			name, ok := memberOf(t)
			if !ok {
				whole = t.SourceRange().Ptr()
			} else if l.nodes[name] != nil && !slices.Contains(needs, name) && name != title {
				needs = append(needs, name)
			}
		case "name":
			if l.nodes[title] != nil && !slices.Contains(needs, title) {
				needs = append(needs, title)
			}
		}
	}
	return needs, whole
}

// evaluate sets a node's value from those of its needs.
func (l *locals) evaluate(n *local, needs []string) {
	members := make(map[string]cty.Value, len(needs))
	name := l.doc.name
	if l.doc.title == nil {
		name = cty.StringVal(DefaultName)
	}
	for _, need := range needs {
		if need != title {
			members[need] = l.values[need]
		}
	}
	names := map[string]cty.Value{"local": cty.ObjectVal(members)}
	if name != cty.NilVal {
		names["name"] = name
	}
	reason := "Locals are the same for all architectures. Use %s where the value is used, in a toolchain, busybox, rootfs or export block."
	if n.name == title {
		reason = "The name is the same for all architectures: write it without %s. Every artifact of one architecture carries that in its own name."
	}
	sc := l.doc.scope.with(names).
		without("arch", fmt.Sprintf(reason, "${arch}")).
		without("platform", fmt.Sprintf(reason, "platform")).
		without("name", "The name of the system can't refer to itself.")
	var (
		val   cty.Value
		diags hcl.Diagnostics
	)
	if n.name == title {
		val, diags = l.doc.decodeName(sc)
	} else {
		val, diags = sc.value(n.expr)
	}
	l.diags = append(l.diags, diags...)
	l.set(n, val)
}

func (l *locals) set(n *local, val cty.Value) {
	n.done = true
	if n.name == title {
		if !val.Type().Equals(cty.String) {
			val = cty.UnknownVal(cty.String)
		}
		l.doc.name = val
		return
	}
	l.values[n.name] = val
}

// cycle reports nodes that wait for each other, and gives them up.
func (l *locals) cycle(nodes []*local) {
	// The chain begins with what stands first, wherever it was entered.
	first := slices.MinFunc(nodes, func(a, b *local) int {
		return strings.Compare(fmt.Sprintf("%s %09d", a.at.Filename, a.at.Start.Byte), fmt.Sprintf("%s %09d", b.at.Filename, b.at.Start.Byte))
	})
	i := slices.Index(nodes, first)
	chain := slices.Concat(nodes[i:], nodes[:i], nodes[i:i+1])
	links := make([]string, len(chain))
	for j, n := range chain {
		links[j] = fmt.Sprintf("%s (%s:%d)", n.text(), n.at.Filename, n.at.Start.Line)
	}
	l.diags = append(l.diags, problem(first.at, "Cycle in locals",
		"These refer to each other in a circle, so none has a value: %s. Break the circle with a value that is written out.",
		strings.Join(links, " → ")))
	for _, n := range nodes {
		l.set(n, cty.DynamicVal)
	}
}

func (n *local) text() string {
	if n.name == title {
		return "name"
	}
	return "local." + n.name
}
