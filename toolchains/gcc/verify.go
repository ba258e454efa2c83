package gcc

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/plugins/sdk"
	"github.com/mkmini/mkmini/toolchains/gcc/applet"
	"github.com/mkmini/mkmini/toolchains/gcc/kconfig"
)

// verify holds what was asked for against the configuration that busybox
// made of it: its tool drops without a word what depends on something else.
func (r *request) verify(final kconfig.Values) sdk.Diagnostics {
	var problems sdk.Diagnostics
	for _, symbol := range slices.Sorted(maps.Keys(r.asked)) {
		want, got := r.values[symbol], final[symbol]
		if got == "" {
			got = "n"
		}
		if want != got {
			problems = append(problems, r.dropped(symbol, want, got, final))
		}
	}
	if len(problems) > 0 || len(r.only) == 0 {
		return problems
	}
	return r.verifyOnly(final)
}

// dropped explains why a symbol has another value than the wanted one.
func (r *request) dropped(symbol, want, got string, final kconfig.Values) sdk.Diagnostic {
	d := sdk.Diagnostic{
		Summary: "Busybox setting did not stick",
		Detail:  fmt.Sprintf("%s was to be %s, and busybox made it %s.", symbol, want, got),
		Remedy:  "Look at what busybox's menuconfig says of it.",
		Path:    r.asked[symbol],
	}
	declared := r.tree.Symbols[symbol]
	if declared == nil {
		d.Detail = fmt.Sprintf("This version of busybox has no symbol %s.", symbol)
		d.Remedy = r.didYouMean(symbol)
		return d
	}
	if by := r.tree.SelectedBy(symbol, final); want == "n" && len(by) > 0 {
		d.Detail += fmt.Sprintf(" It is needed by %s.", strings.Join(by, ", "))
		d.Remedy = fmt.Sprintf("Turn off %s as well, or leave %s on.", strings.Join(by, ", "), symbol)
		return d
	}
	if unmet := declared.Unmet(final); len(unmet) > 0 {
		texts := make([]string, len(unmet))
		var values []string
		for i, e := range unmet {
			texts[i] = e.String()
			for _, name := range e.Symbols() {
				value := final[name]
				if value == "" {
					value = "n"
				}
				values = append(values, name+"="+value)
			}
		}
		slices.Sort(values)
		d.Detail += fmt.Sprintf(" It depends on %s, and there is %s.",
			strings.Join(texts, " and on "), strings.Join(slices.Compact(values), ", "))
		d.Remedy = fmt.Sprintf("Set what it depends on as well, or leave %s out.", symbol)
		return d
	}
	if declared.Prompt == "" {
		d.Remedy = "Others turn it on; it can't be set by itself."
	}
	return d
}

// verifyOnly checks that `only` gives exactly the applets asked for.
func (r *request) verifyOnly(final kconfig.Values) sdk.Diagnostics {
	var problems sdk.Diagnostics
	for _, one := range r.applets {
		if one.Name == "busybox" || slices.Contains(r.only, one.Name) || !one.If.Holds(final) {
			continue
		}
		d := sdk.Diagnostic{
			Summary: "Applet can't be left out",
			Detail:  fmt.Sprintf("%s is not in the list of applets, and busybox turns it on.", one.Name),
			Remedy:  fmt.Sprintf("Add %q to the list.", one.Name),
			Path:    []string{"busybox", "applets", "only"},
		}
		if path := r.asked[one.Symbol]; len(path) > 1 && path[1] == "set" {
			d.Detail = fmt.Sprintf("%s is not in the list of applets, and `set` turns it on.", one.Name)
			d.Path = path
		} else if by := r.tree.SelectedBy(one.Symbol, final); len(by) > 0 {
			d.Detail += fmt.Sprintf(" It is needed by %s.", strings.Join(by, ", "))
		}
		problems = append(problems, d)
	}
	enabled := applet.Enabled(r.applets, final)
	for i, name := range r.only {
		if name != "busybox" && !slices.Contains(enabled, name) {
			problems = append(problems, sdk.Diagnostic{
				Summary: "Applet is not built",
				Detail:  fmt.Sprintf("%s is only there if %s.", name, conditions(applet.Named(r.applets, name))),
				Remedy:  "Set these symbols in `set`.",
				Path:    []string{"busybox", "applets", "only", fmt.Sprint(i)},
			})
		}
	}
	return problems
}

func conditions(entries []applet.Applet) string {
	texts := make([]string, len(entries))
	for i, one := range entries {
		texts[i] = one.If.String()
	}
	return strings.Join(texts, ", or ")
}
