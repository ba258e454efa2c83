package main_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/testenv"
)

// transcripts returns the commands of the ```console blocks that follow a
// line "<!-- test -->": the lines that begin with "$ ", with those that
// continue them.
func transcripts(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	parts := strings.Split(string(text), "<!-- test -->\n```console\n")
	for _, part := range parts[1:] {
		block, _, closed := strings.Cut(part, "\n```")
		if !closed {
			t.Fatalf("%s: a block doesn't end", name)
		}
		var script strings.Builder
		continued := false
		for line := range strings.Lines(block + "\n") {
			if command, ok := strings.CutPrefix(line, "$ "); ok || continued {
				script.WriteString(command)
				continued = strings.HasSuffix(line, "\\\n")
			}
		}
		blocks = append(blocks, script.String())
	}
	return blocks
}

// TestReadme runs the marked commands of README.md, one after another, in a
// copy of the sources and with an empty home folder.
func TestReadme(t *testing.T) {
	t.Parallel()
	testenv.Tool(t, "make", "make")
	testenv.Tool(t, "gcc", "gcc")
	scripts := transcripts(t, "README.md")
	if len(scripts) == 0 {
		t.Fatal("README.md has no marked commands")
	}
	if diff := cmp.Diff(scripts, transcripts(t, "README.zh-CN.md")); diff != "" {
		t.Errorf("marked commands (-README.md +README.zh-CN.md):\n%s", diff)
	}
	dir := filepath.Join(t.TempDir(), "mkmini")
	copySources(t, dir)
	env := append(os.Environ(), "HOME="+t.TempDir(), "XDG_CACHE_HOME=", "MKMINI_STORE="+store(),
		"GOMODCACHE="+goEnv(t, "GOMODCACHE"), "GOCACHE="+goEnv(t, "GOCACHE"))
	for _, script := range scripts {
		cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", script)
		cmd.Dir, cmd.Env = dir, env
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s%v\n%s", script, err, tail(string(out)))
		}
	}
}

// copySources copies what git knows, with what isn't committed yet.
func copySources(t *testing.T, dir string) {
	t.Helper()
	testenv.Tool(t, "git", "git")
	list := testenv.Output(t, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "tar", "--null", "--ignore-failed-read", "-T", "-", "-cf", "-")
	cmd.Stdin = strings.NewReader(list)
	archive, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", cmd, err)
	}
	cmd = exec.CommandContext(t.Context(), "tar", "-xf", "-", "-C", dir)
	cmd.Stdin = bytes.NewReader(archive)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	return strings.TrimSpace(testenv.Output(t, "go", "env", name))
}
