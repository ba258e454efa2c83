package config

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/zclconf/go-cty/cty"
)

// validSymbol is what kconfig takes as a symbol's name.
var validSymbol = regexp.MustCompile(`^[A-Z0-9_]+$`)

// set decodes the `set` attribute into kconfig's notation.
func (d *decoder) set(b *Busybox, v value) {
	if v.state != given {
		return
	}
	if t := v.val.Type(); !t.IsObjectType() && !t.IsMapType() {
		d.add(v.problem("Wrong type", "\"set\" must be an object, and this is %s. Write it like { FEATURE_PREFER_APPLETS = false }.", kind(t)))
		return
	}
	b.Set = make(map[string]string)
	// Elements come in the order of their names.
	for it := v.val.ElementIterator(); it.Next(); {
		k, element := it.Element()
		key := k.AsString()
		at := v
		at.at = v.keyRange(key)
		d.setSymbol(b, key, element, at)
	}
}

func (d *decoder) setSymbol(b *Busybox, key string, element cty.Value, at value) {
	name := strings.TrimPrefix(key, "CONFIG_")
	if !validSymbol.MatchString(name) {
		d.add(at.problem("Invalid symbol", "%q is no symbol of busybox's configuration. Write it in capitals, such as FEATURE_PREFER_APPLETS.%s",
			key, capitalised(name)))
		return
	}
	if _, twice := b.Ranges["set."+name]; twice {
		d.add(at.problem("Duplicate symbol", "%s is set twice, with and without CONFIG_ before it. Remove one of the two.", name))
		return
	}
	b.Ranges["set."+name] = Range(at.at)
	if element.IsNull() {
		// As if it were not written.
		return
	}
	text, reason := kconfig(element)
	if reason != "" {
		d.add(at.problem("Invalid value of a symbol", "%s can't be set to this: %s.", name, reason))
		return
	}
	b.Set[name] = text
}

func capitalised(name string) string {
	if upper := strings.ToUpper(name); upper != name && validSymbol.MatchString(upper) {
		return fmt.Sprintf(" Did you mean %q?", upper)
	}
	return ""
}

// kconfig returns a value in the notation of a .config file, or why it has
// none.
func kconfig(val cty.Value) (text, reason string) {
	switch val.Type() {
	case cty.Bool:
		if val.True() {
			return "y", ""
		}
		return "n", ""
	case cty.Number:
		n, accuracy := val.AsBigFloat().Int64()
		if accuracy != 0 {
			return "", "a number must be whole, and fit into 64 bits"
		}
		return fmt.Sprint(n), ""
	case cty.String:
		return kconfigText(val.AsString())
	}
	return "", fmt.Sprintf("it is %s; write true, false, a number or a string", kind(val.Type()))
}

func kconfigText(text string) (quoted, reason string) {
	switch text {
	case "y", "n":
		return "", fmt.Sprintf("%q in quotes is text; write true for y and false for n", text)
	case "m":
		return "", "busybox has no modules; write true or false"
	}
	if strings.ContainsAny(text, "\n\r\x00") {
		return "", "a string must be one line"
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`, ""
}
