package gcc

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/mkmini/mkmini/plugins/sdk"
	"github.com/mkmini/mkmini/toolchains/gcc/applet"
	"github.com/mkmini/mkmini/toolchains/gcc/kconfig"
)

// request is what a configuration asks of busybox, held against what the
// source has.
type request struct {
	tree    *kconfig.Tree
	applets []applet.Applet
	// values go into the .config that busybox completes.
	values kconfig.Values
	// asked are the symbols that somebody asked for by name, with the path
	// of who did.
	asked map[string][]string
	only  []string // applets
	facts []sdk.Fact
}

// newRequest turns a build's request into the values of a .config.
func newRequest(req sdk.BuildRequest, info sdk.ToolchainInfo, s situation, tree *kconfig.Tree, applets []applet.Applet) (*request, error) {
	r := &request{tree: tree, applets: applets, values: kconfig.Values{}, asked: map[string][]string{}, only: req.Only}
	problems := append(r.unknownSymbols(req.Set), r.unknownApplets(req.Only, req.Without)...)
	for _, refused := range refusals {
		if refused.when(s) {
			problems = append(problems, sdk.Diagnostic{
				Summary: refused.summary,
				Detail:  fmt.Sprintf("Busybox %s can't be built with %s %s. %s", s.version, s.libc, s.libcVersion, refused.detail),
				Remedy:  refused.remedy, Path: []string{"busybox", "version"},
			})
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	if req.Config != "" && req.Config != "defconfig" {
		data, err := os.ReadFile(req.Config)
		if err != nil {
			return nil, fmt.Errorf("read busybox configuration: %w", err)
		}
		r.values = kconfig.ParseValues(string(data))
	}
	for _, one := range settings {
		r.apply(one, s, req)
	}
	for _, one := range breakages {
		if one.macro != "" {
			if _, there := s.macros[one.macro]; there {
				continue
			}
		}
		if r.apply(one.setting, s, req) {
			r.facts = append(r.facts, sdk.Fact{Name: one.name, Value: fmt.Sprintf("%s=%s, as %s", one.symbol, one.value, one.why), Status: sdk.OK})
		}
	}
	for _, symbol := range slices.Sorted(maps.Keys(info.Settings)) {
		r.set(symbol, info.Settings[symbol])
		r.asked[symbol] = nil
	}
	r.chooseApplets(req)
	for _, symbol := range slices.Sorted(maps.Keys(req.Set)) {
		r.set(symbol, req.Set[symbol])
		r.asked[symbol] = []string{"busybox", "set", symbol}
	}
	if problems := r.contradictions(req, s); len(problems) > 0 {
		return nil, problems
	}
	return r, nil
}

// apply sets what mkmini wants by itself, and says whether it did.
func (r *request) apply(one setting, s situation, req sdk.BuildRequest) bool {
	if r.tree.Symbols[one.symbol] == nil || one.when != nil && !one.when(s) {
		return false
	}
	if old, ok := r.values[one.symbol]; ok && old != one.value && req.Set[one.symbol] == "" {
		r.facts = append(r.facts, sdk.Fact{
			Name:   "config_file",
			Value:  fmt.Sprintf("%s=%s instead of the file's %s, as %s", one.symbol, one.value, old, one.why),
			Status: sdk.Warn,
			Remedy: fmt.Sprintf("Write `%s` into `set` to have it your way.", one.symbol),
		})
	}
	r.set(one.symbol, one.value)
	return true
}

// set gives a symbol a value. Of a choice, one member at a time is on.
func (r *request) set(symbol, value string) {
	if s := r.tree.Symbols[symbol]; s != nil && s.Choice != nil && value == "y" {
		for _, member := range s.Choice.Members {
			r.values[member] = "n"
		}
	}
	r.values[symbol] = value
}

// chooseApplets turns applets on and off.
func (r *request) chooseApplets(req sdk.BuildRequest) {
	if len(req.Only) > 0 {
		for _, one := range r.applets {
			if one.Name != "busybox" { // not an applet to type, and never linked
				r.turnOff(one.Symbol)
			}
		}
	}
	for i, name := range req.Only {
		entry := r.entry(name, req)
		if entry.Name != "busybox" {
			r.set(entry.Symbol, "y")
			r.asked[entry.Symbol] = []string{"busybox", "applets", "only", strconv.Itoa(i)}
		}
	}
	for i, name := range req.Without {
		for _, one := range applet.Named(r.applets, name) {
			r.turnOff(one.Symbol)
			r.asked[one.Symbol] = []string{"busybox", "applets", "without", strconv.Itoa(i)}
		}
	}
}

// turnOff leaves out an applet. If it is a member of a choice, such as which
// shell is called sh, the choice falls to a member that is no applet.
func (r *request) turnOff(symbol string) {
	s := r.tree.Symbols[symbol]
	if s != nil && s.Choice != nil {
		for _, member := range s.Choice.Members {
			if !slices.ContainsFunc(r.applets, func(one applet.Applet) bool { return one.Symbol == member }) {
				r.set(member, "y")
				return
			}
		}
	}
	r.values[symbol] = "n"
}

// entry returns the entry of an applet that a configuration means: of
// several, the one whose symbol it sets, else the first that isn't set off.
func (r *request) entry(name string, req sdk.BuildRequest) applet.Applet {
	entries := applet.Named(r.applets, name)
	for _, want := range []string{"y", ""} {
		for _, one := range entries {
			if req.Set[one.Symbol] == want {
				return one
			}
		}
	}
	return entries[0]
}

// contradictions says which wishes of the configuration can't come true.
func (r *request) contradictions(req sdk.BuildRequest, s situation) sdk.Diagnostics {
	var problems sdk.Diagnostics
	for _, one := range settings {
		if one.required && (one.when == nil || one.when(s)) && r.tree.Symbols[one.symbol] != nil && r.values[one.symbol] != one.value {
			problems = append(problems, sdk.Diagnostic{
				Summary: "Setting that mkmini needs",
				Detail:  fmt.Sprintf("%s must be %s, as %s.", one.symbol, one.value, one.why),
				Remedy:  fmt.Sprintf("Remove `%s`.", one.symbol),
				Path:    r.asked[one.symbol],
			})
		}
	}
	for _, one := range breakages {
		path, asked := r.asked[one.symbol]
		if !asked || r.values[one.symbol] == one.value || one.when != nil && !one.when(s) || r.tree.Symbols[one.symbol] == nil {
			continue
		}
		if _, there := s.macros[one.macro]; one.macro != "" && there {
			continue
		}
		problems = append(problems, sdk.Diagnostic{
			Summary: one.symbol + " does not compile here",
			Detail:  fmt.Sprintf("Busybox %s is known to break with %s=%s: %s.", s.version, one.symbol, r.values[one.symbol], one.why),
			Remedy:  "Leave it out, or use another version of busybox or another compiler.",
			Path:    path,
		})
	}
	return problems
}

// unknownSymbols checks names and values of `set`.
func (r *request) unknownSymbols(set map[string]string) sdk.Diagnostics {
	var problems sdk.Diagnostics
	for _, name := range slices.Sorted(maps.Keys(set)) {
		path := []string{"busybox", "set", name}
		symbol := r.tree.Symbols[name]
		if symbol == nil {
			problems = append(problems, sdk.Diagnostic{
				Summary: "Unknown busybox symbol",
				Detail:  fmt.Sprintf("This version of busybox has no symbol %s.", name),
				Remedy:  r.didYouMean(name), Path: path,
			})
			continue
		}
		if want := mistyped(symbol.Type, set[name]); want != "" {
			problems = append(problems, sdk.Diagnostic{
				Summary: "Wrong value of a busybox symbol",
				Detail:  fmt.Sprintf("%s takes %s, not %s.", name, want, set[name]),
				Remedy:  fmt.Sprintf("See %s:%d of busybox for what it does.", filepath.ToSlash(symbol.File), symbol.Line),
				Path:    path,
			})
		}
	}
	return problems
}

func (r *request) didYouMean(name string) string {
	bare := strings.TrimPrefix(name, "CONFIG_")
	if bare != name && r.tree.Symbols[bare] != nil {
		return fmt.Sprintf("Write it without CONFIG_: `%s`.", bare)
	}
	if near := r.tree.Nearest(bare); near != "" {
		return fmt.Sprintf("Did you mean `%s`?", near)
	}
	return "Look it up in `make menuconfig` of busybox, or in the .config of an earlier build."
}

// mistyped returns what a symbol of a type takes if a value isn't that.
func mistyped(kind, value string) string {
	switch kind {
	case "bool":
		if value != "y" && value != "n" {
			return "true or false"
		}
	case "int":
		if _, err := strconv.ParseInt(value, 10, 64); err != nil {
			return "a whole number"
		}
	case "hex":
		if _, err := strconv.ParseInt(value, 0, 64); err != nil {
			return "a hexadecimal number"
		}
	case "string":
		if len(value) < 2 || value[0] != '"' || value[len(value)-1] != '"' {
			return "a text"
		}
	}
	return ""
}

// unknownApplets checks the names of `applets`.
func (r *request) unknownApplets(only, without []string) sdk.Diagnostics {
	var problems sdk.Diagnostics
	for _, list := range []struct {
		attribute string
		names     []string
	}{{"only", only}, {"without", without}} {
		for i, name := range list.names {
			if len(applet.Named(r.applets, name)) > 0 {
				continue
			}
			problem := sdk.Diagnostic{
				Summary: "Unknown applet",
				Detail:  fmt.Sprintf("This version of busybox has no applet %q.", name),
				Remedy:  "Run `busybox --list` on another machine for the names there are.",
				Path:    []string{"busybox", "applets", list.attribute, strconv.Itoa(i)},
			}
			if near := kconfig.Nearest(name, applet.Names(r.applets)); near != "" {
				problem.Remedy = fmt.Sprintf("Did you mean %q?", near)
			}
			problems = append(problems, problem)
		}
	}
	return problems
}
