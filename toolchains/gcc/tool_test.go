package gcc

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEnvironment looks at what children get: nothing that could change what
// they make without a trace in a key.
func TestEnvironment(t *testing.T) {
	for _, name := range []string{"LD_LIBRARY_PATH", "CC", "CFLAGS", "CPATH", "GCC_EXEC_PREFIX", "MAKEFLAGS"} {
		t.Setenv(name, "/mine")
	}
	t.Setenv("HOME", "/home")
	env := environment("/work", "A=b")
	for _, entry := range env {
		if strings.Contains(entry, "/mine") {
			t.Errorf("children get %s", entry)
		}
	}
	for _, want := range []string{"HOME=/home", "TMPDIR=/work", "LC_ALL=C", "TZ=UTC", "A=b"} {
		if !slices.Contains(env, want) {
			t.Errorf("%s is not in %q", want, env)
		}
	}
}

func TestLinesOfFailure(t *testing.T) {
	for output, want := range map[string][]string{
		"":                        {"cc -c x.c"},
		"\n \n":                   {"cc -c x.c"},
		"one\ntwo\n\n":            {"cc -c x.c", "one", "two"},
		strings.Repeat("x\n", 30): append(append([]string{"cc -c x.c"}, strings.Split(strings.Repeat("x ", 20), " ")[:20]...), "…"),
	} {
		failed := &commandError{command: []string{"cc", "-c", "x.c"}, output: output}
		if diff := cmp.Diff(want, failed.lines()); diff != "" {
			t.Errorf("lines of %q (-want +got):\n%s", output, diff)
		}
	}
}
