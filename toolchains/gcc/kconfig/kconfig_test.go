package kconfig_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/toolchains/gcc/gcctest"
	"github.com/mkmini/mkmini/toolchains/gcc/kconfig"
)

// files is a small tree in the manner of busybox's.
var files = map[string]string{
	"Config.in": `
mainmenu "Test"

config HAVE_DOT_CONFIG
	bool
	default y

menu "Settings"

config STATIC
	bool "Build static binary (no shared libs)"
	default n
	help
	A text that says "depends on nothing" and

	config LOOKS_LIKE_A_SYMBOL

config PIE
	bool "Position independent"
	depends on !STATIC

choice
	prompt "Which link"
	default LINK_SOFT

config LINK_SOFT
	bool "soft"

config LINK_HARD
	bool "hard"

endchoice

config NAME
	string "Name with a # sign"
	default "a # b"

endmenu

source net/Config.in
`,
	"net/Config.in": `
menu "Networking"
	depends on NETWORK || \
		ALL

if WGET
config WGET_TLS
	bool "TLS"
	select TLS
	select SHA if NEED_SHA && !SMALL   # a remark
	depends on (A || B) && C != "x"
endif

config WGET
	int "Number"
	range 1 9
endmenu
`,
}

func open(name string) (string, error) {
	text, ok := files[name]
	if !ok {
		return "", os.ErrNotExist
	}
	return text, nil
}

func parse(t *testing.T) *kconfig.Tree {
	t.Helper()
	tree, err := kconfig.Parse("Config.in", open)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestParse(t *testing.T) {
	type symbol struct {
		Type, Prompt, File string
		Line               int
		Depends, Selects   []string
		Choice             []string
	}
	got := map[string]symbol{}
	for name, s := range parse(t).Symbols {
		one := symbol{Type: s.Type, Prompt: s.Prompt, File: s.File, Line: s.Line}
		for _, e := range s.Depends {
			one.Depends = append(one.Depends, e.String())
		}
		for _, sel := range s.Selects {
			text := sel.Name
			if sel.If != nil {
				text += " if " + sel.If.String()
			}
			one.Selects = append(one.Selects, text)
		}
		if s.Choice != nil {
			one.Choice = s.Choice.Members
		}
		got[name] = one
	}
	link := []string{"LINK_SOFT", "LINK_HARD"}
	want := map[string]symbol{
		"HAVE_DOT_CONFIG": {Type: "bool", File: "Config.in", Line: 4},
		"STATIC":          {Type: "bool", Prompt: "Build static binary (no shared libs)", File: "Config.in", Line: 10},
		"PIE":             {Type: "bool", Prompt: "Position independent", File: "Config.in", Line: 18, Depends: []string{"!STATIC"}},
		"LINK_SOFT":       {Type: "bool", Prompt: "soft", File: "Config.in", Line: 26, Choice: link},
		"LINK_HARD":       {Type: "bool", Prompt: "hard", File: "Config.in", Line: 29, Choice: link},
		"NAME":            {Type: "string", Prompt: "Name with a # sign", File: "Config.in", Line: 34},
		"WGET_TLS": {Type: "bool", Prompt: "TLS", File: "net/Config.in", Line: 7,
			Depends: []string{"NETWORK || ALL", "WGET", `(A || B) && C != "x"`}, Selects: []string{"TLS", "SHA if NEED_SHA && !SMALL"}},
		"WGET": {Type: "int", Prompt: "Number", File: "net/Config.in", Line: 14, Depends: []string{"NETWORK || ALL"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestUnmetAndSelectedBy(t *testing.T) {
	tree := parse(t)
	values := kconfig.Values{"NETWORK": "y", "WGET": "n", "B": "y", "C": `"y"`, "WGET_TLS": "y", "NEED_SHA": "y", "SMALL": "y"}
	var unmet []string
	for _, e := range tree.Symbols["WGET_TLS"].Unmet(values) {
		unmet = append(unmet, e.String())
	}
	if diff := cmp.Diff([]string{"WGET"}, unmet); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"WGET_TLS"}, tree.SelectedBy("TLS", values)); diff != "" {
		t.Error(diff)
	}
	if by := tree.SelectedBy("SHA", values); len(by) > 0 {
		t.Errorf("SHA is selected by %v although the condition is false", by)
	}
}

func TestParseRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"open menu": "menu \"x\"\n", "closing nothing": "endif\n", "wrong end": "menu \"x\"\nendchoice\n",
		"no name": "config\n", "unknown word": "config A\n\tfrobnicate\n", "no symbol": "config A\n\tdepends on &&\n",
		"parenthesis": "config A\n\tdepends on (B\n", "select of nothing": "select A\n", "itself": "source Config.in\n",
	} {
		_, err := kconfig.Parse("Config.in", func(string) (string, error) { return text, nil })
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := kconfig.Parse("absent", open); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("err = %v, want %v", err, os.ErrNotExist)
	}
}

func TestNearest(t *testing.T) {
	candidates := []string{"telnet", "telnetd", "tail", "tar", "ls"}
	for name, want := range map[string]string{"telnted": "telnetd", "tial": "tail", "tails": "tail", "lss": "ls", "frobnicate": "", "tat": "tar"} {
		if got := kconfig.Nearest(name, candidates); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestValues(t *testing.T) {
	text := "# a remark\nCONFIG_A=y\n# CONFIG_B is not set\nCONFIG_N=42\nCONFIG_S=\"a=b\"\nrubbish\n"
	values := kconfig.ParseValues(text)
	if diff := cmp.Diff(kconfig.Values{"A": "y", "B": "n", "N": "42", "S": `"a=b"`}, values); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(values, kconfig.ParseValues(values.String())); diff != "" {
		t.Error("written and read again:", diff)
	}
}

func TestLoadOfBusybox(t *testing.T) {
	tree, err := kconfig.Load(gcctest.Source(t))
	if err != nil {
		t.Fatal(err)
	}
	if got := len(tree.Symbols); got < 1000 {
		t.Errorf("%d symbols, want 1000 or more", got)
	}
	if got := tree.Nearest("FEATURE_PREFER_APLETS"); got != "FEATURE_PREFER_APPLETS" {
		t.Errorf("nearest = %q", got)
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range files {
		f.Add(text)
	}
	f.Add("config A\n\tbool \"x\n\thelp\n\t  y\n z\n")
	f.Fuzz(func(t *testing.T, text string) {
		tree, err := kconfig.Parse("Config.in", func(string) (string, error) { return text, nil })
		if err != nil {
			return
		}
		for name, s := range tree.Symbols {
			s.Unmet(kconfig.Values{})
			tree.SelectedBy(name, kconfig.Values{name: "y"})
		}
	})
}

func FuzzParseExpr(f *testing.F) {
	f.Add(`!A && (B || C != "x") # remark`)
	f.Add(strings.Repeat("(", 200))
	f.Fuzz(func(t *testing.T, text string) {
		e, err := kconfig.ParseExpr(text)
		if err != nil {
			return
		}
		again, err := kconfig.ParseExpr(e.String())
		if err != nil {
			t.Fatalf("%q was written as %q: %v", text, e, err)
		}
		values := kconfig.Values{"A": "y"}
		if again.String() != e.String() || again.Holds(values) != e.Holds(values) {
			t.Errorf("%q became %q, then %q", text, e, again)
		}
	})
}

func FuzzParseValues(f *testing.F) {
	f.Add("CONFIG_A=y\n# CONFIG_B is not set\n")
	f.Fuzz(func(t *testing.T, text string) {
		values := kconfig.ParseValues(text)
		if diff := cmp.Diff(values, kconfig.ParseValues(values.String())); diff != "" {
			t.Error(diff)
		}
	})
}
