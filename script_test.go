package main_test

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mkmini/mkmini/core/testenv"
	"github.com/mkmini/mkmini/toolchains/sw64/standin"
)

var update = flag.Bool("update", false, "write what mkmini prints into the scripts")

// TestScript runs the scripts of testdata/script. Beside testscript's own
// commands there are:
//
//	mkmini CODE ARGS...   run mkmini, which must end with that exit code; its
//	                      messages are in the file "output", without line
//	                      breaks in paragraphs and with $WORK for its path
//	compiler DIR TRIPLET CC [FLAG]
//	                      make a compiler in DIR, named after the triplet,
//	                      that is CC but refuses FLAG
//	standin DIR           make the stand-in for the sw64 compiler
func TestScript(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:           filepath.Join("testdata", "script"),
		UpdateScripts: *update,
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir+"/home")
			env.Setenv("MKMINI_STORE", store())
			env.Setenv("PATH", os.Getenv("PATH"))
			env.Setenv("SYSTEM_PATH", os.Getenv("PATH"))
			env.Setenv("CONFIGS", filepath.Join(testenv.Checkout(), "configs"))
			return os.Mkdir(env.WorkDir+"/home", 0o777)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"mkmini": func(ts *testscript.TestScript, neg bool, args []string) {
				runScripted(ts, neg, program(t), args)
			},
			"compiler": makeCompiler,
			"standin":  makeStandin,
		},
	})
}

// runScripted runs mkmini and checks its exit code.
func runScripted(ts *testscript.TestScript, neg bool, program string, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: mkmini CODE ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(program, args[1:]...)
	var exit *exec.ExitError
	got := 0
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
	text := ts.ReadFile("stderr")
	if strings.Contains(text, "goroutine ") || strings.Contains(text, "DATA RACE") {
		ts.Fatalf("mkmini crashed")
	}
	text = strings.ReplaceAll(text, ts.Getenv("WORK"), "$WORK")
	if dir := ts.Getenv("MKMINI_STORE"); dir != "" {
		text = strings.ReplaceAll(text, dir, "$STORE")
	}
	text = key.ReplaceAllString(text, "$$KEY")
	text = temporary.ReplaceAllString(text, ".N")
	ts.Check(os.WriteFile(ts.MkAbs("output"), []byte(unwrap(messages(text))), 0o666))
}

// key is a key of the store, and temporary the end of a temporary folder.
var (
	key       = regexp.MustCompile(`\b[0-9a-f]{64}\b`)
	temporary = regexp.MustCompile(`\.[0-9]{6,}\b`)
)

// messages returns errors and warnings, without the progress before them.
func messages(text string) string {
	if at := message.FindStringIndex(text); at != nil {
		return text[at[0]:]
	}
	return ""
}

var message = regexp.MustCompile(`(?m)^(Error|Warning): `)

// unwrap joins the lines of paragraphs and drops indents and empty lines in
// a row: where lines break depends on how long the paths in them are. A line
// that is indented begins a new one.
func unwrap(text string) string {
	var lines []string
	running := false
	for line := range strings.Lines(text) {
		indented := strings.HasPrefix(line, " ")
		line = strings.TrimSpace(line)
		switch last := len(lines) - 1; {
		case line != "" && running && !indented:
			lines[last] += " " + line
		case line != "" || running:
			lines = append(lines, line)
		}
		running = line != ""
	}
	return strings.TrimSpace(strings.Join(lines, "\n")) + "\n"
}

func makeCompiler(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: compiler DIR TRIPLET CC [FLAG]")
	}
	dir, triplet := ts.MkAbs(args[0]), args[1]
	cc, err := exec.LookPath(args[2])
	ts.Check(err)
	script := "#!/bin/sh\n"
	if len(args) > 3 {
		script += "for arg; do case $arg in " + args[3] + ") echo \"" + triplet + "-gcc: no $arg here\" >&2; exit 1;; esac; done\n"
	}
	script += "exec " + cc + " \"$@\"\n"
	ts.Check(os.MkdirAll(dir, 0o777))
	ts.Check(os.WriteFile(filepath.Join(dir, triplet+"-gcc"), []byte(script), 0o777))
	// The other tools of the same compiler stand beside it.
	prefix := strings.TrimSuffix(cc, "gcc")
	for _, tool := range []string{"ar", "as", "ld", "nm", "objcopy", "objdump", "ranlib", "readelf", "strip"} {
		if _, err := os.Stat(prefix + tool); err == nil {
			ts.Check(os.Symlink(prefix+tool, filepath.Join(dir, triplet+"-"+tool)))
		}
	}
}

func makeStandin(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: standin DIR")
	}
	ts.Check(standin.Install(ts.MkAbs(args[0])))
}
