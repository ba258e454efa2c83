package ui

import (
	"os/exec"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/event"
)

func TestQuote(t *testing.T) {
	tests := []struct{ in, want string }{
		{"", "''"},
		{"out/minios-x86_64.docker.tar", "out/minios-x86_64.docker.tar"},
		{"a b", "'a b'"},
		{"it's", `'it'\''s'`},
		{"~/x", "'~/x'"},
		{"$HOME", "'$HOME'"},
		{"a*?[b]", "'a*?[b]'"},
		{`back\slash"`, `'back\slash"'`},
		{"系统", "系统"},
		{"a\nb'\\\x1b1", `$'a\012b\'\\\0331'`},
		{"x\u0085é", `$'x\302\205\303\251'`},
		{"a\xffb", "'a\xffb'"},
	}
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Log("bash (Debian package bash) is not here: quoted words are compared only")
	}
	for _, test := range tests {
		got := Quote(test.in)
		if got != test.want {
			t.Errorf("Quote(%q) = %s, want %s", test.in, got, test.want)
		}
		if bash == "" {
			continue
		}
		out, err := exec.CommandContext(t.Context(), bash, "-c", "printf %s "+got).Output()
		if err != nil || string(out) != test.in {
			t.Errorf("a shell reads %s as %q (%v), want %q", got, out, err, test.in)
		}
	}
}

func TestCommands(t *testing.T) {
	tests := []struct {
		path string
		run  []string
		want []string
	}{
		{"out/a.tar", nil, []string{}},
		{"out/a.tar", []string{"docker load -i {path}", "docker run x"}, []string{"docker load -i out/a.tar", "docker run x"}},
		{"my out/a", []string{"cp {path} {path}.bak && ls"}, []string{"cp 'my out/a' 'my out/a'.bak && ls"}},
		{"-out/a", []string{"tar tf {path}"}, []string{"tar tf ./-out/a"}},
		{"a", []string{"echo \x1b[2J{path}\n"}, []string{"echo a"}},
	}
	for _, test := range tests {
		got := Commands(event.Artifact{Path: test.path, Run: test.run})
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("commands for %q (-want +got):\n%s", test.path, diff)
		}
	}
}
